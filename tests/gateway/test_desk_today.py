"""The figures of a day are the same on both stores, and follow the clock."""

from __future__ import annotations

from datetime import date, timedelta

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.desk.views_today import Flow, summed
from csenet.gateway.store.engine import Store

from .conftest import LEDGER, NOON, arriving, case_block, facts, lines


async def test_what_came_waits_and_is_due_is_counted_by_partner_and_function(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await desk.put_case("MN2", facts(ledger=LEDGER))
    came = lines(
        arriving("MSC P GSC17", 77, "MN1", blocks="1000000", body=case_block()),
        arriving("MSC R GRINT", 78, "MN2"),
        b"no transaction",
    )
    await desk.settle((await desk.accept(came, source="test", name="one.txt")).file_id)
    found = await desk.today(NOON - timedelta(hours=12))
    kansas = next(flow for flow in summed(found.flows, "partner") if flow.partner == "20")
    assert (kansas.came, kansas.went, kansas.waiting, kansas.due) == (2, 0, 1, 2)
    assert found.spoilt == 1
    assert found.waiting == {"queued": 1}
    assert [(line.kind, line.count, line.next_due) for line in found.work if line.next_due] == [
        ("malformed", 1, date(2026, 11, 30)),
        ("close_case", 1, date(2026, 12, 7)),
        ("stop_withholding", 1, date(2026, 12, 7)),
    ]
    assert found.oldest_waiting == found.last_file == NOON
    assert found.files_waiting == 0
    clock.advance(days=30)
    later = await desk.today(clock.now() - timedelta(hours=12))
    assert sum(flow.came for flow in later.flows) == later.spoilt == 0
    assert [line.overdue for line in later.work if line.next_due] == [1, 1, 1]


def test_flows_are_added_up_those_with_failures_and_the_busiest_first() -> None:
    flows = [
        Flow(partner="20", function="MSC", came=1, due=2),
        Flow(partner="19", function="MSC", came=4),
        Flow(partner="20", function="ENF", went=2, failed=1),
    ]
    assert [(one.partner, one.came, one.went, one.failed, one.due) for one in summed(flows, "partner")] == [
        ("20", 1, 2, 1, 2),
        ("19", 4, 0, 0, 0),
    ]
    assert [one.function for one in summed(flows, "function")] == ["ENF", "MSC"]
