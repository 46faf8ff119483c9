"""Work items are grouped, assigned, commented, reopened and followed; what a person must do stays open."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import msgspec
import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.desk.duty_clock import DutyClock
from csenet.gateway.desk.plan import Cause, Plan
from csenet.gateway.desk.results import Conflict, WorkFilter
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.errors import NotFound, Rejected
from csenet.gateway.settings.jobs import DutiesSection
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store
from csenet.handlers.decision import WorkItem
from csenet.handlers.policy.work_rules import WorkRule

from .conftest import NOON, QUIET, arriving, facts, take
from .patience import BOUND

ASK = "MSC R GRPOC"


async def items(desk: Desk, **wanted: Any) -> list[Any]:
    return (await desk.list_work_items(WorkFilter(**wanted))).items


async def changes(desk: Desk, number: int) -> list[str]:
    history = await desk.work_history(number)
    assert history is not None
    return [each.change for each in history.changes]


@pytest.fixture
async def asked(desk: Desk) -> Any:
    """Give the item of one question for documents."""
    await desk.put_case("MN1", facts("responding"))
    await take(desk, arriving(ASK, 1))
    (item,) = await items(desk)
    return item


async def test_ten_messages_about_one_thing_are_one_item(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding"))
    await desk.put_case("MN2", facts("responding"))
    await take(desk, *(arriving(ASK, n) for n in range(1, 6)), arriving(ASK, 99, case_id="MN2"))
    await take(desk, *(arriving(ASK, n) for n in range(6, 11)))
    first, second = await items(desk, kind="send_documents")
    assert (first.case_id, first.messages, second.case_id, second.messages) == ("MN1", 10, "MN2", 1)
    assert await changes(desk, first.id) == ["opened", *["message"] * 9]
    assert len((await desk.list_duties(DutyFilter(case_id="MN1"))).duties) == 10
    await desk.complete_work(first.id, date(2026, 11, 20))
    assert (await desk.list_duties(DutyFilter(case_id="MN1"))).duties == []
    await take(desk, arriving(ASK, 11))
    assert [each.messages for each in await items(desk, case_id="MN1", status="open")] == [1]


async def test_an_item_is_assigned_commented_and_reopened_and_all_of_it_is_kept(
    desk: Desk, asked: Any
) -> None:
    assert (asked.priority, asked.worker, asked.outcome) == (3, None, None)
    item = await desk.assign_work(asked.id, worker="W1", office="SOUTH", actor="anna")
    assert (item.worker, item.office) == ("W1", "SOUTH")
    await desk.assign_work(asked.id, worker="W1", office=None, actor="anna")
    item = await desk.assign_work(asked.id, worker="", office=None, actor="anna")
    assert (item.worker, item.office) == (None, "SOUTH")
    await desk.comment_work(asked.id, "asked the court", actor="bert")
    await desk.complete_work(asked.id, date(2026, 11, 20), actor="bert")
    (duty,) = (await desk.list_duties(DutyFilter(open_only=False))).duties
    assert (duty.outcome, duty.closed_by) == ("done", f"work {asked.id}")
    item = await desk.reopen_work(asked.id, "papers came back", actor="anna")
    assert (item.status, item.completed_on, item.outcome) == ("open", None, None)
    (duty,) = (await desk.list_duties(DutyFilter())).duties
    assert duty.outcome is None
    history = await desk.work_history(asked.id)
    assert history is not None
    told = [(each.change, each.actor, each.text) for each in history.changes]
    assert told == [
        ("opened", "exchange", None),
        ("assigned", "anna", "worker W1, office SOUTH"),
        ("assigned", "anna", "worker nobody"),
        ("commented", "bert", "asked the court"),
        ("completed", "bert", None),
        ("reopened", "anna", "papers came back"),
    ]


async def test_acts_that_cannot_be_are_refused(desk: Desk, asked: Any) -> None:
    with pytest.raises(Rejected):
        await desk.assign_work(asked.id, worker=None, office=None, actor="a")
    with pytest.raises(Rejected):
        await desk.assign_work(asked.id, worker="x" * 65, office=None, actor="a")
    with pytest.raises(Rejected):
        await desk.comment_work(asked.id, " ", actor="a")
    with pytest.raises(NotFound):
        await desk.comment_work(99, "x", actor="a")
    with pytest.raises(Rejected):
        await desk.work_since("x")
    await desk.complete_work(asked.id, date(2026, 11, 20))
    with pytest.raises(Conflict):
        await desk.assign_work(asked.id, worker="W", office=None, actor="a")


@pytest.mark.parametrize(
    ("kind", "status"), [("stop_withholding", "open"), ("provide_balances", "completed")]
)
async def test_nothing_closes_by_itself_that_a_person_must_do(
    desk: Desk, store: Store, kind: str, status: str
) -> None:
    await desk.put_case("MN1", facts())
    for closes in ((), (1,)):
        async with store.begin() as conn:
            workset = WorkingSet(desk.agency, NOON, date(2026, 11, 20))
            await workset.load(conn, {"MN1"})
            opened = [] if closes else [WorkItem(kind=kind, title="x", case_id="MN1")]
            workset.adopt(Plan(cause=Cause("c", NOON, "exchange"), work=opened, closes=list(closes)))
            await workset.flush(conn)
    (item,) = await items(desk)
    assert item.status == status
    assert await changes(desk, item.id) == ["opened", "answered" if status == "open" else "completed"]
    if status == "open":
        assert (await desk.complete_work(item.id, date(2026, 11, 20))).status == "completed"


async def test_what_falls_due_becomes_urgent(desk: Desk, asked: Any, clock: ManualClock) -> None:
    clock.advance(days=45)
    await DutyClock(desk, DutiesSection()).run()
    assert (await items(desk))[0].priority == 2
    clock.advance(days=10)
    await DutyClock(desk, DutiesSection()).run()
    assert (await items(desk))[0].priority == 1
    assert await changes(desk, asked.id) == ["opened", "urgent", "urgent"]


async def test_rules_of_the_agency_say_whose_work_it_is(store: Store, clock: ManualClock) -> None:
    rules = (
        WorkRule(office="KANSAS DESK", partner=("KS",), kind=("review",)),
        WorkRule(office="HENNEPIN", county=("053",)),
        WorkRule(office="NORTH", worker="W1", ncp_to="M"),
        WorkRule(office="SOUTH"),
    )
    desk = Desk(store, msgspec.structs.replace(agency_of("27"), work_rules=rules), clock, QUIET)
    await desk.put_case("MN1", facts("responding"))
    await desk.put_case("MN2", facts("responding", ncp_identification={"name_last": "ZZYZX"}))
    await desk.put_case("MN3", facts("responding", our_fips="2705300"))
    await take(desk, *(arriving(ASK, number, case_id=f"MN{number}") for number in (1, 2, 3)))
    found = [(each.case_id, each.office, each.worker) for each in await items(desk)]
    assert found == [("MN1", "NORTH", "W1"), ("MN2", "SOUTH", None), ("MN3", "HENNEPIN", None)]
    assert [each.case_id for each in await items(desk, office="SOUTH")] == ["MN2"]


async def test_a_follower_misses_nothing_and_sees_nothing_twice(desk: Desk) -> None:
    for number in range(1, 9):
        await desk.put_case(f"MN{number}", facts("responding"))

    async def work_on(number: int) -> None:
        await take(desk, arriving(ASK, number, case_id=f"MN{number}"))
        for item in await items(desk, case_id=f"MN{number}"):
            await desk.assign_work(item.id, worker=f"W{number}", office=None, actor="a")

    seen: list[tuple[int, str | None, int]] = []

    async def follow(cursor: str) -> str:
        while page := await desk.work_since(cursor, 3):
            if not page.items:
                return cursor
            seen.extend((each.id, each.worker, each.change) for each in page.items)
            cursor = str(page.next)
        return cursor

    working = asyncio.gather(*(work_on(number) for number in range(1, 9)))
    cursor = "0"
    async with asyncio.timeout(BOUND):
        while not working.done():
            cursor = await follow(cursor)
            # Between two questions the work goes on.
            await asyncio.wait({working}, timeout=0.001)
        await working
    await follow(cursor)
    assert len({change for _, _, change in seen}) == len(seen)
    newest = {number: worker for number, worker, _ in seen}
    assert newest == {each.id: each.worker for each in await items(desk)}
    assert len(newest) == 8
    assert sorted(filter(None, newest.values())) == [f"W{number}" for number in range(1, 9)]
