"""What a case's facts forbid by the time a transaction leaves does not leave, whatever they said before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.retry import transient
from csenet.gateway.desk import Desk
from csenet.gateway.desk.disclosing import refused_now
from csenet.gateway.store.embedded import InPlaceConnection
from csenet.gateway.store.engine import Store
from csenet.gateway.store.outbox import OutboundRow
from csenet.gateway.store.tables import outbound, work_item
from csenet.handlers.policy.rules import Why

from .conftest import QUIET, contents, facts
from .couriers import Scripted

PLACE = {
    "residential_address_line_1": "9 OPEN LANE",
    "residential_city": "SAINT PAUL",
    "residential_state": "MN",
    "residential_address_effective_date": "2026-10-01",
    "residential_address_confirmed_ind": "Y",
}


def courier(desk: Desk, store: Store, clock: ManualClock, to: Scripted) -> Courier:
    """Wire a courier as the service does."""

    async def refusals(conn: AsyncConnection, rows: Sequence[OutboundRow]) -> Mapping[int, Sequence[Why]]:
        return await refused_now(conn, rows, clock.today(), desk.agency)

    settings = CourierSettings(jurisdiction="27", first_delay_seconds=0.0, breaker_after=1)
    return Courier(store, to, clock, settings, QUIET, refusals=refusals)


def wish(case_id: str = "MN1", **blocks: Any) -> dict[str, Any]:
    """Ask for a located place to be told."""
    header = {"functional_type_code": "MSC", "action_code": "P", "action_reason": "LSADR", "case_id": case_id}
    return {"header": header, "case": {"case_type": "N", "case_status": "O"}, "ncp_locate": PLACE} | blocks


async def statuses(store: Store) -> list[str]:
    async with store.read() as conn:
        return [
            str(each)
            for each in (await conn.execute(select(outbound.c.status).order_by(outbound.c.serial))).scalars()
        ]


@pytest.mark.parametrize(
    "found",
    [
        {"family_violence": True},
        {"protected": ["ncp"]},
        {"case": {"case_type": "N", "case_status": "O", "nondisclosure_finding": "Y"}},
    ],
    ids=["family violence", "protected", "nondisclosure finding"],
)
async def test_a_place_that_waits_is_held_once_somebody_is_at_risk(
    desk: Desk, store: Store, clock: ManualClock, found: dict[str, Any]
) -> None:
    await desk.put_case("MN1", facts())
    await desk.put_case("MN2", facts())
    await desk.submit(wish())
    await desk.submit(wish("MN2"))
    await desk.put_case("MN1", facts(**found))
    to = Scripted()
    await courier(desk, store, clock, to).deliver_waiting()
    assert await statuses(store) == ["held", "delivered"]
    assert [parcel.count for parcel in to.got] == [1]
    (item,) = await contents(store, work_item)
    assert (item["kind"], item["case_id"], item["status"]) == ("held", "MN1", "open")
    assert item["reasons"]
    assert "OPEN LANE" not in str(dict(item))
    assert (await desk.ledger_check()).balanced


async def test_nobody_at_risk_any_more_and_a_release_let_it_leave(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit(wish())
    await desk.put_case("MN1", facts(family_violence=True))
    to = Scripted()
    carrier = courier(desk, store, clock, to)
    await carrier.deliver_waiting()
    await desk.release_held()
    await carrier.deliver_waiting()
    assert await statuses(store) == ["held"], "the facts are the same, so is the answer"
    await desk.put_case("MN1", facts())
    await desk.release_held()
    await carrier.deliver_waiting()
    assert await statuses(store) == ["delivered"]


async def test_what_is_held_can_be_withdrawn_so_that_its_case_goes_on(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit(wish())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    await desk.put_case("MN1", facts(family_violence=True))
    carrier = courier(desk, store, clock, Scripted())
    await carrier.deliver_waiting()
    assert await statuses(store) == ["held", "queued"]
    assert await desk.dead_cancel([1], "told on paper") == 1
    await carrier.deliver_waiting()
    assert await statuses(store) == ["cancelled", "delivered"]
    assert (await desk.ledger_check()).balanced


async def test_what_was_written_with_the_risk_known_leaves(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts(family_violence=True, ncp_locate=PLACE))
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    await courier(desk, store, clock, Scripted()).deliver_waiting()
    assert await statuses(store) == ["delivered"]


async def test_what_tells_no_place_leaves_although_somebody_is_at_risk_since(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    await desk.put_case("MN1", facts(family_violence=True))
    await courier(desk, store, clock, Scripted()).deliver_waiting()
    assert await statuses(store) == ["delivered"]


async def test_a_batch_that_waits_for_its_next_try_is_looked_at_again(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    await desk.put_case("MN2", facts())
    await desk.submit(wish())
    await desk.submit(wish("MN2"))
    to = Scripted(transient("ClientConnectorError"))
    carrier = courier(desk, store, clock, to)
    await carrier.deliver_waiting()
    assert await statuses(store) == ["sending", "sending"]
    await desk.put_case("MN1", facts(family_violence=True))
    clock.advance(timedelta(minutes=5).total_seconds())
    await carrier.deliver_waiting()
    assert await statuses(store) == ["held", "delivered"]
    assert [parcel.count for parcel in to.got] == [2, 1]
    assert b"MN1" not in to.got[1].payload
    assert (await desk.ledger_check()).balanced
    # Mended and released, it leaves by itself: the first batch never comes back.
    await desk.put_case("MN1", facts())
    await desk.release_held()
    await carrier.deliver_waiting()
    assert [parcel.count for parcel in to.got] == [2, 1, 1]
    assert await statuses(store) == ["delivered", "delivered"]
    assert (await desk.ledger_check()).balanced


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
async def test_the_facts_of_a_whole_batch_are_read_at_once(
    desk: Desk, store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        await desk.put_case(f"MN{number}", facts())
        await desk.submit({"case_id": f"MN{number}", "far": "MSC P GSC15"})
    asked: list[str] = []

    run = InPlaceConnection.run

    def note(self: InPlaceConnection, sql: str, values: tuple[Any, ...]) -> Any:
        if "FROM case_file" in sql and sql.startswith("SELECT"):
            asked.append(sql)
        return run(self, sql, values)

    monkeypatch.setattr(InPlaceConnection, "run", note)
    await courier(desk, store, clock, Scripted()).deliver_waiting()
    assert set(await statuses(store)) == {"delivered"}
    assert len([each for each in asked if "facts" in each]) == 1
