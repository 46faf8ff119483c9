"""A caseworker sees and works the cases of their own offices; any other is not there for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import update

from csenet.gateway.casework.operations import OPERATIONS
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.desk.results import TransactionFilter
from csenet.gateway.participant.enrolling import Enrolling
from csenet.gateway.people.accounts import Accounts
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.rights import Role
from csenet.gateway.store import audit, cases
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import outbound
from csenet.gateway.store.tables_duties import duty

from ..conftest import BOTH_STORES, arriving, facts, lines
from .conftest import Client, enter

# The lists ask the two databases differently.
pytestmark = pytest.mark.parametrize("location", BOTH_STORES, indirect=True)


@pytest.fixture
async def three(desk: Desk) -> None:
    """Put a case of each of two offices and one of no office, each with work and a transaction."""
    for case_id, office in (("MN1", "north"), ("MN2", "SOUTH"), ("MN3", None)):
        told = facts("responding") if office is None else facts("responding", office=office)
        await desk.put_case(case_id, told)
        number = int(case_id[2:])
        await desk.accept(lines(arriving("MSC P GSC17", number, case_id)), source="test", name=case_id)
    await desk.settle_pending()


@pytest.fixture
async def stuck(desk: Desk, store: Store, three: None) -> None:
    """Put a transaction that could not leave, and a duty that is late, to each of the three."""
    for number in (1, 2, 3):
        asked = arriving("CSI R FRINF", number + 10, f"MN{number}")
        await desk.accept(lines(asked), source="test", name=f"asked {number}")
    # MN11 is of the same office as MN1, and so on.
    for case_id, office in (("MN11", {"office": "north"}), ("MN21", {"office": "south"}), ("MN31", {})):
        await desk.put_case(case_id, facts(**office))
        await desk.submit({"case_id": case_id, "far": "MSC P GSC15"})
    await desk.settle_pending()
    async with store.begin() as conn:
        await conn.execute(update(outbound).values(status="dead", reason="unreachable"))
        again = {"closed_on": None, "closed_by": None, "closed_outbound_id": None, "outcome": None}
        await conn.execute(update(duty).values(due=date(2026, 11, 1), **again))


@pytest.fixture
async def north(browser: Client, accounts: Accounts, three: None) -> Client:
    await enter(browser, accounts, "ada", "caseworker", offices=("North",))
    return browser


async def token(client: Client) -> dict[str, str]:
    page = await (await client.get("/")).text()
    return {"X-CSRF-Token": page.split('name="csrf" value="')[1].split('"')[0]}


async def last(store: Store) -> tuple[str, str, Any]:
    async with store.read() as conn:
        row = (await audit.newest(conn, 1))[0]
    return row["action"], row["object"], row["detail"].get("outcome")


async def test_lists_hold_own_cases_and_the_agencys(north: Client) -> None:
    listed = await (await north.get("/v1/transactions?direction=inbound")).json()
    assert {each["case_id"] for each in listed["transactions"]} == {"MN1", "MN3"}
    work = await (await north.get("/v1/work-items")).json()
    assert {each["case_id"] for each in work["work_items"]} == {"MN1", "MN3"}
    duties = await (await north.get("/v1/duties?all=true")).json()
    assert {each["case_id"] for each in duties["duties"]} <= {"MN1", "MN3"}


async def test_another_office_s_case_is_not_found_and_the_try_is_recorded(
    north: Client, store: Store
) -> None:
    assert (await north.get("/v1/cases/MN1")).status == 200
    assert (await north.get("/v1/cases/MN3")).status == 200
    theirs, nobody = await north.get("/v1/cases/MN2"), await north.get("/v1/cases/MN9")
    assert (theirs.status, nobody.status) == (404, 404)
    told, said = await theirs.json(), await nobody.json()
    assert {**told, "instance": ""} == {**said, "instance": ""}
    assert (await north.get("/v1/cases/mn2")).status == 404
    assert await last(store) == ("case.read", "case MN2", "out of scope")


async def test_neither_its_transactions_nor_its_work_are_there(
    north: Client, desk: Desk, store: Store
) -> None:
    page = await desk.list_work_items()
    for item in page.items:
        expected = 404 if item.case_id == "MN2" else 200
        assert (await north.get(f"/v1/work-items/{item.id}")).status == expected
        assert (await north.get(f"/v1/transactions/{item.transaction}")).status == expected


async def test_what_cannot_be_seen_cannot_be_changed(north: Client, desk: Desk, store: Store) -> None:
    header = await token(north)
    page = await desk.list_work_items()
    (theirs,) = {item.id for item in page.items if item.case_id == "MN2" and item.status == "open"} or {0}
    done = {"on": "2026-11-20"}
    answer = await north.post(f"/v1/work-items/{theirs}/complete", json=done, headers=header)
    assert answer.status == 404
    assert await last(store) == ("work.complete", "case MN2", "out of scope")
    for wish in ({"case_id": "mn2 ", "far": "MSC P GSC15"}, {"header": {"case_id": "MN2"}}):
        assert (await north.post("/v1/transactions", json=wish, headers=header)).status == 404
    assert await last(store) == ("transaction.submit", "case MN2", "out of scope")
    both = [{"case_id": each, "far": "MSC P GSC15"} for each in ("MN2", "MN9")]
    answers = [await north.post("/v1/transactions", json=wish, headers=header) for wish in both]
    told = [await each.json() for each in answers]
    assert {each.pop("instance") for each in told}
    assert told[0] == told[1]
    assert await last(store) == ("transaction.submit", "case (not known)", "not found")
    async with store.read() as conn:
        assert await cases.offices(conn, ["MN1", "MN2", "MN3", "MN9"]) == {
            "MN1": "NORTH",
            "MN2": "SOUTH",
            "MN3": None,
        }


async def test_who_may_see_all_offices_sees_all(desk: Desk, store: Store, clock: Any, three: None) -> None:
    reader = Reader(desk, store, clock)
    for role in (Role.VIEWER, Role.SUPERVISOR, Role.CASESYSTEM):
        person = Person(name="pat", kind=Kind.PERSON, roles=frozenset({role}))
        assert await reader.case(person, "MN2") is not None


async def test_a_case_that_moves_to_another_office_moves_out_of_sight(
    north: Client, desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", facts("responding", office="South"))
    assert (await north.get("/v1/cases/MN1")).status == 404
    await desk.put_case("MN1", facts("responding"))
    assert (await north.get("/v1/cases/MN1")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/console/cases",
        "/console/transactions",
        "/console/transactions/export?format=csv",
        "/console/work",
        "/console/duties",
        "/console/dead",
        "/v1/dead",
        "/v1/duties/compliance?month=2026-11",
    ],
)
async def test_pages_and_exports_leave_other_offices_out(north: Client, stuck: None, path: str) -> None:
    answer = await north.get(path)
    page = await answer.text()
    assert answer.status == 200, page
    assert "MN1" in page
    assert "MN3" in page
    assert not re.search(r"\bMN2\b", page)


async def test_a_search_by_person_shows_own_cases_and_records_which(
    north: Client, desk: Desk, store: Store
) -> None:
    person = {"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": "900123456"}
    for case_id, office in (("MN1", "North"), ("MN2", "South")):
        await desk.put_case(case_id, facts("responding", office=office, ncp_identification=person))
    csrf = (await token(north))["X-CSRF-Token"]
    form = {"kind": "ssn", "value": "900-12-3456", "csrf": csrf}
    page = await (await north.post("/console/find", data=form)).text()
    assert "MN1" in page
    assert not re.search(r"\bMN2\b", page)
    async with store.read() as conn:
        detail = (await audit.newest(conn, 1))[0]["detail"]
    assert detail["objects"] == ["by ssn", "case MN1"]


async def test_who_looked_stands_on_the_page_of_a_case(
    north: Client, accounts: Accounts, clock: ManualClock
) -> None:
    transaction = (await (await north.get("/v1/transactions?case_id=MN1")).json())["transactions"][0]
    await north.get(f"/v1/transactions/{transaction['id']}")
    await enter(north, accounts, "aud", "auditor", "viewer")
    page = await (await north.get("/console/cases/MN1")).text()
    who = page.split('id="who"')[1]
    assert "ada" in who
    assert "transaction" in who.lower()


TIMELY = {"Date", "X-Correlation-ID", "Content-Length"}
LISTS = (
    *("/v1/transactions", "/v1/work-items", "/v1/duties", "/v1/dead", "/v1/holds", "/v1/receipts"),
    *("/console/transactions", "/console/cases", "/console/work", "/console/duties", "/console/dead"),
    *("/console/transactions/export", "/console/participants"),
)


def _routes(app: web.Application, keys: dict[str, str]) -> Iterator[tuple[str, str]]:
    """List every route whose path names one of the keys."""
    for route in app.router.routes():
        path = "" if route.resource is None else route.resource.canonical
        if any(f"{{{key}}}" in path for key in keys) and route.method != "HEAD":
            yield route.method, path


async def test_what_is_another_office_s_is_answered_as_what_nobody_has(
    north: Client, desk: Desk, store: Store, clock: ManualClock, stuck: None
) -> None:
    await Enrolling(store, clock).enrol("MN2", "ncp", actor="test")
    works = (await desk.list_work_items()).items
    sent = (await desk.list_transactions(TransactionFilter(direction="outbound"))).items
    theirs = {
        "case_id": "MN2",
        "item_id": str(next(each.id for each in works if each.case_id == "MN2")),
        "transaction_id": next(each.id for each in sent if each.case_id == "MN21"),
        "participant_id": "1",
    }
    nobodys = {"case_id": "MN9", "item_id": "99", "transaction_id": "out-99", "participant_id": "99"}
    csrf = await token(north)
    examples = {each.path: next(iter(each.body_examples.values()), {}) for each in OPERATIONS}

    async def told(method: str, path: str, keys: dict[str, str]) -> tuple[int, dict[str, str], str]:
        filled = path
        for name, key in keys.items():
            filled = filled.replace(f"{{{name}}}", key)
        form = {"data": {"csrf": csrf["X-CSRF-Token"], "reason": "a letter came", "action": "lock"}}
        body = {} if method == "GET" else {"json": examples.get(path, {})} if path[:3] == "/v1" else form
        async with north.request(method, filled, headers=csrf, allow_redirects=False, **body) as answer:
            text = re.sub("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", await answer.text())
            kept = {name: value for name, value in answer.headers.items() if name not in TIMELY}
            for key in keys.values():
                # What was asked for may be said again; a bare number would stand for anything.
                text = text if key.isdigit() else re.sub(rf"\b{key}\b", "", text)
            return answer.status, kept, text

    places = [*_routes(north.server.app, theirs)]  # type: ignore[union-attr]
    places += [("GET", f"{path}?case_id={{case_id}}") for path in LISTS]
    places += [("GET", "/console/transactions/in-1/diff?with={transaction_id}")]
    assert len(places) > 30
    seen: Counter[int] = Counter()
    for method, path in places:
        ours, others = [await told(method, path, keys) for keys in (nobodys, theirs)]
        assert ours == others, (method, path)
        seen[ours[0]] += 1
    assert seen[404] > 15, "most of them are of the caseworker's own rights"
