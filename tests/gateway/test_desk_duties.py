"""Duties open and close with what causes them, keep their clocks over the year's end, and act in time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.desk.duty_clock import DutyClock
from csenet.gateway.desk.results import TransactionFilter, WorkFilter
from csenet.gateway.settings.jobs import DutiesSection
from csenet.gateway.store import duties as rows
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.tables import outbound
from csenet.handlers.policy.work_rules import WorkRule

from .conftest import QUIET, arriving, case_block, facts, take

WISHES = DutiesSection()


async def duties(desk: Desk, **wanted: Any) -> list[Any]:
    return (await desk.list_duties(DutyFilter(open_only=False, **wanted))).duties


async def one(desk: Desk, **wanted: Any) -> Any:
    found = await duties(desk, **wanted)
    assert len(found) == 1, found
    return found[0]


async def run(desk: Desk, **wishes: Any) -> dict[str, int]:
    return await DutyClock(desk, DutiesSection(**wishes)).run()


async def work(desk: Desk, kind: str) -> list[Any]:
    return (await desk.list_work_items(WorkFilter(kind=kind, status="open"))).items


async def went(desk: Desk) -> list[str]:
    page = await desk.list_transactions(TransactionFilter(direction="outbound"))
    return [each.far for each in page.items]


def closing(far: str, serial: int, **more: Any) -> bytes:
    """Write a notice or an instruction about closing."""
    return arriving(far, serial, blocks="1000000", body=case_block(), **more)


def about_somebody(far: str) -> bytes:
    """Write a question about a person of a number and name that no case of ours has."""
    person = "UNKNOWN".ljust(21) + "ANN".ljust(16) + "".ljust(17) + "900129999"
    return arriving(far, 1, blocks="1100000", body=case_block() + person.ljust(181))


def at(clock: ManualClock, day: str, hour: int = 18) -> None:
    """Move the clock to noon, Minnesota time, of a day."""
    clock.set(datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC))


async def test_what_is_answered_at_once_opens_and_closes_in_one_commit(desk: Desk) -> None:
    await take(desk, arriving("CSI R FRINF", 1, "NOSUCH", "KS9"))
    duty = await one(desk, kind="CSI1")
    assert (duty.side, duty.partner, duty.case_id) == ("we-owe", "20", "NOSUCH")
    assert (duty.started_on, duty.due) == (date(2026, 11, 20), date(2026, 11, 27))
    assert (duty.closed_on, duty.outcome) == (date(2026, 11, 20), "answered")
    assert duty.closed_by == "CSI P FUINF"
    assert duty.in_time is True


async def test_ten_working_days_pass_over_christmas_and_new_year(desk: Desk, clock: ManualClock) -> None:
    at(clock, "2026-12-23")
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await take(desk, closing("MSC P GSC17", 1, day="20261223"))
    duty = await one(desk, kind="RS7")
    assert (duty.due, duty.days_left) == (date(2027, 1, 8), 16)
    stop, close = (await desk.list_work_items(WorkFilter(status="open"))).items
    at(clock, "2027-01-05")
    await desk.complete_work(stop.id, date(2027, 1, 5))
    assert (await one(desk, kind="RS7")).closed_on is None, "half of the work is no answer"
    at(clock, "2027-01-08")
    await desk.complete_work(close.id, date(2027, 1, 8))
    duty = await one(desk, kind="RS7")
    assert (duty.closed_by, duty.outcome, duty.in_time) == ("MSC P GSC18", "answered", True)


@pytest.mark.parametrize(
    ("partner", "due"),
    # Kansas and Texas close for Christmas Eve or the day after Christmas, Hawaii for neither.
    [("20", date(2027, 1, 11)), ("48", date(2027, 1, 11)), ("15", date(2027, 1, 8))],
)
async def test_what_they_owe_runs_by_their_working_days(
    desk: Desk, clock: ManualClock, partner: str, due: date
) -> None:
    at(clock, "2026-12-23")
    other = facts(withholding_active=False) | {"other_fips": f"{partner}00000"}
    await desk.put_case("MN1", other)
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC17"})
    assert (await one(desk, kind="RS7", side="they-owe")).due == due


async def test_their_answer_closes_what_they_owe(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC17"})
    at(clock, "2026-12-01")
    await take(desk, closing("MSC P GSC18", 5, day="20261201"))
    duty = await one(desk, kind="RS7")
    assert (duty.side, duty.outcome, duty.closed_on) == ("they-owe", "answered", date(2026, 12, 1))


async def test_a_rejected_question_opens_nothing(desk: Desk) -> None:
    await take(desk, arriving("MSC R GRUPD", 1, case_id="NOBODY"))
    assert "MSC P REJCT" in await went(desk)
    assert await duties(desk) == []


async def test_a_refused_answer_is_owed_again_with_the_clock_it_had(desk: Desk) -> None:
    await take(desk, arriving("CSI R FRINF", 1, "NOSUCH", "KS9"))
    async with desk.store.begin() as conn:
        await rows.taken_back(conn, [1], date(2026, 11, 21))
    assert (await one(desk, kind="CSI1")).outcome == "answered", "it still may get through"
    async with desk.store.begin() as conn:
        await conn.execute(update(outbound).values(status="refused"))
        await rows.taken_back(conn, [1], date(2026, 11, 21))
    duty = await one(desk, kind="CSI1")
    assert (duty.closed_on, duty.outcome, duty.due) == (None, None, date(2026, 11, 27))


async def test_done_by_hand_counts_and_declining_does_not(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts("responding"))
    await desk.put_case("MN2", facts("responding"))
    await take(desk, closing("MSC P GSC15", 1), arriving("MSC R GRPOC", 2, case_id="MN2"))
    for item in (await desk.list_work_items(WorkFilter(status="open"))).items:
        outcome = "declined" if item.kind == "close_case" else "done"
        await desk.complete_work(item.id, date(2026, 11, 20), outcome)
    found = {each.duty: (each.outcome, each.in_time) for each in await duties(desk)}
    assert found == {"RS11": ("declined", None), "AN1": ("done", True)}


async def test_a_warning_comes_once_before_the_due_date_and_survives_a_restart(
    location: Any, clock: ManualClock
) -> None:
    store = await open_store(location)
    desk = Desk(store, agency_of("27"), clock, QUIET)
    await desk.put_case("MN2", facts("responding"))
    await take(desk, arriving("MSC R GRPOC", 2, case_id="MN2"))
    due = (await one(desk, kind="AN1")).due
    assert due == date(2027, 1, 6)
    at(clock, "2026-12-31")
    assert (await run(desk))["warned"] == 0
    await store.close()
    store = await open_store(location)
    desk = Desk(store, agency_of("27"), clock, QUIET)
    at(clock, "2027-01-01")
    assert (await run(desk))["warned"] == 1
    assert (await run(desk))["warned"] == 0
    at(clock, "2027-01-06", hour=23)
    assert (await run(desk))["overdue"] == 0, "a deadline is kept through its last day"
    at(clock, "2027-01-07")
    assert (await run(desk))["overdue"] == 1
    view = await desk.get_case("MN2")
    assert view is not None
    told = [each.event for each in view.timeline if each.event.startswith("duty.")]
    assert told == ["duty.due_soon", "duty.overdue"]
    await store.close()


async def test_a_search_without_result_is_answered_at_our_limit(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts("responding"))
    await take(desk, about_somebody("LO1 R BLANK"))
    assert [each.kind for each in await work(desk, "locate")] == ["locate"]
    duty = await one(desk, kind="LO1")
    assert (duty.due, duty.act_on) == (date(2027, 2, 3), date(2026, 12, 20))
    at(clock, "2026-12-19")
    assert (await run(desk))["acted"] == 0
    at(clock, "2026-12-20")
    assert (await run(desk))["acted"] == 1
    assert (await run(desk))["acted"] == 0
    assert await went(desk) == ["LO1 P LUALL"]
    assert await work(desk, "locate") == []
    duty = await one(desk, kind="LO1")
    assert (duty.closed_by, duty.outcome) == ("LO1 P LUALL", "answered")
    assert (await desk.ledger_check()).balanced


async def test_a_notice_that_was_not_answered_lets_a_person_close(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts("responding"))
    sent = await desk.submit(
        {
            "case_id": "MN1",
            "far": "MSC P GSC14",
            "header": {"action_resolution_date": "2027-01-19"},
        }
    )
    assert sent.transactions[0].far == "MSC P GSC14"
    at(clock, "2027-01-18")
    assert (await run(desk))["acted"] == 0
    at(clock, "2027-01-19")
    assert (await run(desk))["acted"] == 1
    (item,) = await work(desk, "close_after_notice")
    assert (item.case_id, item.duty) == ("MN1", "RS9")
    assert "GSC13" in item.title


async def test_an_overdue_partner_is_reminded_once_and_not_again_within_the_setting(
    desk: Desk, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC17"})
    at(clock, "2026-12-07")
    assert (await run(desk))["reminded"] == 0
    at(clock, "2026-12-09")
    assert await run(desk) == {"warned": 0, "overdue": 1, "acted": 0, "reminded": 1}
    assert await went(desk) == ["MSC P GSC17", "MSC R GRUPD"]
    (item,) = await work(desk, "chase_answer")
    assert item.case_id == "MN1"
    at(clock, "2027-01-07")
    assert (await run(desk))["reminded"] == 0
    at(clock, "2027-01-08", hour=19)
    assert (await run(desk))["reminded"] == 1


async def test_reminders_can_be_switched_off(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC17"})
    at(clock, "2026-12-09")
    assert (await run(desk, reminders=False))["reminded"] == 0
    assert await went(desk) == ["MSC P GSC17"]


async def test_a_month_counts_each_duty_once_with_the_cases_behind_the_number(
    desk: Desk, clock: ManualClock
) -> None:
    for number in (1, 2, 3):
        await desk.put_case(f"MN{number}", facts("responding"))
    await take(desk, *(arriving("MSC R GRPOC", n, case_id=f"MN{n}") for n in (1, 2, 3)))
    items = (await desk.list_work_items(WorkFilter(status="open"))).items
    at(clock, "2026-12-10")
    await desk.complete_work(items[0].id, date(2026, 12, 10))
    at(clock, "2027-02-02")
    await desk.complete_work(items[1].id, date(2027, 2, 2))
    december = await desk.compliance(date(2026, 12, 1))
    january = await desk.compliance(date(2027, 1, 15))
    february = await desk.compliance(date(2027, 2, 1))
    assert (december.in_time, december.late, december.share) == (1, 0, 1.0)
    assert (january.in_time, january.late, january.share) == (0, 2, 0.0)
    assert [each.case_id for each in january.cases] == ["MN2", "MN3"]
    assert (february.in_time, february.late, february.share) == (0, 0, None)
    by_duty = [each for each in december.groups if each.by == "duty"]
    assert [(each.name, each.median_days) for each in by_duty] == [("AN1", 20.0)]


async def test_the_list_pages_by_due_date(desk: Desk, store: Store) -> None:
    for number in (1, 2, 3):
        await desk.put_case(f"MN{number}", facts("responding"))
    await take(desk, *(arriving("MSC R GRPOC", n, case_id=f"MN{n}") for n in (1, 2, 3)))
    first = await desk.list_duties(DutyFilter(limit=2))
    rest = await desk.list_duties(DutyFilter(limit=2, after=int(first.next or 0)))
    assert [each.case_id for each in first.duties + rest.duties] == ["MN1", "MN2", "MN3"]
    assert rest.next is None
    assert msgspec.json.encode(first)


async def happened(desk: Desk, kind: str, **more: Any) -> Any:
    return await desk.happened("MN1", {"id": f"e-{kind}-{len(more)}", "kind": kind, **more})


ELSEWHERE = {
    "residential_address_line_1": "1 NOWHERE LANE",
    "residential_city": "NOWHERE",
    "residential_state": "TX",
    "residential_zip_1": "73301",
}
TAX = {"date_of_collection": "2026-11-02", "payment_amount": "120.00", "payment_source": "S"}


@pytest.mark.parametrize(
    ("role", "event", "duty", "answer"),
    [
        ("initiating", {"kind": "own_withholding_wanted"}, "IN8", "MSC P GSC17"),
        ("initiating", {"kind": "case_closed", "criterion": "303.11(b)(1)"}, "IN7", "MSC P GSC02"),
        ("responding", {"kind": "employment_ended"}, "RS13", "MSC P GSPUD"),
        ("responding", {"kind": "worker_changed"}, "AN2", "MSC P GSWKR"),
        ("responding", {"kind": "address_verified", "ncp_locate": ELSEWHERE}, "RS2", "MSC P LSOUT"),
        ("initiating", {"kind": "address_verified", "ncp_locate": ELSEWHERE}, "AN2", "MSC P LSOUT"),
    ],
)
async def test_an_event_opens_what_we_owe_by_it_and_telling_it_answers(
    desk: Desk, role: str, event: dict[str, Any], duty: str, answer: str
) -> None:
    await desk.put_case("MN1", facts(role))
    await desk.happened("MN1", {"id": "1", "on": "2026-11-19", **event})
    found = await one(desk, kind=duty)
    assert (found.opened_by, found.side, found.partner) == (event["kind"], "we-owe", "20")
    assert (found.started_on, found.closed_by, found.outcome) == (date(2026, 11, 19), answer, "answered")
    assert await one(desk, side="we-owe") == found


async def test_what_an_event_owes_stays_owed_until_what_kept_it_from_leaving_is_mended(desk: Desk) -> None:
    await desk.put_case("MN1", facts("initiating", other_case_id=None, case={"case_type": "N"}))
    await desk.happened("MN1", {"id": "1", "kind": "tax_offset_received", "collections": [TAX]})
    await desk.happened("MN1", {"id": "2", "kind": "worker_changed", "case": {}})
    duty = await one(desk, kind="TX1")
    assert (duty.outcome, duty.due) == (None, date(2026, 12, 7))
    offset, worker = await work(desk, "complete_facts")
    await desk.complete_work(worker.id, date(2026, 11, 20))
    assert (await one(desk, kind="TX1")).outcome is None
    await desk.complete_work(offset.id, date(2026, 11, 20))
    assert (await one(desk, kind="TX1")).outcome == "done"


async def test_a_payment_after_closing_is_work_and_the_other_state_is_told_once(desk: Desk) -> None:
    await desk.put_case("MN1", facts("initiating"))
    payment = {"kind": "payment_after_closing", "criterion": "303.11(b)(1)"}
    early = await desk.happened("MN1", {"id": "0", **payment})
    assert (early.work_items, [line.outcome for line in early.lines]) == ([], ["silent"])
    closed = facts("initiating")
    await desk.put_case("MN1", closed | {"case": closed["case"] | {"case_status": "C"}})
    told = await desk.happened("MN1", {"id": "1", **payment})
    again = await desk.happened("MN1", {"id": "2", **payment})
    assert [line.outcome for each in (told, again) for line in each.lines] == ["sent", "silent"]
    assert await went(desk) == ["MSC P GSC02"]
    first, second = await duties(desk, kind="IN9")
    assert first.outcome is second.outcome is None
    (item,) = await work(desk, "find_payee")
    assert (item.due, item.duty) == (first.due, "IN9")
    await desk.complete_work(item.id, date(2026, 11, 20))
    assert {each.outcome for each in await duties(desk, kind="IN9")} == {"done"}


async def test_work_on_what_a_check_stopped_is_due_while_it_can_be_answered(desk: Desk) -> None:
    closed = facts("initiating")
    await desk.put_case("MN1", closed | {"case": closed["case"] | {"case_status": "C"}})
    await take(desk, closing("MSC P GSC15", 1))
    await take(desk, arriving("MSC R GRUPD", 2, blocks="1000001", body=case_block() + " " * 416))
    duty = await one(desk, kind="CR3")
    item = (await work(desk, "case_closed"))[-1]
    assert item.due == duty.due == date(2026, 11, 30)


async def test_a_duty_has_the_office_of_its_case_and_figures_are_told_by_office(
    store: Store, clock: ManualClock
) -> None:
    rules = (WorkRule(office="DULUTH", ncp_from="E", ncp_to="E"), WorkRule(office="CENTRAL"))
    desk = Desk(store, agency_of("27", work_rules=rules), clock, QUIET)
    for case_id, more in (("MN1", {"office": "Hennepin"}), ("MN2", {}), ("MN3", {"ncp_identification": {}})):
        await desk.put_case(case_id, facts("responding", **more))
        await desk.happened(case_id, {"id": case_id, "kind": "employment_ended"})
    assert [each.office for each in await duties(desk)] == ["HENNEPIN", "DULUTH", "CENTRAL"]
    figures = await desk.compliance(date(2026, 11, 1))
    shown = [(each.name, each.in_time) for each in figures.groups if each.by == "office"]
    assert shown == [("CENTRAL", 1), ("DULUTH", 1), ("HENNEPIN", 1)]
    await take(desk, arriving("MSC R GRUPD", 1, blocks="1000001", body=case_block() + " " * 416))
    await desk.put_case("MN1", facts("responding", office="Ramsey"))
    assert (await one(desk, kind="CR3")).office == "RAMSEY"


async def test_news_is_owed_until_that_very_news_is_told(desk: Desk) -> None:
    child = {
        "relationship": "D",
        "date_of_birth": "2020-01-10",
        "dependent_relation_cp": "C",
        "name_last": "X",
    }
    lark, finn = [child | {"name_first": "LARK"}], [child | {"name_first": "FINN"}]
    whole = facts("initiating")
    await desk.put_case("MN1", whole | {"case": {"case_status": "O"}})
    await desk.happened("MN1", {"id": "1", "kind": "participant_added", "participants": lark})
    await desk.happened("MN1", {"id": "2", "kind": "worker_changed", "case": {"contact_name_last": "NEW"}})
    await desk.happened("MN1", {"id": "3", "kind": "status_wanted"})
    assert [each.opened_by for each in await duties(desk, kind="AN2")] == [
        "participant_added",
        "worker_changed",
    ]
    assert await went(desk) == ["MSC R GRUPD"]
    await desk.put_case("MN1", whole)
    await desk.happened("MN1", {"id": "4", "kind": "worker_changed", "case": {"contact_name_last": "NEWER"}})
    await desk.happened("MN1", {"id": "5", "kind": "participant_added", "participants": finn})
    left = (await desk.list_duties(DutyFilter(kind="AN2"))).duties
    assert [each.opened_by for each in left] == ["participant_added"], "another child is other news"
    await desk.submit({"case_id": "MN1", "far": "MSC P GSADD"})
    assert (await desk.list_duties(DutyFilter(kind="AN2"))).duties == []


async def test_a_hearing_is_told_before_it_takes_place(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding", case={"case_status": "O"}))
    hearing = {"id": "1", "kind": "hearing_scheduled", "of": "contempt", "date": "2026-11-25"}
    await desk.happened("MN1", hearing)
    (item,) = await work(desk, "complete_facts")
    assert item.due == (await one(desk, kind="RS6")).due == date(2026, 11, 24)


async def test_a_failed_search_is_repeated_within_a_quarter_unless_somebody_finds_the_parent(
    desk: Desk,
) -> None:
    await desk.put_case("MN1", facts("initiating"))
    await take(desk, about_somebody("LO1 P LUALL"))
    assert (await one(desk, kind="LO2")).due == date(2027, 2, 20)
    await take(desk, arriving("MSC P LSADR", 2, blocks="1010000", body=case_block() + " " * 1421), name="b")
    assert (await one(desk, kind="LO2")).outcome == "lapsed"
