"""Each page is for those whose role has its right, hides who somebody is, and acts through the desk."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import insert, select, update

from csenet.gateway.casework import build_app
from csenet.gateway.console.part import add_pages
from csenet.gateway.console.routes import ROUTES
from csenet.gateway.console.sources import Sources
from csenet.gateway.delivery.probing import failed, well
from csenet.gateway.people import tokens
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.rights import Right, Role, table
from csenet.gateway.store import audit as records
from csenet.gateway.store.tables import outbound
from csenet.gateway.store.tables_audit import audit
from csenet.gateway.store.tables_people import api_token

from ..conftest import LEDGER, arriving, case_block, facts, lines

PEOPLE = tuple(str(role) for role in table().of_kind("person"))
PERSONAL = ("EXAMPLESON", "ROWAN", "NORDQUIST")


@pytest.fixture
async def world(desk: Any, clock: Any) -> Any:
    """Let Kansas ask what is owed and to close, one number come twice, and one line be no transaction."""
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await desk.put_case("MN2", facts(ledger=LEDGER))
    came = lines(
        arriving("MSC P GSC17", 77, "MN1", blocks="1000000", body=case_block()),
        arriving("MSC R GRINT", 78, "MN2"),
        arriving("MSC R GRINT", 79, "MN9"),
        b"no transaction",
    )
    await desk.settle((await desk.accept(came, source="test", name="one.txt")).file_id)
    return desk


@pytest.fixture
async def client(world: Any, store: Any, clock: Any, aiohttp_client: Any) -> TestClient[Any, Any]:
    app = build_app(world, store, clock=clock, jurisdiction_name="Minnesota")
    add_pages(app, Sources(desk=world, store=store, clock=clock, reader=Reader(world, store, clock)))
    made: TestClient[Any, Any] = await aiohttp_client(app)
    return made


@pytest.fixture
async def keys(store: Any, clock: Any) -> dict[str, dict[str, str]]:
    """Give somebody of each role, and one of all, a way in."""
    found = {}
    async with store.begin() as conn:
        for role in (*PEOPLE, " ".join(PEOPLE)):
            secret = f"csn_{len(found)}{'x' * 40}"
            digest = tokens._digest(secret)
            row = {"name": f"p{len(found)}", "role": role, "sha256": digest, "created_at": clock.now()}
            await conn.execute(insert(api_token).values(row))
            found["all" if " " in role else role] = {"Authorization": f"Bearer {secret}"}
    return found


@pytest.fixture
def read(client: Any, keys: Any) -> Any:
    async def opened(path: str, who: str = "all", status: int = 200) -> str:
        answer = await client.get(path, headers=keys[who])
        text: str = await answer.text()
        assert answer.status == status, text[:2000]
        return text

    return opened


def words(html: str) -> str:
    """Give what a person reads."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


FILLED = {
    "transaction_id": "in-1",
    "participant_id": "1",
    "case_id": "MN1",
    "rule": "RS7",
    "fips": "20",
    "digest": "0",
    "file": "x",
}


async def test_a_page_is_for_those_whose_role_has_its_right(client: Any, keys: Any) -> None:
    for method, path, _view in ROUTES:
        holders = table().roles_with(Right(table().pages[f"{method} {path}"])) & {Role(one) for one in PEOPLE}
        assert holders
        for role in PEOPLE:
            answer = await client.request(method, path.format(**FILLED), headers=keys[role], data={})
            assert (answer.status != 403) == (role in holders), (method, path, role)
        assert (await client.request(method, path.format(**FILLED))).status == 401


async def test_transactions_are_found_by_what_is_known_of_them(read: Any) -> None:
    found = {
        "": ["out-2", "out-1", "in-4", "in-3", "in-2", "in-1"],
        "case_id=mn1": ["in-1"],
        "code=MSC+R": ["in-3", "in-2"],
        "code=MSC+P+GSTAI": ["out-1"],
        "direction=in&status=decided": ["in-3", "in-2", "in-1"],
        "status=malformed": ["in-4"],
        "partner=Kansas&direction=out": ["out-2", "out-1"],
        "serial=78": ["in-2"],
        "since=2026-11-20&until=2026-11-20&code=MSC+R": ["in-3", "in-2"],
        "since=2026-11-21": [],
        "problem=header.length": [],
    }
    for query, names in found.items():
        html = await read(f"/console/transactions?{query}")
        assert re.findall(r'href="/console/transactions/((?:in|out)-\d+)"', html) == names, query


async def test_a_search_that_cannot_be_made_says_which_filter_is_wrong(read: Any) -> None:
    html = await read("/console/transactions?partner=Atlantis&since=yesterday")
    assert "no such state" in html
    assert "write a date as 2026-11-20" in html
    assert "Nothing was searched" in html


async def test_pages_follow_each_other_without_gap_or_repetition(desk: Any, store: Any, read: Any) -> None:
    more = lines(*(arriving("MSC R GRINT", number, "MN2") for number in range(100, 165)))
    await desk.settle((await desk.accept(more, source="test", name="two.txt")).file_id)
    seen, path = [], "/console/transactions?"
    while path:
        html = await read(path)
        seen += re.findall(r'<th scope="row"><a href="/console/transactions/((?:in|out)-\d+)"', html)
        following = re.search(r'rel="next" href="([^"]*)"', html)
        path = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 6 + 65 * 2


async def test_one_transaction_tells_what_it_says_and_why_what_followed(read: Any) -> None:
    text = words(await read("/console/transactions/in-1"))
    assert "Kansas" in text
    assert "MSC P GSC17" in text
    assert "Case-Status" in text
    assert "on disk, receipt given" in text
    assert "45 CFR 303.7(d)(9)" in text
    assert "Stop" in text
    answer = words(await read("/console/transactions/out-1"))
    assert "It answers in-2." in answer
    assert "Answers in-2" in answer


async def test_who_somebody_is_stays_hidden_until_somebody_says_why(
    client: Any, keys: Any, read: Any, store: Any
) -> None:
    masked = await read("/console/transactions/out-1")
    assert not any(name in masked for name in PERSONAL)
    assert "hidden" in masked
    path = "/console/transactions/out-1/clear"
    refused = await client.post(path, headers=keys["supervisor"], data={"purpose": "why"})
    assert "Say why, in 8 letters or more." in await refused.text()
    shown = await client.post(path, headers=keys["supervisor"], data={"purpose": "call of the other state"})
    assert "NORDQUIST" in await shown.text()
    async with store.read() as conn:
        rows = await records.found(conn, action="transaction.read")
    assert rows[-1]["detail"]["purpose"] == "call of the other state"
    assert rows[-1]["detail"]["channel"] == "console"


@pytest.mark.parametrize("path", ["/console/cases/MN1", "/console/transactions/in-1/diff?with=out-1"])
async def test_no_page_names_a_person(read: Any, path: str) -> None:
    html = await read(path)
    assert not any(name in html for name in PERSONAL)


async def test_somebody_is_found_by_ssn_and_name_and_the_search_is_on_record(
    client: Any, keys: Any, desk: Any, store: Any
) -> None:
    told = facts(ncp_identification={"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": "900112233"})
    await desk.put_case("MN7", told)
    for kind, value in (("ssn", "900-11-2233"), ("name", "exampleson, rowan")):
        answer = await client.post(
            "/console/find", headers=keys["viewer"], data={"kind": kind, "value": value}
        )
        assert "/console/cases/MN7" in await answer.text()
    nothing = await client.post("/console/find", headers=keys["viewer"], data={"kind": "ssn", "value": "12"})
    assert nothing.status == 422
    async with store.read() as conn:
        query = select(audit.c.object).where(audit.c.action == "transactions.search").order_by(audit.c.id)
        assert (await conn.execute(query)).scalars().all() == ["by ssn", "by name"]


async def test_two_transactions_are_laid_side_by_side(read: Any) -> None:
    text = words(await read("/console/transactions/in-2/diff?with=in-3"))
    assert re.search(r"Header Transaction-Serial-Number 000000000078 differs: 000000000079", text)
    assert "Functional-Type-Code" not in text
    assert "Functional-Type-Code" in await read("/console/transactions/in-2/diff?with=in-3&all=1")
    assert "One of them does not exist" in await read("/console/transactions/in-2/diff?with=in-99")


async def test_an_export_is_marked_recorded_and_harmless_in_a_spreadsheet(read: Any, store: Any) -> None:
    async with store.begin() as conn:
        await conn.execute(update(outbound).where(outbound.c.id == 1).values(reason="=1+1"))
    rows = list(csv.reader(io.StringIO(await read("/console/transactions/export?format=csv"))))
    marking = {row[0]: row[1] for row in rows if row and row[0].startswith("#")}
    assert marking["# exported_by"].startswith("p")
    assert marking["# complete"] == "yes"
    assert ["out-1", "'=1+1"] in [[row[0], row[-1]] for row in rows]
    body = json.loads(await read("/console/transactions/export?format=json&code=MSC+R"))
    assert [row["id"] for row in body["transactions"]] == ["in-3", "in-2"]
    async with store.read() as conn:
        kept = (await conn.execute(select(audit).where(audit.c.action == "transactions.export"))).all()
    assert len(kept) == 2


async def test_a_case_shows_both_sides_what_is_owed_and_who_looked(read: Any) -> None:
    text = words(await read("/console/cases/MN2"))
    for part in ("Kansas", "KS1", "Total $1,040.00", "under the law of Minnesota", "in-2", "Who looked"):
        assert part in text
    assert "Who looked" not in words(await read("/console/cases/MN2", "viewer"))
    assert (await read("/console/cases/NONE", status=404)).count("<h1>") == 1


async def test_work_is_given_and_completed_together_as_the_page_tells(
    client: Any, keys: Any, desk: Any
) -> None:
    queue = await client.get("/console/work", headers=keys["caseworker"])
    items = re.findall(r'name="item" value="(\d+)"', await queue.text())
    given = [("worker", "W12"), *(("item", each) for each in (*items, "999"))]
    told = await (await client.post("/console/work/assign", headers=keys["caseworker"], data=given)).text()
    assert (told.count("W12 has it"), "Work 999 was left as it is" in told) == (len(items), True)
    theirs = await (await client.get("/console/work?worker=W12", headers=keys["caseworker"])).text()
    assert re.findall(r'name="item" value="(\d+)"', theirs) == items
    nobodys = await (await client.get("/console/work?worker=-", headers=keys["caseworker"])).text()
    assert 'name="item"' not in nobodys
    form = [("on", "2026-11-20"), ("outcome", "done"), *(("item", each) for each in (*items, "999"))]
    told = await (await client.post("/console/work/complete", headers=keys["caseworker"], data=form)).text()
    assert told.count("usa-alert--success") == 1
    assert told.count(": done</li>") == len(items) >= 2
    assert "Work 999 was left as it is" in told
    assert "MSC P GSC18" in [each.far for each in (await desk.list_transactions()).items]


async def test_what_is_dead_is_counted_sent_again_and_followed(
    client: Any, keys: Any, store: Any, read: Any
) -> None:
    async with store.begin() as conn:
        await conn.execute(update(outbound).values(status="dead", reason="http_503", attempts=9))
    html = await read("/console/dead?reason=http_503")
    assert "could not be delivered: 2" in words(html)
    chosen = [("id", each) for each in re.findall(r'name="id" value="(out-\d+)"', html)]
    answer = await client.post(
        "/console/dead/act",
        headers=keys["operator"],
        data=[("action", "resend"), *chosen],
        allow_redirects=False,
    )
    assert answer.headers["Location"] == "/console/dead/result?ids=1-2&action=resend&count=2"
    followed = words(await read(answer.headers["Location"]))
    assert "Sent again: 2 of 2" in followed
    assert "0 of 2 settled; 2 on their way." in followed
    nothing = await client.post("/console/dead/act", headers=keys["operator"], data={"action": "resend"})
    assert (nothing.status, "choose at least one" in await nothing.text()) == (422, True)


async def test_what_has_not_set_out_is_taken_back_from_its_page(
    client: Any, keys: Any, store: Any, read: Any
) -> None:
    path = "/console/transactions/out-1"

    async def take_back(reason: str, who: str = "operator") -> tuple[int, str]:
        answer = await client.post(f"{path}/recall", headers=keys[who], data={"reason": reason})
        return answer.status, words(await answer.text())

    async with store.begin() as conn:
        await conn.execute(update(outbound).values(status="queued", batch_id=None))
    assert "Take back" in words(await read(path))
    status, told = await take_back("short")
    assert (status, "Say why" in told) == (409, True)
    assert (await take_back("settled by telephone", "viewer"))[0] == 403
    status, told = await take_back("settled by telephone")
    assert (status, "taken back" in told, "Take back" in told) == (200, True, False)
    assert "settled by telephone" in told.split("Taken back before it left")[1]
    async with store.begin() as conn:
        await conn.execute(update(outbound).values(status="delivered"))
    status, told = await take_back("too late now")
    assert (status, "It is delivered and stays. It has arrived, or" in told) == (409, True)


async def test_delivery_is_paused_with_a_reason_and_released(client: Any, keys: Any, read: Any) -> None:
    async def order(**form: str) -> int:
        answer = await client.post("/console/delivery", headers=keys["operator"], data=form)
        return int(answer.status)

    assert await order(order="hold", reason="short") == 422
    assert await order(order="hold", reason="line test of the exchange") == 200
    assert "on hold" in await read("/console/partners")
    assert await order(order="release") == 200
    assert "works" in words(await read("/console/dead"))


async def test_duties_are_listed_with_their_clocks(read: Any) -> None:
    text = words(await read("/console/duties"))
    assert re.search(r"RS7 Stop the own income withholding .*? ours 7 Dec 2026 Kansas MN1 in-1", text)
    assert "Kept in time what other states owe us" in words(await read("/console/duties?side=they-owe"))
    assert "RS7 ours" in words(await read("/console/cases/MN1"))


async def test_law_is_found_by_name_word_day_and_state(read: Any) -> None:
    assert "10 working days" in words(await read("/console/law/RS7"))
    assert re.search(r"RS7 .*? 10 working days", words(await read("/console/law?q=RS7")))
    assert "319 questions" in words(await read("/console/law/questions"))
    assert "Nothing fits" in await read("/console/law?q=nonsenseword")
    folded, one = await read("/console/law"), await read("/console/law?part=duties-rs")
    assert ("<details" in folded, re.findall("<details[^>]* open>", folded)) == (True, [])
    assert len(re.findall("<details[^>]* open>", one)) == 1
    # Every entry stands under a heading of its own kind, which the contents lead to.
    assert set(re.findall(r'href="[^"]*#([a-z-]+)"', one)) <= set(re.findall(r' id="([a-z0-9-]+)"', one)) | {
        "main"
    }
    assert "Other duties" not in folded
    changed = words(await read("/console/law/changes?since=2016-01-01&until=2018-01-01"))
    assert re.search(r"\d+ changes between", changed)
    await read("/console/law/NOSUCHRULE", status=404)


async def test_the_record_is_read_by_auditors(read: Any) -> None:
    await read("/console/cases/MN1", "viewer")
    text = words(await read("/console/audit?about=case+MN1&action=case.read", "auditor"))
    assert "case.read case MN1 shown console" in text


async def test_a_partner_shows_what_is_agreed_and_when_it_was_heard(read: Any) -> None:
    text = words(await read("/console/partners/20"))
    assert "Managing the case MSC Paternity PAT yes yes" in text
    assert "Kansas" in await read("/console/partners")
    await read("/console/partners/99", status=404)


class Line:
    """Be a way out that is asked and tells."""

    way = "folder"

    def __init__(self, step: Any) -> None:
        self.step = step

    async def probe(self, question: Any) -> list[Any]:
        return [self.step("folder", "The folder can be written.")]

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(("step", "told"), [(well, "would get through"), (failed, "would not get through")])
async def test_a_test_message_is_sent_from_the_page_and_told(
    client: Any, keys: Any, world: Any, step: Any, told: str
) -> None:
    world.way_out = lambda: Line(step)
    for name in ("exchange", "20"):
        path = f"/console/partners/{name}/test"
        answer = await client.post(path, headers=keys["operator"])
        text = words(await answer.text())
        assert (answer.status, told in text, "The folder can be written." in text) == (200, True, True)
    assert (await client.post("/console/partners/99/test", headers=keys["operator"])).status == 404
    assert (await client.post("/console/partners/20/test", headers=keys["viewer"])).status == 403


def test_roles_of_people_have_rows() -> None:
    assert {Role(each) for each in PEOPLE} == set(table().of_kind("person"))
