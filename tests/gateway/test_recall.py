"""What is sealed and has not set out can be taken back; courier and recall never both win."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier
from csenet.gateway.delivery.retry import Outcome, transient
from csenet.gateway.delivery.transports import Parcel
from csenet.gateway.desk import Desk
from csenet.gateway.store import ledger
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.recalls import INSTEAD
from csenet.gateway.store.tables import delivery_batch, outbound, serial_counter, work_item
from csenet.gateway.store.tables_audit import audit
from csenet.gateway.store.wrapping import HeldKeys

from .conftest import KEYS, NOON, QUIET, agency_of
from .couriers import Scripted, courier, queue, resend, statuses, table, until
from .patience import BOUND

NOBODY = transient("ClientConnectorError")
FIRST, LAST = -1, 40


class Halting(Scripted):
    """A destination with which everything takes a few steps."""

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        found = await super().deliver(parcel, spooled)
        for _ in range(5):
            await asyncio.sleep(0)
        return found


@pytest.fixture
async def elsewhere(location: str | Path, store: Store, clock: ManualClock) -> AsyncIterator[Desk]:
    """Give a desk as another process has it on the same store."""
    opened = await open_store(location, keyring=Keyring(HeldKeys(KEYS), lambda: NOON))
    yield Desk(opened, agency_of("27"), clock, QUIET)
    await opened.close()


def patient(store: Store, way: Scripted, clock: ManualClock) -> Courier:
    return courier(store, way, clock, first_delay_seconds=1.0, max_delay_seconds=1.0, breaker_after=1000)


async def between_tries(store: Store, way: Scripted, clock: ManualClock) -> tuple[Courier, asyncio.Task[int]]:
    """Have a batch sealed and tried in vain, and stop at the moment in which the next try is waited for."""
    carrier = patient(store, way, clock)
    going = asyncio.create_task(carrier.deliver_waiting())
    await until(lambda: clock.sleeping > 0)
    return carrier, going


@pytest.mark.parametrize("no_place", ["ClientConnectorError", "FileNotFoundError"])
async def test_it_is_taken_out_of_its_batch_and_the_rest_leaves_in_order(
    desk: Desk, elsewhere: Desk, store: Store, clock: ManualClock, no_place: str
) -> None:
    await queue(store, "A", "A", "B", "A")
    async with store.begin() as conn:
        await conn.execute(serial_counter.insert().values(jurisdiction="27", next=5))
    _, going = await between_tries(store, way := Scripted(transient(no_place)), clock)
    assert set((await statuses(store)).values()) == {"sending"}
    found = await elsewhere.recall([2], "settled by telephone", actor="pat")
    assert (found.taken, found.left, found.requeued) == ([2], {}, 3)
    assert (await statuses(store)) == {1: "queued", 2: "cancelled", 3: "queued", 4: "queued"}
    clock.advance(2)
    async with asyncio.timeout(BOUND):
        await going
    assert await patient(store, way, clock).deliver_waiting() in (0, 1)
    assert (await statuses(store)) == {1: "delivered", 2: "cancelled", 3: "delivered", 4: "delivered"}
    first, second = way.got
    assert first.key != second.key
    at = [second.payload.find(b"transaction %d" % serial) for serial in (1, 2, 3, 4)]
    assert at[1] == -1
    assert 0 <= at[0] < at[2] < at[3]
    async with store.read() as conn:
        report = await ledger.check(conn)
    assert report.balanced, report.differences
    told = [(row["actor"], row["action"], row["object"]) for row in await table(store, audit)]
    assert ("pat", "transaction.recalled", "transaction out-2") in told
    assert ("pat", "delivery.withdrawn", first.name) in told
    assert [row["state"] for row in await table(store, delivery_batch)] == ["dead", "delivered"]


@pytest.mark.parametrize("status", ["queued", "held"])
async def test_what_an_earlier_batch_may_have_carried_is_not_taken_back(
    desk: Desk, store: Store, clock: ManualClock, status: str
) -> None:
    await queue(store, "A", "B")
    _, going = await between_tries(store, Scripted(transient("TimeoutError"), NOBODY), clock)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    async with store.begin() as conn:
        # As after it was given up and sent again, or was held back on the way.
        await conn.execute(update(delivery_batch).values(state="dead"))
        await conn.execute(update(outbound).where(outbound.c.serial == 1).values(status=status))
        await conn.execute(
            update(outbound).where(outbound.c.serial == 2).values(status=status, batch_id=None)
        )
    found = await desk.recall([1, 2], "changed our mind", actor="pat")
    assert (found.taken, found.left, found.requeued) == ([2], {1: status}, 0)
    assert "may have reached the exchange" in INSTEAD[status]


@pytest.mark.parametrize("killed", [False, True])
async def test_courier_and_recall_never_both_win(
    elsewhere: Desk, store: Store, clock: ManualClock, *, killed: bool
) -> None:
    """Let both set out at one moment, one of them some steps later each time; kill the courier in between."""
    won: set[str] = set()
    for serial, steps in enumerate((FIRST, *range(0, 40, 4), LAST), 1):
        await queue(store, f"C{serial}", first=serial)
        _, going = await between_tries(store, way := Halting(NOBODY), clock)
        if steps != FIRST:
            clock.advance(2)
            await gone_by(steps, way)
        if killed:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
        async with asyncio.timeout(BOUND):
            found = await elsewhere.recall([serial], "settled by telephone", actor="pat")
            clock.advance(2)
            if not killed:
                await going
        # The next start goes on; a lease that the dead one held has run out by then.
        clock.advance(60)
        async with asyncio.timeout(BOUND):
            await patient(store, later := Scripted(), clock).deliver_waiting()
        sent = [*way.got[1:], *later.got]
        if found.taken:
            assert sent == []
        else:
            assert len({parcel.key for parcel in sent}) == 1
        assert (await statuses(store))[serial] == ("cancelled" if found.taken else "delivered")
        won.add("recall" if found.taken else "courier")
    assert won == {"recall", "courier"}, "the first and the last round leave no choice"


async def gone_by(steps: int, way: Scripted) -> None:
    """Let the courier go on for so many steps of the loop, at last until its try has begun."""
    if steps == LAST:
        await until(lambda: len(way.got) == 2)
    for _ in range(steps):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("error", "over"), [("ClientConnectorError", True), ("TimeoutError", False)])
async def test_a_partner_may_have_less_patience_than_the_others(
    store: Store, clock: ManualClock, error: str, over: bool
) -> None:
    await queue(store, "A", "B", "C")
    async with store.begin() as conn:
        await conn.execute(serial_counter.insert().values(jurisdiction="27", next=4))
        await conn.execute(update(outbound).where(outbound.c.serial == 2).values(partner="19"))
    way = Scripted(*[transient(error)] * 3)
    carrier = courier(
        store,
        way,
        clock,
        first_delay_seconds=1.0,
        max_delay_seconds=1.0,
        breaker_after=99,
        partners={"19": 9.0},
    )
    going = asyncio.create_task(carrier.deliver_waiting())
    for tries in (1, 2):
        await until(lambda tries=tries: len(way.got) == tries and clock.sleeping > 0)
        assert set((await statuses(store)).values()) == {"sending"}
        clock.advance(4)
    await until(lambda: len(way.got) == 3 and clock.sleeping > 0)
    clock.advance(4)
    async with asyncio.timeout(BOUND):
        await going
        await carrier.deliver_waiting()
    assert (await statuses(store)) == {1: "delivered", 2: "dead" if over else "delivered", 3: "delivered"}
    assert (way.got[-1].key != way.got[0].key) is over
    if not over:
        return
    async with store.read() as conn:
        report = await ledger.check(conn)
    assert report.balanced, report.differences
    row = (await table(store, outbound))[1]
    assert row["reason"] == error
    assert [(each["kind"], each["outbound_id"]) for each in await table(store, work_item)] == [("dead", 2)]
    # Sent again it goes in a batch of its own: in the first one are others, who have arrived in another.
    assert await resend(store) == 1
    await carrier.deliver_waiting()
    assert (await statuses(store))[2] == "delivered"
    assert way.got[-1].payload.count(b"transaction") == 1
    assert len({each.key for each in way.got}) == 3
