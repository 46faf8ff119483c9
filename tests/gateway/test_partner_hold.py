"""One partner's transactions wait at an operator's word, and what waits can be taken back; the rest goes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import update

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import transient
from csenet.gateway.desk import Desk
from csenet.gateway.errors import NotFound
from csenet.gateway.store import ledger
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import outbound, serial_counter
from csenet.gateway.store.tables_audit import audit

from .conftest import facts
from .couriers import Scripted, courier, queue, statuses, table, until
from .patience import BOUND
from .test_cli_examples import examples, folder, invoke, play, seat

__all__ = ["folder"]


async def to(store: Store, serial: int, partner: str) -> None:
    async with store.begin() as conn:
        await conn.execute(update(outbound).where(outbound.c.serial == serial).values(partner=partner))


async def serials_given(store: Store, following: int) -> None:
    async with store.begin() as conn:
        await conn.execute(serial_counter.delete())
        await conn.execute(serial_counter.insert().values(jurisdiction="27", next=following))


async def test_what_goes_to_a_partner_on_hold_waits_and_all_else_leaves(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B", "C")
    await to(store, 2, "19")
    assert await desk.hold_partner("Iowa", "Iowa moves house", actor="pat")
    assert not await desk.hold_partner("IA", "once more", actor="sam")
    way = Scripted()
    carrier = courier(store, way, clock)
    assert await carrier.deliver_waiting() == 1
    assert await statuses(store) == {1: "delivered", 2: "queued", 3: "delivered"}
    standing = await desk.way_out_now()
    assert [(each.partner, each.reason, each.actor) for each in standing.partners_on_hold] == [
        ("19", "Iowa moves house", "pat")
    ]
    assert standing.waiting["queued"] == 1
    # Another gateway, or the same after a restart, keeps to it.
    assert await courier(store, way, clock).deliver_waiting() == 0
    assert await desk.release_partner("19", actor="sam")
    assert not await desk.release_partner("19", actor="sam")
    assert await carrier.deliver_waiting() == 1
    assert set((await statuses(store)).values()) == {"delivered"}
    told = [(row["actor"], row["action"], row["object"]) for row in await table(store, audit)]
    assert ("pat", "delivery.hold", "partner 19") in told
    assert ("sam", "delivery.release", "partner 19") in told
    with pytest.raises(NotFound):
        await desk.hold_partner("Minnesota", "ourselves", actor="pat")


@pytest.mark.parametrize(
    ("error", "kept"), [("ClientConnectorError", True), ("http_503", True), ("TimeoutError", False)]
)
async def test_a_hold_takes_rows_out_of_a_batch_that_cannot_have_arrived_and_of_no_other(
    desk: Desk, store: Store, clock: ManualClock, error: str, kept: bool
) -> None:
    await queue(store, "A", "B")
    await to(store, 2, "19")
    way = Scripted(transient(error))
    carrier = courier(store, way, clock, first_delay_seconds=1.0, max_delay_seconds=1.0)
    going = asyncio.create_task(carrier.deliver_waiting())
    await until(lambda: clock.sleeping > 0)
    await desk.hold_partner("19", "Iowa moves house", actor="pat")
    clock.advance(2)
    async with asyncio.timeout(BOUND):
        await going
    assert await statuses(store) == {1: "delivered", 2: "queued" if kept else "delivered"}
    keys = [parcel.key for parcel in way.got]
    assert (keys[0] != keys[1]) is kept


async def test_what_waits_is_taken_back_and_its_case_goes_on(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("A", facts())
    await queue(store, "A", "A", "B")
    await serials_given(store, 4)
    found = await desk.recall([1, 3, 99], "settled by telephone", actor="pat")
    assert (found.taken, found.already, found.left) == ([1, 3], [], {})
    again = await desk.recall([1], "settled by telephone", actor="pat")
    assert (again.taken, again.already) == ([], [1])
    await courier(store, way := Scripted(), clock).deliver_waiting()
    assert await statuses(store) == {1: "cancelled", 2: "delivered", 3: "cancelled"}
    assert b"".join(each.payload for each in way.got).count(b"transaction") == 1
    assert (await desk.recall([2], "too late now", actor="pat")).left == {2: "delivered"}
    async with store.read() as conn:
        report = await ledger.check(conn)
    assert (report.balanced, report.outbound) == (True, {"cancelled": 2, "delivered": 1})
    rows = [row for row in await table(store, audit) if row["action"] == "transaction.recalled"]
    assert [(row["actor"], row["object"]) for row in rows] == [
        ("pat", "transaction out-1"),
        ("pat", "transaction out-3"),
    ]
    view = await desk.get_case("A")
    assert view is not None
    assert "transaction.recalled" in [event.event for event in view.timeline]


async def test_what_has_been_tried_is_not_taken_back(desk: Desk, store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    carrier = courier(store, Scripted(transient("http_503")), clock, first_delay_seconds=5.0)
    going = asyncio.create_task(carrier.deliver_waiting())
    await until(lambda: clock.sleeping > 0)
    assert (await desk.recall([1], "changed our mind", actor="pat")).left == {1: "sending"}
    clock.advance(600)
    async with asyncio.timeout(BOUND):
        await going
    assert await statuses(store) == {1: "delivered"}


def test_an_operator_holds_a_partner_and_takes_back_by_command(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    play(examples(("submit",))[0])
    assert invoke("delivery", "hold", "--partner", "KS", "--reason", "Kansas moves").exit_code == 0
    told = json.loads(invoke("delivery", "status", "--json").stdout)
    assert told["partners_on_hold"] == {"20": "Kansas moves"}
    assert "Kansas moves" in invoke("delivery", "status").stdout
    assert invoke("delivery", "hold", "--partner", "Atlantis", "--reason", "sunk").exit_code != 0
    assert "released" in invoke("delivery", "release", "--partner", "20").stdout
    gone = invoke("delivery", "recall", "out-1", "--reason", "settled by telephone")
    assert (gone.exit_code, gone.stdout) == (0, "1 taken back, 0 before\n")
    assert "0 taken back, 1 before" in invoke("delivery", "recall", "out-1", "--reason", "again").stdout
    assert invoke("delivery", "recall", "out-9", "--reason", "none such").exit_code == 2
    assert json.loads(invoke("ledger", "check", "--json").stdout)["balanced"] is True
