"""Several batches at once, never two with the same case, and no more in a minute than allowed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.pace import Pace
from csenet.gateway.delivery.retry import DELIVERED, Outcome, transient
from csenet.gateway.delivery.transports import Parcel
from csenet.gateway.store import destinations
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import attempt

from .couriers import Scripted, courier, queue, statuses, table, ticking, until

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Held(Scripted):
    """A destination that keeps each parcel until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.most = self.now = 0

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        self.got.append(parcel)
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go.wait()
        self.now -= 1
        return DELIVERED


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW, "America/Chicago")


async def test_as_many_batches_are_under_way_as_allowed_and_no_case_is_in_two(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "A", "B", "C", None, "D")
    destination = Held()
    task = asyncio.create_task(courier(store, destination, clock, batch_size=1, parallel=3).deliver_waiting())
    await until(lambda: destination.now >= 2)
    payloads = [parcel.payload for parcel in destination.got]
    assert b"transaction 2\n" not in payloads, "it would overtake the first of its case"
    destination.go.set()
    assert await task == 6
    assert destination.most <= 3
    assert set((await statuses(store)).values()) == {"delivered"}
    order = [parcel.payload for parcel in destination.got]
    assert order.index(b"transaction 1\n") < order.index(b"transaction 2\n")


@pytest.mark.parametrize("location", ["postgresql"], indirect=True)
async def test_what_a_landing_lets_go_while_others_are_looked_for_leaves_too(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "A", "A")
    destination, ready = Held(), asyncio.Event()
    carrier = courier(store, destination, clock, batch_size=1, parallel=2, ready=ready)
    board = carrier._board

    async def slowly(conn: AsyncConnection) -> Any:
        found = await board(conn)
        if destination.now:
            destination.go.set()
            await until(lambda: not carrier._flights)
        return found

    monkeypatch.setattr(carrier, "_board", slowly)
    task = asyncio.create_task(carrier.deliver_waiting())
    await until(lambda: destination.now == 1)
    ready.set()
    assert await task == 2


async def test_what_gathered_leaves_at_the_rate_that_is_set(store: Store, clock: ManualClock) -> None:
    await queue(store, *(f"C{number}" for number in range(5)))
    destination = Scripted()
    carrier = courier(store, destination, clock, batch_size=1, parallel=4, per_minute=6.0)
    task = asyncio.create_task(carrier.deliver_waiting())
    for number in range(1, 5):
        await until(lambda number=number: len(destination.got) == number and clock.sleeping > 0)
        clock.advance(9.9)
        await asyncio.sleep(0)
        assert len(destination.got) == number
        clock.advance(0.1)
    assert await task == 5


async def test_a_failed_try_waits_its_time_while_what_left_with_it_arrives(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B", "C")
    destination = Scripted(transient("http_503"))
    task = asyncio.create_task(courier(store, destination, clock, batch_size=1, parallel=2).deliver_waiting())

    async def one_arrived() -> bool:
        """Which of the two meets the failure is not said: on a shared database either may set out first."""
        return sorted([*(await statuses(store)).values()][:2]) == ["delivered", "sending"]

    await until(one_arrived)
    # Whether the third sets out beside the one that waits depends on which of the two was settled first.
    await ticking(clock, task)
    assert await task == 3
    assert (len(destination.got), clock.now() > NOW) == (4, True)
    assert set((await statuses(store)).values()) == {"delivered"}


@pytest.mark.parametrize("settled_last", ["failed", "arrived"])
async def test_what_arrives_with_a_failed_try_lets_others_leave_whichever_is_settled_first(
    store: Store, clock: ManualClock, settled_last: str
) -> None:
    await queue(store, "A", "B")

    async def ends() -> set[str]:
        return {each["outcome"] for each in await table(store, attempt)}

    async def one_settled() -> bool:
        return ("delivered" if settled_last == "failed" else "transient") in await ends()

    async def both_settled() -> bool:
        return await ends() == {"delivered", "transient"}

    class Apart(Scripted):
        async def deliver(self, *words: Any) -> Outcome:
            outcome = await super().deliver(*words)
            together = len(self.got) <= 2
            await until(lambda: len(self.got) >= 2)
            if together and (outcome == DELIVERED) is (settled_last == "arrived"):
                await until(one_settled)
            return outcome

    destination, ready = Apart(transient("http_503", retry_after=60.0)), asyncio.Event()
    carrier = courier(store, destination, clock, batch_size=1, parallel=2, ready=ready)
    task = asyncio.create_task(carrier.deliver_waiting())
    await until(both_settled)
    await queue(store, "C", first=3)
    ready.set()

    async def third_arrived() -> bool:
        return (await statuses(store))[3] == "delivered"

    await until(third_arrived)
    assert clock.now() == NOW, "it did not wait for the one that failed"
    await ticking(clock, task)
    assert await task == 3


async def test_tries_that_fail_together_are_one_failure_and_one_goes_ahead_afterwards(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, *(f"C{number}" for number in range(12)))
    destination = Scripted(*[transient("ClientConnectorError")] * 8)
    carrier = courier(store, destination, clock, batch_size=1, parallel=8, breaker_after=5)
    task = asyncio.create_task(carrier.deliver_waiting())
    await until(lambda: clock.sleeping == 8)
    async with store.read() as conn:
        found = await destinations.load(conn)
    assert (found.state, found.failures) == ("closed", 1), "eight met one and the same failure"
    assert len(destination.got) == 8, "nothing more sets out before one has arrived"
    clock.advance(300)
    assert await task == 12
    assert set((await statuses(store)).values()) == {"delivered"}


def test_a_clock_put_back_does_not_keep_the_next_turn_waiting() -> None:
    clock = ManualClock(NOW, "America/Chicago")
    pace = Pace(clock, 60.0)
    pace.take(1)
    clock.advance(-86_400)
    assert pace.free(1) == 0
    clock.advance(1)
    assert pace.free(3) == 1
    assert Pace(clock, None).free(7) == 7
