"""Events at the desk: facts and transactions in one commit, once, in order; nothing by half."""

from __future__ import annotations

from typing import Any

import pytest

from csenet.gateway.desk import Desk, events
from csenet.gateway.desk.events import EventFault, Told
from csenet.gateway.desk.results import Conflict, NotFound, Rejected, TransactionFilter

from .conftest import facts

WORKER = {"id": "E1", "kind": "worker_changed", "case": {"contact_name_last": "NEWMAN"}}
STATUS = {"id": "E2", "kind": "status_wanted"}


async def sent(desk: Desk, case_id: str = "MN1") -> list[str]:
    page = await desk.list_transactions(TransactionFilter(case_id=case_id, direction="outbound"))
    return [each.far for each in page.items]


async def test_an_event_changes_the_facts_and_queues_in_one_commit(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    desk.outbox_ready.clear()
    result = await desk.happened("mn1", WORKER)
    (line,) = result.lines
    assert (line.far, line.outcome) == ("MSC P GSWKR", "sent")
    assert line.transaction is not None
    assert line.transaction.status == "queued"
    assert line.blocks["case"] == 1
    assert desk.outbox_ready.is_set()
    case = await desk.get_case("MN1")
    assert case is not None
    assert case.facts["case"]["contact_name_last"] == "NEWMAN"
    assert case.version == 2
    assert [each.event for each in case.timeline] == [
        "facts.received",
        "event.happened",
        "transaction.queued",
    ]
    assert "NEWMAN" not in str(case.timeline)
    assert (await desk.ledger_check()).balanced


async def test_an_event_counts_once_by_its_id(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    first = await desk.happened("MN1", WORKER)
    again = await desk.happened("MN1", WORKER)
    assert again.repeated
    assert again.lines == first.lines
    assert await sent(desk) == ["MSC P GSWKR"]
    with pytest.raises(Conflict):
        await desk.happened("MN1", WORKER | {"kind": "status_wanted", "case": {}})
    await desk.put_case("MN2", facts())
    with pytest.raises(Conflict):
        await desk.happened("MN2", WORKER)


async def test_a_dry_run_says_what_would_leave_and_keeps_nothing(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    would = await desk.happened("MN1", WORKER, dry_run=True)
    assert (would.lines[0].far, would.lines[0].outcome, would.dry_run) == ("MSC P GSWKR", "sent", True)
    assert any(why["citation"] for why in would.lines[0].why)
    assert await sent(desk) == []
    case = await desk.get_case("MN1")
    assert case is not None
    assert (case.version, case.facts["case"]["contact_name_last"]) == (1, "NORDQUIST")
    assert not (await desk.happened("MN1", WORKER)).repeated


async def test_each_event_of_a_commit_sees_what_the_one_before_did(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    child = {"name_last": "EXAMPLESON", "name_first": "FINN", "relationship": "D"}
    child |= {"date_of_birth": "2020-01-01", "dependent_relation_cp": "C"}
    told = [
        Told("MN1", {"id": "A", "kind": "participant_added", "participants": [child]}),
        Told("MN1", {"id": "B", "kind": "participant_ended", "participants": [{"name_first": "FINN"}]}),
    ]
    dry = await desk.happened_all(told, dry_run=True)
    assert [each.lines[0].far for each in dry] == ["MSC P GSADD", "MSC P GSDEL"]
    await desk.happened_all(told)
    assert await sent(desk) == ["MSC P GSADD", "MSC P GSDEL"]
    case = await desk.get_case("MN1")
    assert case is not None
    assert [each["participant_status"] for each in case.facts["participants"]] == ["C"]


async def test_a_refused_event_keeps_later_ones_of_its_case_only(desk: Desk) -> None:
    for case_id in ("MN1", "MN2"):
        await desk.put_case(case_id, facts())
    told = [
        Told("MN1", {"id": "A", "kind": "nonsense"}),
        Told("MN1", STATUS),
        Told("MN2", WORKER),
        Told("MN9", {"id": "B", "kind": "status_wanted"}),
    ]
    first, second, third, fourth = await desk.happened_all(told)
    assert isinstance(first, Rejected)
    assert isinstance(second, Rejected)
    assert second.problems == (("", events.AFTER_REFUSED),)
    assert not isinstance(third, Exception)
    assert isinstance(fourth, NotFound)
    assert await sent(desk) == []
    assert await sent(desk, "MN2") == ["MSC P GSWKR"]
    assert not (await desk.happened("MN1", STATUS)).repeated


async def test_a_fault_of_ours_stops_one_event_and_quotes_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.put_case("MN1", facts())
    real = events.happened

    def broken(event: Any, *context: Any) -> Any:
        if event.id == "E1":
            raise RuntimeError("NEWMAN")
        return real(event, *context)

    monkeypatch.setattr(events, "happened", broken)
    await desk.put_case("MN2", facts())
    first, second = await desk.happened_all([Told("MN1", WORKER), Told("MN2", STATUS)])
    assert isinstance(first, EventFault)
    assert "RuntimeError" in str(first)
    assert "NEWMAN" not in str(first)
    assert not isinstance(second, Exception)
    case = await desk.get_case("MN1")
    assert case is not None
    assert case.facts["case"]["contact_name_last"] == "NORDQUIST"


async def test_what_is_missing_is_one_work_item_and_the_facts_are_kept(desk: Desk) -> None:
    await desk.put_case("MN1", facts(case={}))
    result = await desk.happened("MN1", {"id": "A", "kind": "worker_changed", "case": {"fax": "6515550100"}})
    assert result.lines[0].missing == ["case.contact_name_last"]
    (item,) = (await desk.list_work_items()).items
    assert (item.kind, item.details["missing"]) == ("complete_facts", "case Contact-Name-Last")
    case = await desk.get_case("MN1")
    assert case is not None
    assert case.facts["case"]["fax"] == "6515550100"


async def test_a_closing_closes_the_case_here_with_its_day(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    event = {"id": "A", "kind": "case_closed", "criterion": "303.11(b)(4)", "on": "2026-11-19"}
    result = await desk.happened("MN1", event)
    assert [line.far for line in result.lines] == ["MSC P GSC03"]
    case = await desk.get_case("MN1")
    assert case is not None
    assert (case.state["status"], case.state["closed_on"]) == ("closed", "2026-11-19")


async def test_case_information_is_not_asked_for_again_within_thirty_days(desk: Desk) -> None:
    await desk.put_case("MN1", facts("initiating"))
    wanted = [{"id": f"c{n}", "kind": "case_information_wanted", "of": "iv_d"} for n in range(3)]
    both = await desk.happened_all([Told("MN1", each) for each in wanted[:2]])
    later = await desk.happened("MN1", wanted[2])
    assert [line.outcome for each in (*both, later) for line in each.lines] == [
        "sent",
        "withheld",
        "withheld",
    ]
    assert later.lines[0].why[0]["rule"] == "CSI2"


async def test_the_locality_that_has_the_case_stands_on_all_that_leaves_from_then_on(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding"))
    moved = {"id": "1", "kind": "locality_changed", "our_fips": "2705300"}
    for wrong in ("2005300", "2799900"):
        with pytest.raises(Rejected, match="our own state"):
            await desk.happened("MN1", moved | {"our_fips": wrong})
    await desk.happened("MN1", moved)
    await desk.submit({"case_id": "MN1", "far": "MSC R GRUPD"})
    written = await desk.transaction("out-2")
    assert written is not None
    header = {"local_fips_state": "27", "local_fips_county": "037", "functional_type_code": "MSC"}
    header |= {"action_code": "R", "action_reason": "GRUPD", "case_id": "MN1"}
    blocks = {name: body for name, body in (written.transaction or {}).items() if name != "header"}
    await desk.submit({"header": header, **blocks})
    shown = [await desk.transaction(f"out-{number}") for number in (1, 2, 3)]
    counties = [
        (each.far, each.transaction["header"]["local_fips_county"])
        for each in shown
        if each and each.transaction
    ]
    assert counties == [("MSC P GSFIP", "053"), ("MSC R GRUPD", "053"), ("MSC R GRUPD", "053")]
