"""Two gateways on one database share the work, keep each case's order, and take over from each other."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.retry import Outcome, transient
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.desk import Desk, TransactionFilter, agency_of, annual, files, service
from csenet.gateway.store import claims, dead, leases, outbox
from csenet.gateway.store.engine import Store, open_store

from .conftest import LEDGER, NOON, QUIET, arriving, facts, lines
from .couriers import NOW, Scripted, queue, statuses, until
from .patience import BOUND

pytestmark = pytest.mark.slow

# A third of it, after which it is prolonged by the machine's own time, is longer than any test takes.
LEASE = 3 * BOUND


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[tuple[Store, Store]]:
    async with AsyncExitStack() as stack:
        stores = [await open_store(postgres_url), await open_store(postgres_url)]
        for store in stores:
            stack.push_async_callback(store.close)
        yield stores[0], stores[1]


def desks(pair: tuple[Store, Store], clock: ManualClock) -> tuple[Desk, Desk]:
    one, two = (Desk(store, agency_of("27"), clock, QUIET) for store in pair)
    return one, two


async def _until_asleep(clock: ManualClock) -> None:
    async with asyncio.timeout(BOUND):
        while clock.sleeping == 0:  # noqa: ASYNC110 - the clock has nothing to wait for
            await asyncio.sleep(0)


# ---- settling


async def test_two_desks_settle_each_transaction_once_and_number_without_gaps(
    pair: tuple[Store, Store], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 3)
    both = desks(pair, clock)
    for case in ("MN1", "MN2"):
        await both[0].put_case(case, facts(ledger=LEDGER))
    arrivals = [
        lines(*(arriving("MSC R GRINT", 10 * number + each, f"MN{1 + each % 2}") for each in range(8)))
        for number in range(1, 7)
    ]
    await asyncio.gather(
        *(both[number % 2].accept(raw, source="test", name="a") for number, raw in enumerate(arrivals))
    )
    decided = 0
    async with asyncio.timeout(BOUND):
        while (await both[0].ledger_check()).files_waiting:
            counts = await asyncio.gather(*(desk.settle_pending() for desk in both))
            decided += sum(count.decided for count in counts)
    assert decided == 48
    report = await both[1].ledger_check()
    assert report.balanced
    assert report.inbound == {"decided": 48}
    page = await both[0].list_transactions(TransactionFilter(direction="outbound", limit=100))
    assert [int(each.serial) for each in page.items] == list(range(1, 49))
    by_case: dict[str, list[int]] = defaultdict(list)
    for each in page.items:
        by_case[each.case_id].append(int(each.in_reply_to.removeprefix("in-")))
    assert all(causes == sorted(causes) for causes in by_case.values()), "answered in order of arrival"


async def test_a_file_left_half_way_is_finished_by_another_and_its_owner_is_fenced_off(
    pair: tuple[Store, Store], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 2)
    stopped, other = desks(pair, clock)
    await stopped.put_case("MN1", facts(ledger=LEDGER))
    raw = lines(*(arriving("MSC R GRINT", serial) for serial in range(1, 7)))
    receipt = await stopped.accept(raw, source="test", name="a")

    halted, wake = asyncio.Event(), asyncio.Event()
    begin, commits = pair[0].begin, 0

    def halting() -> object:
        nonlocal commits
        commits += 1
        return begin() if commits != 3 else _after(halted, wake, begin)

    monkeypatch.setattr(pair[0], "begin", halting)
    sleeping = asyncio.create_task(stopped.settle(receipt.file_id))
    await halted.wait()

    waiting = asyncio.create_task(other.settle(receipt.file_id))
    await _until_asleep(clock)
    assert (await other.ledger_check()).inbound == {"decided": 2}, "the lease still runs"
    clock.advance(files.LEASE_SECONDS)
    assert (await waiting).decided == 4

    wake.set()
    await _until_asleep(clock)
    clock.advance(1)
    assert (await sleeping).decided == 2, "only what it had done before it was stopped"
    report = await other.ledger_check()
    assert (report.balanced, report.inbound, report.outbound) == (True, {"decided": 6}, {"queued": 6})


class _after:  # noqa: N801 - reads as a word where it is used
    """Opens a transaction only after a pause, as a process does that is stopped just before."""

    def __init__(self, halted: asyncio.Event, wake: asyncio.Event, begin: Callable[[], object]) -> None:
        self.halted, self.wake, self.begin = halted, wake, begin

    async def __aenter__(self) -> object:
        self.halted.set()
        await self.wake.wait()
        # Its lease went to the other one, which let go of it; somebody has it by now.
        self.inner = self.begin()
        return await self.inner.__aenter__()  # type: ignore[attr-defined]

    async def __aexit__(self, *error: object) -> object:
        return await self.inner.__aexit__(*error)  # type: ignore[attr-defined]


async def test_a_desk_that_went_away_cleanly_leaves_no_lease(
    pair: tuple[Store, Store], clock: ManualClock
) -> None:
    one, two = desks(pair, clock)
    await one.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
    await one.settle_pending()
    async with pair[0].read() as conn:
        assert await leases.holder_of(conn, leases.SETTLE, 0, NOON) is None
    await two.accept(lines(arriving("MSC R GRINT", 2)), source="test", name="b")
    assert (await two.settle_pending()).files == 1


async def test_what_another_gateway_could_not_settle_is_looked_for(
    pair: tuple[Store, Store], clock: ManualClock
) -> None:
    one, two = desks(pair, clock)
    waiting = asyncio.create_task(two.wait_for_arrival())
    await one.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(5)
    await asyncio.wait_for(waiting, BOUND)
    assert (await two.settle_pending()).files == 1


# ---- delivering


class Destination(Scripted):
    """Lets chosen batches hang as if their sender had been stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.hang: set[str] = set()
        self.hanging = asyncio.Event()
        self.wake = asyncio.Event()

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        if parcel.name in self.hang:
            self.hanging.set()
            await self.wake.wait()
        return await super().deliver(parcel, spooled)


def courier(store: Store, to: Destination, clock: ManualClock, **more: Any) -> Courier:
    settings = CourierSettings(jurisdiction="27", lease_seconds=LEASE, **{"batch_size": 3, **more})
    return Courier(store, to, clock, settings, structlog.get_logger())


def left(*destinations: Destination) -> list[int]:
    """Read the serial numbers of all that arrived."""
    return [
        int(line.split()[1]) for each in destinations for p in each.got for line in p.payload.splitlines()
    ]


async def test_two_couriers_share_the_queue_and_deliver_each_once(pair: tuple[Store, Store]) -> None:
    clock, to = ManualClock(NOW), Destination()
    await queue(pair[0], *(f"C{number % 10}" for number in range(60)))
    carriers = [courier(store, to, clock) for store in pair]
    for _ in range(30):
        await asyncio.gather(*(carrier.deliver_waiting() for carrier in carriers))
        if set((await statuses(pair[0])).values()) == {"delivered"}:
            break
    arrived = left(to)
    assert sorted(arrived) == list(range(1, 61))
    for case in range(10):
        of_case = [serial for serial in arrived if (serial - 1) % 10 == case]
        assert of_case == sorted(of_case), "no case out of order"


async def test_a_batch_in_flight_stays_with_its_courier_and_holds_only_its_cases(
    pair: tuple[Store, Store],
) -> None:
    clock, slow, quick = ManualClock(NOW), Destination(), Destination()
    await queue(pair[0], "A", "A", "B", "A", "C")
    slow.hang = {"CSENET-27-000000000001.txt"}
    flight = asyncio.create_task(courier(pair[0], slow, clock).deliver_waiting())
    await slow.hanging.wait()
    assert await courier(pair[1], quick, clock).deliver_waiting() == 1
    assert left(quick) == [5], "4 would overtake 1 and 2"
    slow.wake.set()
    await flight
    assert set((await statuses(pair[0])).values()) == {"delivered"}


async def test_a_dead_couriers_batch_is_taken_over_as_it_was_when_its_lease_runs_out(
    pair: tuple[Store, Store],
) -> None:
    clock, stopped, other = ManualClock(NOW), Destination(), Destination()
    await queue(pair[0], "A", "B")
    stopped.hang = {"CSENET-27-000000000001.txt"}
    flight = asyncio.create_task(courier(pair[0], stopped, clock).deliver_waiting())
    await stopped.hanging.wait()
    successor = courier(pair[1], other, clock)
    clock.advance(LEASE - 1)
    assert await successor.deliver_waiting() == 0
    clock.advance(1)
    assert await successor.deliver_waiting() == 1
    assert [parcel.key for parcel in other.got] == ["CSENET-27-000000000001"]

    await queue(pair[0], "A", first=3)
    stopped.wake.set()
    await flight
    assert [parcel.key for parcel in stopped.got] == ["CSENET-27-000000000001", "CSENET-27-000000000002"]
    async with pair[0].read() as conn:
        tries = (await conn.execute(text("SELECT outcome FROM attempt ORDER BY id"))).scalars().all()
    assert tries == ["started", "delivered", "delivered"], "who woke up late could settle nothing"
    assert set((await statuses(pair[0])).values()) == {"delivered"}


async def test_a_dead_couriers_batch_is_taken_over_by_one_that_waits_for_an_answer(
    pair: tuple[Store, Store],
) -> None:
    clock, stopped, slow = ManualClock(NOW), Destination(), Destination()
    await queue(pair[0], "A")
    stopped.hang = {"CSENET-27-000000000001.txt"}
    flight = asyncio.create_task(courier(pair[0], stopped, clock).deliver_waiting())
    await stopped.hanging.wait()
    await queue(pair[0], "B", first=2)
    slow.hang = {"CSENET-27-000000000002.txt"}
    waiting = asyncio.create_task(courier(pair[1], slow, clock, parallel=2).deliver_waiting())
    await slow.hanging.wait()
    await _until_asleep(clock)
    clock.advance(LEASE)
    await until(lambda: left(slow) == [1])
    for each in (stopped, slow):
        each.wake.set()
    await asyncio.gather(flight, waiting)
    assert set((await statuses(pair[0])).values()) == {"delivered"}


async def test_a_try_may_last_longer_than_a_lease(pair: tuple[Store, Store]) -> None:
    clock, slow, other = ManualClock(NOW), Destination(), Destination()
    await queue(pair[0], "A")
    slow.hang = {"CSENET-27-000000000001.txt"}
    carrier = courier(pair[0], slow, clock)
    carrier._crew.claims.sleep = clock.sleep
    flight = asyncio.create_task(carrier.deliver_waiting())
    await slow.hanging.wait()
    for _ in range(9):
        await _until_asleep(clock)
        clock.advance(LEASE / 3)
    await _until_asleep(clock)
    assert await courier(pair[1], other, clock).deliver_waiting() == 0
    slow.wake.set()
    assert await flight == 1
    assert clock.sleeping == 0


async def test_a_courier_that_stops_between_two_tries_leaves_its_batch_to_others(
    pair: tuple[Store, Store],
) -> None:
    clock, down, up = ManualClock(NOW), Destination(), Destination()
    await queue(pair[0], "A")
    down.answers = [transient("http_503")]
    stop = asyncio.Event()
    running = asyncio.create_task(courier(pair[0], down, clock).run(stop))
    await _until_asleep(clock)
    stop.set()
    await running
    clock.advance(1)
    assert await courier(pair[1], up, clock).deliver_waiting() == 1
    assert left(up) == [1]


async def test_a_restarted_courier_goes_on_at_once(postgres_url: str) -> None:
    clock, dead, alive = ManualClock(NOW), Destination(), Destination()
    before = await open_store(postgres_url, holder="the same machine")
    await queue(before, "A")
    dead.hang = {"CSENET-27-000000000001.txt"}
    flight = asyncio.create_task(courier(before, dead, clock).deliver_waiting())
    await dead.hanging.wait()
    after = await open_store(postgres_url, holder="the same machine")
    assert await courier(after, alive, clock).deliver_waiting() == 1
    flight.cancel()
    await asyncio.gather(flight, return_exceptions=True)
    await before.close()
    await after.close()


# ---- claiming


async def test_a_locked_row_is_passed_over_and_nothing_of_its_case_overtakes_it(
    pair: tuple[Store, Store],
) -> None:
    await queue(pair[0], "A", "B", "A", None)
    async with pair[0].begin(alone=False) as other, pair[1].begin() as conn:
        await other.execute(text("SELECT 1 FROM outbound WHERE serial = 1 FOR UPDATE"))
        assert [row.serial for row in await claims.claimable(conn, 10)] == [2, 4]


async def test_the_mark_hides_nothing_for_good_and_lets_nothing_overtake(pair: tuple[Store, Store]) -> None:
    store, window = pair[0], claims.Window()
    await queue(store, "A", status="dead")
    await queue(store, "A", "B", first=2)
    async with store.begin() as conn:
        assert [row.serial for row in await window.claim(conn, 10)] == [3]
        await outbox.add_batch(
            conn,
            jurisdiction="27",
            framing="lines",
            payload=b"x",
            rows=await claims.claimable(conn, 1),
            at=NOW,
        )
    await queue(store, "A", "C", first=4)
    async with store.begin() as conn:
        await dead.resend_dead(conn, None, at=NOW, today=date(2026, 11, 21))
        assert [row.serial for row in await window.claim(conn, 10)] == [5], "4 must wait for 1 and 2"
    async with store.begin() as conn:
        await conn.execute(text("UPDATE outbound SET status = 'delivered' WHERE serial = 5"))
        assert [row.serial for row in await window.claim(conn, 10)] == [1, 2, 4]


async def test_a_case_whose_id_changes_beside_the_yearly_run_is_told_once_a_year(
    pair: tuple[Store, Store], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = {"order_fips_state": "27", "order_fips_county": "000", "order_id": "MNO1", "order_type": "J"}
    balances = {"as_of": "2026-11-01", "arrears": "100.00", "interest": "4.00"}
    one, two = desks(pair, clock)
    await one.put_case("MN1", facts(orders=[order], balances=balances))
    await one.submit({"case_id": "MN1", "far": "MSC P GSTAI"})
    seen, changing = annual._last_notices, list[asyncio.Task[Any]]()

    async def meanwhile(*args: Any) -> Any:
        change = {"id": "e", "kind": "case_id_changed", "new_case_id": "MN2"}
        changing.append(asyncio.create_task(two.happened("MN1", change)))
        # It has to wait for the run's commit, else it is over by now; however long it is waited for here.
        await asyncio.wait(changing, timeout=0.5)
        return await seen(*args)

    monkeypatch.setattr(annual, "_last_notices", meanwhile)
    assert (await one.annual_interest(2026, "", limit=10)).lines == []
    await changing[0]
    monkeypatch.undo()
    assert (await one.annual_interest(2026, "", limit=10)).lines == []
    told = (await one.list_transactions(TransactionFilter(far="MSC P GSTAI"))).items
    assert [each.case_id for each in told] == ["MN2"]
