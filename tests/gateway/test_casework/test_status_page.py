"""The status page tells people how things are, in numbers, without a case or a person."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from csenet.gateway.casework.status import Summary, WorkLine, content_security_policy, page
from csenet.gateway.desk import views
from csenet.gateway.store.tables import outbound, work_item

VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """Check that tags close in order, and collect texts and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


@pytest.fixture
def calm(clock: Any) -> Summary:
    return Summary(
        jurisdiction="Minnesota",
        now=clock.now(),
        today=date(2026, 11, 20),
        inbound={"decided": 3},
        outbound={"delivered": 2},
        work=[],
        oldest_waiting=None,
        files_waiting=0,
        balanced=True,
    )


def changed(summary: Summary, **values: Any) -> str:
    return Reader(page(msgspec.structs.replace(summary, **values))).text


@pytest.fixture
def counting(desk: Any, store: Any) -> None:
    """Let the desk count what is in the store."""

    async def counts() -> views.Counts:
        async with store.read() as conn:
            return await views.counts(conn)

    desk.counts = counts


async def add_work(store: Any, clock: Any, *items: tuple[str, date | None, str]) -> None:
    rows = [
        {
            "kind": kind,
            "title": "Close MN0000123",
            "case_id": "MN0000123",
            "group": "GSC17",
            "due": due,
            "status": status,
            "reasons": [],
            "details": {},
            "opened_at": clock.now(),
        }
        for kind, due, status in items
    ]
    async with store.begin() as conn:
        await conn.execute(insert(work_item), rows)


async def add_waiting(store: Any, clock: Any, *waiting: tuple[str, timedelta]) -> None:
    rows = [
        {
            "serial": number,
            "partner": "20",
            "case_id": "MN0000123",
            "far": "MSC P GSC15",
            "status": status,
            "raw": b"",
            "correlation": "x",
            "intake_at": clock.now() - age,
            "created_at": clock.now() - age,
            "attempts": 0,
        }
        for number, (status, age) in enumerate(waiting, 1)
    ]
    async with store.begin() as conn:
        await conn.execute(insert(outbound), rows)


async def test_a_quiet_gateway_says_that_all_is_well(open_api: Any) -> None:
    client = await open_api(None)
    answer = await client.get("/")
    assert (answer.status, answer.content_type, answer.charset) == (200, "text/html", "utf-8")
    text = Reader(await answer.text()).text
    for words in ("Minnesota", "All is well", "balanced", "No work item is open.", "nothing waits"):
        assert words in text


@pytest.mark.usefixtures("counting")
async def test_the_page_shows_open_work_by_kind_with_the_next_due_date(
    open_api: Any, store: Any, clock: Any
) -> None:
    await add_work(
        store,
        clock,
        ("close_case", date(2026, 12, 9), "open"),
        ("close_case", date(2026, 12, 7), "open"),
        ("review", None, "open"),
        ("review", date(2026, 1, 1), "completed"),
    )
    text = Reader(await (await (await open_api(None)).get("/")).text()).text
    assert "close case 2 07 Dec 2026 review 1 no date" in text
    assert "Open work items 3" in text
    assert "overdue" not in text


@pytest.mark.usefixtures("counting")
async def test_the_oldest_that_waits_to_leave_is_found_among_what_is_not_dead(
    open_api: Any, store: Any, clock: Any
) -> None:
    await add_waiting(
        store,
        clock,
        ("delivered", timedelta(days=9)),
        ("dead", timedelta(days=5)),
        ("queued", timedelta(hours=2, minutes=59)),
        ("sending", timedelta(minutes=5)),
    )
    text = Reader(await (await (await open_api(None)).get("/")).text()).text
    assert "Oldest waiting 2 hours" in text


@pytest.mark.usefixtures("counting")
async def test_the_page_names_no_case(open_api: Any, store: Any, clock: Any) -> None:
    await add_work(store, clock, ("close_case", None, "open"))
    await add_waiting(store, clock, ("queued", timedelta()))
    html = await (await (await open_api(None)).get("/")).text()
    assert "MN0000123" not in html


async def test_the_page_is_counted_at_most_every_five_seconds_and_proved_every_minute(
    open_api: Any, desk: Any, clock: Any
) -> None:
    client = await open_api(None)

    async def asked_after(seconds: float) -> list[str]:
        desk.calls.clear()
        clock.advance(seconds)
        await client.get("/")
        return [name for name, _ in desk.calls]

    assert await asked_after(0) == ["ledger_check", "counts"]
    assert await asked_after(0) == []
    assert await asked_after(4.9) == []
    assert await asked_after(0.1) == ["counts"]
    assert await asked_after(54.9) == ["counts"]
    assert await asked_after(5) == ["ledger_check", "counts"]


async def test_the_page_allows_only_its_own_style_and_no_script(open_api: Any) -> None:
    answer = await (await open_api(None)).get("/")
    html = await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy == content_security_policy()
    assert "unsafe" not in policy
    assert "<script" not in html
    assert "style=" not in html


def test_the_page_renews_itself_without_script_and_fits_a_phone(calm: Summary) -> None:
    metas = [attributes for tag, attributes in Reader(page(calm)).tags if tag == "meta"]
    assert {"http-equiv": "refresh", "content": "10"} in metas
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas


def test_the_page_can_be_read_by_those_who_do_not_see_it(calm: Summary) -> None:
    seen = Reader(page(msgspec.structs.replace(calm, work=[WorkLine(kind="review", count=1)])))
    tags = [tag for tag, _ in seen.tags]
    assert ("html", {"lang": "en"}) in seen.tags
    assert tags.count("h1") == 1
    assert tags.count("main") == 1
    assert tags.count("caption") == tags.count("table") == 3
    assert all("scope" in attributes for tag, attributes in seen.tags if tag == "th")
    identifiers = {attributes["id"] for _, attributes in seen.tags if "id" in attributes}
    labelled = {
        attributes["aria-labelledby"] for _, attributes in seen.tags if "aria-labelledby" in attributes
    }
    assert labelled <= identifiers


def test_what_needs_a_person_is_said_in_words(calm: Summary) -> None:
    text = changed(
        calm,
        balanced=False,
        inbound={"parked": 1},
        outbound={"dead": 2},
        work=[WorkLine(kind="close_case", count=1, next_due=date(2026, 11, 19))],
    )
    for words in (
        "Somebody should look",
        "The ledger does not add up",
        "2 transactions could not be delivered",
        "1 transaction received cannot be dealt with yet",
        "Work is overdue: close case.",
        "19 Nov 2026 (overdue)",
    ):
        assert words in text


def test_work_due_today_is_not_overdue(calm: Summary) -> None:
    text = changed(calm, work=[WorkLine(kind="close_case", count=1, next_due=date(2026, 11, 20))])
    assert "All is well" in text


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47), "1 day"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(calm: Summary, age: timedelta, words: str) -> None:
    assert f"Oldest waiting {words}" in changed(calm, oldest_waiting=calm.now - age)


def test_a_strange_name_does_not_break_the_page(calm: Summary) -> None:
    text = changed(calm, jurisdiction='<b>"&</b>', work=[WorkLine(kind="<i>", count=1, next_due=None)])
    assert '<b>"&</b>' in text
    assert "<i>" in text
