"""The page Today tells in numbers and in one sentence how things stand; it names no case and no person."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from aiohttp import web
from sqlalchemy import insert

from csenet.gateway.casework import build_app
from csenet.gateway.console import words
from csenet.gateway.console.health import own_health
from csenet.gateway.console.today import Figures
from csenet.gateway.console.words import duration
from csenet.gateway.desk.results import LedgerReport
from csenet.gateway.desk.views_today import Today, WorkLine
from csenet.gateway.health_book import HEALTH
from csenet.gateway.store import destinations, outbox, partner_holds, receipts
from csenet.gateway.store.destinations import Destination
from csenet.gateway.store.sealing import sealed
from csenet.gateway.store.tables import outbound, work_item


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
        await conn.execute(insert(outbound), sealed(conn, outbound, rows))


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
        await conn.execute(insert(work_item), sealed(conn, work_item, rows))


async def test_a_quiet_gateway_says_that_all_is_well(look: Any) -> None:
    text = (await look("/")).text
    for told in ("Minnesota", "All is well.", "balanced", "No work item is open.", "nothing waits"):
        assert told in text


async def test_the_page_counts_by_partner_and_names_no_case(look: Any, store: Any, clock: Any) -> None:
    await add_work(store, clock, ("close_case", date(2026, 12, 9), "open"), ("review", None, "completed"))
    await add_waiting(
        store,
        clock,
        ("delivered", timedelta(days=9)),
        ("queued", timedelta(minutes=59)),
        ("sending", timedelta(minutes=5)),
    )
    text = (await look("/")).text
    assert "Kansas 0 0 2 0 0" in text
    assert "Close case 1 9 Dec 2026" in text
    assert "Oldest waiting 59 minutes" in text
    assert "MN0000123" not in text


async def test_a_script_gets_only_what_changes(browser: Any) -> None:
    whole = await (await browser.get("/")).text()
    part = await (await browser.get("/", headers={"HX-Request": "true"})).text()
    assert "<html" in whole
    assert "<html" not in part
    assert "All is well." in part


async def test_the_page_allows_only_our_own_files_and_no_inline_code(browser: Any) -> None:
    answer = await browser.get("/")
    html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "style=" not in html
    assert "<style" not in html
    assert "onclick" not in html
    assert "//" not in html.replace("</", "")


async def test_the_page_can_be_read_by_those_who_do_not_see_it(look: Any, store: Any, clock: Any) -> None:
    await add_work(store, clock, ("close_case", None, "open"))
    seen = await look("/")
    tags = [tag for tag, _ in seen.tags]
    assert ("html", {"lang": "en"}) in seen.tags
    assert tags.count("h1") == tags.count("main") == 1
    assert tags.count("caption") == tags.count("table") == 3
    assert all("scope" in attributes for tag, attributes in seen.tags if tag == "th")
    identifiers = {attributes["id"] for _, attributes in seen.tags if "id" in attributes}
    labels = {attributes["aria-labelledby"] for _, attributes in seen.tags if "aria-labelledby" in attributes}
    assert labels <= identifiers


class CountingDesk:
    """Remember what was asked."""

    def __init__(self, figures: Today) -> None:
        self.figures = figures
        self.balanced = True
        self.proved: tuple[datetime, bool] | None = None
        self.calls: list[str] = []

    async def today(self, since: datetime) -> Today:
        self.calls.append("today")
        return msgspec.structs.replace(self.figures, since=since)

    async def ledger_proved(self) -> tuple[datetime, bool] | None:
        return self.proved

    async def ledger_check(self) -> LedgerReport:
        self.calls.append("ledger_check")
        counts: dict[str, int] = {}
        return LedgerReport(
            balanced=self.balanced, files=0, files_waiting=0, inbound=counts, outbound=counts, differences=[]
        )


@pytest.fixture
def counting(clock: Any) -> CountingDesk:
    return CountingDesk(
        Today(
            since=clock.now(),
            flows=[],
            waiting={},
            spoilt=0,
            refused=0,
            work=[],
            oldest_waiting=None,
            files_waiting=0,
            last_file=None,
            last_batch=None,
            exchange=Destination(),
        )
    )


async def test_the_store_is_counted_at_most_every_five_seconds_and_proved_every_minute(
    counting: Any, clock: Any
) -> None:
    figures = Figures(counting, clock)

    async def asked_after(seconds: float) -> list[str]:
        counting.calls.clear()
        clock.advance(seconds)
        await figures.summary()
        return list(counting.calls)

    assert await asked_after(0) == ["ledger_check", "today"]
    assert await asked_after(0) == []
    assert await asked_after(4.9) == []
    assert await asked_after(0.1) == ["today"]
    assert await asked_after(54.9) == ["today"]
    assert await asked_after(5) == ["ledger_check", "today"]


async def test_a_day_begins_at_midnight_where_the_agency_is(counting: Any, clock: Any) -> None:
    summary = await Figures(counting, clock).summary()
    assert summary.figures.since.isoformat() == "2026-11-20T00:00:00-06:00"


@pytest.mark.parametrize(
    ("change", "words", "urgent"),
    [
        ({"waiting": {"dead": 2}}, "2 transactions could not be delivered.", True),
        ({"waiting": {"parked": 1}}, "1 transaction received cannot be dealt with yet.", True),
        ({"waiting": {"held": 1}}, "1 transaction may not leave as things stand.", True),
        ({"refused": 1}, "The exchange returned 1 transaction today.", True),
        ({"spoilt": 1}, "1 transaction that came today cannot be used.", False),
        ({"work": [WorkLine(kind="a", count=3, overdue=2)]}, "2 work items overdue.", True),
        ({"work": [WorkLine(kind="a", count=3, due_today=1)]}, "1 work item due today.", False),
        ({"exchange": Destination(state="open", failures=8)}, "The exchange took nothing in 8 tries", True),
    ],
)
async def test_what_is_not_well_is_said_with_what_to_do(
    counting: Any, clock: Any, change: dict[str, Any], words: str, urgent: bool
) -> None:
    counting.figures = msgspec.structs.replace(counting.figures, **change)
    summary = await Figures(counting, clock).summary()
    (concern,) = summary.concerns
    assert concern.what.startswith(words)
    assert concern.do
    assert summary.urgent is urgent


async def test_a_ledger_that_does_not_add_up_comes_first(counting: Any, clock: Any) -> None:
    counting.balanced = False
    counting.figures = msgspec.structs.replace(counting.figures, waiting={"dead": 1})
    first, _ = (await Figures(counting, clock).summary()).concerns
    assert first.what == "The ledger does not add up."


class Lacking:
    """Tell what a gateway lacks to be ready, and what else somebody should look at."""

    def __init__(self, *lacking: str, note: str = "") -> None:
        self.lacking, self.note = list(lacking), note

    def not_ready(self) -> list[str]:
        return self.lacking

    def notes(self) -> list[str]:
        return [self.note] if self.note else []


async def test_nobody_waits_for_a_proof_that_the_job_left(counting: Any, clock: Any) -> None:
    counting.proved = (clock.now(), False)
    figures = Figures(counting, clock)
    assert not (await figures.summary()).balanced
    clock.advance(60)
    counting.proved = (clock.now(), True)
    assert (await figures.summary()).balanced
    assert "ledger_check" not in counting.calls
    clock.advance(11 * 60)
    counting.balanced = False
    assert not (await figures.summary()).balanced, "what the job left is too old"


async def test_the_gateway_s_own_health_comes_before_all_else(counting: Any, clock: Any) -> None:
    app = web.Application()
    note = "A commit takes 3.5 s: the disk is slow. See what else keeps it busy."
    app[HEALTH] = Lacking("the disk has less left than its reserve", note=note)  # type: ignore[assignment]
    summary = await Figures(counting, clock, health=partial(own_health, app)).summary()
    assert [(each.what, each.do, each.urgent) for each in summary.concerns] == [
        (
            "The disk has less left than its reserve.",
            "Nothing is taken in until that is mended: runbook, CsenetNotReady.",
            True,
        ),
        ("A commit takes 3.5 s: the disk is slow.", "See what else keeps it busy.", False),
    ]


@pytest.mark.parametrize("shown", ["", "Bearer csn_of-nobody", "Basic YTpi"])
@pytest.mark.parametrize("part", [False, True])
async def test_a_stranger_sees_only_whether_it_serves(
    aiohttp_client: Any, desk: Any, store: Any, clock: Any, shown: str, part: bool
) -> None:
    await add_waiting(store, clock, ("dead", timedelta(minutes=5)))
    health = Lacking()
    app = build_app(desk, store, clock=clock, jurisdiction_name="Minnesota")
    app[HEALTH] = health  # type: ignore[assignment]
    asked = {"Authorization": shown} if shown else {}
    if part:
        asked["HX-Request"] = "true"
    client = await aiohttp_client(app, headers=asked)
    for told, lacking in (("Serving.", []), ("Not ready.", ["the disk has less left than its reserve"])):
        health.lacking = lacking
        answer = await client.get("/")
        html = await answer.text()
        assert (answer.status, answer.headers.get("Retry-After")) == ((503, "5") if lacking else (200, None))
        assert told in html
        assert '<a href="/sign-in">' in html
        assert ("Minnesota" in html) is not part
        for figure in ("Kansas", "dead", "deliver", "Came today", "Ledger", "disk", "attention"):
            assert figure not in html


async def test_a_hold_is_told_and_ends(look: Any, store: Any, clock: Any) -> None:
    async with store.begin() as conn:
        await destinations.hold(conn, "line test", actor="operator", at=clock.now())
    clock.advance(120)
    text = (await look("/")).text
    assert "Delivery has been on hold for 2 minutes" in text
    assert "line test" not in text
    async with store.begin() as conn:
        await partner_holds.hold(conn, "20", "moves offices", actor="operator", at=clock.now())
        batch = await outbox.add_batch(
            conn, jurisdiction="27", framing="lines", payload=b"x", rows=[], at=clock.now()
        )
        await receipts.expect(conn, batch.id, clock.now())
    clock.advance(180)
    text = (await look("/")).text
    assert "What goes to Kansas has been on hold for 3 minutes." in text
    assert "moves offices" not in text
    assert "1 receipt for what was sent did not come in time." in text


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47), "1 day"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(age: timedelta, words: str) -> None:
    assert duration(age) == words


@pytest.mark.parametrize(
    ("way", "kept", "told"),
    [
        (words.prose, "send it again, until 2027-05-21.", "send it again, until 21 May 2027."),
        (words.prose, "number 2027-13-45", "number 2027-13-45"),
        (words.span, "PT36H", "36 hours"),
        (words.span, "P2D", "2 days"),
        (words.span, "PT1M30S", "1 minute 30 seconds"),
        (words.span, "PRINTER", "PRINTER"),
        (words.month, "2026-11", "Nov 2026"),
        (words.label, "closed_on", "Closed on"),
        (words.plain, False, "no"),
        (words.reason, "http_503", "the other side failed <small>http_503</small>"),
        (words.reason, "the <facts> lack it", "the &lt;facts&gt; lack it"),
        (words.deed, "case.read", "looked at the case"),
        (words.deed, "job.run", "job run"),
    ],
)
def test_what_is_kept_for_programs_is_said_for_people(way: Any, kept: Any, told: str) -> None:
    assert str(way(kept)) == told
