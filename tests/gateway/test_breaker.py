"""The breaker, an operator's hold, windows, and patience: what keeps the courier from trying."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select
from structlog.testing import capture_logs

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.gate import NextTry, next_try
from csenet.gateway.delivery.patience import Patience
from csenet.gateway.delivery.retry import Outcome, mistaken, permanent, transient
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.store import destinations
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.tables import attempt, outbound, work_item
from csenet.gateway.store.tables_audit import audit

from .couriers import NOW, Scripted, forbidding, queue, resend, statuses, table

DOWN = transient("http_500")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW, "America/Chicago")


class Slow(Scripted):
    """A destination whose every answer takes a while by the clock."""

    def __init__(self, clock: ManualClock, seconds: float, *answers: Outcome | Exception) -> None:
        super().__init__(*answers)
        self.clock, self.seconds = clock, seconds

    async def deliver(self, *words: Any) -> Outcome:
        self.clock.advance(self.seconds)
        return await super().deliver(*words)


def courier(store: Store, to: Any, clock: ManualClock, **more: Any) -> Courier:
    """Build a courier that does not wait between its tries, so that only the gate keeps it from trying."""
    settings = CourierSettings(jurisdiction="27", first_delay_seconds=0.0, **more)
    return Courier(store, to, clock, settings, structlog.get_logger())


async def standing(store: Store) -> destinations.Destination:
    async with store.read() as conn:
        return await destinations.load(conn)


async def order(store: Store, what: Any, *words: Any) -> Any:
    async with store.begin() as conn:
        return await what(conn, *words, actor="test", at=NOW)


# -- the breaker ----------------------------------------------------------------------------------


async def test_failures_in_a_row_open_the_breaker_and_no_more_tries_are_made(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B")
    to = Scripted(*[DOWN] * 50)
    with capture_logs() as logs:
        carrier = courier(store, to, clock, breaker_after=3)
        for _ in range(4):
            await carrier.deliver_waiting()
    assert len(to.got) == 3
    told = [each for each in logs if each["event"] == "delivery.failed"]
    # The last names what really comes next, which is not the batch's own delay.
    assert [(each["delay_seconds"], each.get("waits_for")) for each in told] == [
        (0.0, None),
        (0.0, None),
        (60.0, "probe"),
    ]
    known = await standing(store)
    assert (known.state, known.failures, known.last_error) == ("open", 3, "http_500")
    assert known.probe_at == NOW + timedelta(seconds=60)


async def test_an_open_breaker_costs_one_probe_an_interval(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    to = Scripted(*[DOWN] * 50)
    carrier = courier(store, to, clock, breaker_after=3, probe_seconds=60.0)
    for _ in range(10 * 60):
        await carrier.deliver_waiting()
        clock.advance(1)
    assert len(to.got) == 3 + 9


async def test_a_probe_that_succeeds_closes_the_breaker_and_all_leaves(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B")
    carrier = courier(store, Scripted(*[DOWN] * 3), clock, breaker_after=3, batch_size=1)
    await carrier.deliver_waiting()
    clock.advance(60)
    assert await carrier.deliver_waiting() == 2
    known = await standing(store)
    assert (known.state, known.failures) == ("closed", 0)
    assert set((await statuses(store)).values()) == {"delivered"}


async def test_a_batch_that_is_refused_for_itself_says_nothing_against_the_destination(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B", "C", "D")
    to = Scripted(DOWN, *[permanent("http_422")] * 3)
    await courier(store, to, clock, breaker_after=2, batch_size=1).deliver_waiting()
    assert (await standing(store)).state == "closed"
    assert await statuses(store) == {1: "dead", 2: "dead", 3: "dead", 4: "delivered"}


async def test_a_failure_made_final_by_a_setting_still_counts_against_the_destination(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B")
    to = Scripted(*[DOWN] * 2)
    final = {"http_5xx": Patience(permanent=True)}
    await courier(store, to, clock, breaker_after=5, batch_size=1, retry=final).deliver_waiting()
    assert len(to.got) == 2
    assert set((await statuses(store)).values()) == {"dead"}
    assert (await standing(store)).failures == 2


async def test_the_breaker_outlives_a_restart_and_binds_every_process(
    location: str | Path, clock: ManualClock
) -> None:
    first, second = await open_store(location), await open_store(location)
    try:
        await queue(first, "A")
        to = Scripted(*[DOWN] * 50)
        await courier(first, to, clock, breaker_after=3).deliver_waiting()
        await courier(second, to, clock, breaker_after=3).deliver_waiting()
        assert len(to.got) == 3
        clock.advance(60)
        for store in (second, first):
            await courier(store, to, clock, breaker_after=3).deliver_waiting()
        assert len(to.got) == 4
    finally:
        await first.close()
        await second.close()


async def test_only_one_of_two_is_given_the_probe_and_a_dead_prober_is_followed(
    store: Store, clock: ManualClock
) -> None:
    async with store.begin() as conn:
        await destinations.note_failure(conn, "http_500", at=NOW, limit=1, probe_interval=60.0)
    due = NOW + timedelta(seconds=60)
    async with store.begin() as conn:
        assert not await destinations.enter(conn, due - timedelta(seconds=1), 60.0)
        assert await destinations.enter(conn, due, 60.0)
        assert not await destinations.enter(conn, due, 60.0)
        assert (await destinations.load(conn)).state == "half-open"
        assert await destinations.enter(conn, due + timedelta(seconds=60), 60.0)


# -- what a person mends --------------------------------------------------------------------------


async def test_a_wrong_secret_kills_nothing_and_asks_a_person_once(store: Store, clock: ManualClock) -> None:
    await queue(store, "A", "B", "C")
    to = Scripted(*[mistaken("http_401")] * 4)
    carrier = courier(store, to, clock, batch_size=1, breaker_after=2)
    await carrier.deliver_waiting()
    assert await statuses(store) == {1: "sending", 2: "queued", 3: "queued"}
    (item,) = await table(store, work_item)
    assert (item["kind"], item["status"], item["details"]) == (
        "delivery_refused",
        "open",
        {"error": "http_401"},
    )
    for _ in range(3):
        clock.advance(60)
        await carrier.deliver_waiting()
    assert set((await statuses(store)).values()) == {"delivered"}
    (item,) = await table(store, work_item)
    assert item["status"] == "completed"


# -- patience -------------------------------------------------------------------------------------


async def test_an_outage_of_a_day_and_a_half_kills_nothing(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    carrier = courier(store, Scripted(*[DOWN] * 40), clock, probe_seconds=3600.0)
    for _ in range(36):
        await carrier.deliver_waiting()
        clock.advance(3600)
    assert await statuses(store) == {1: "sending"}
    for _ in range(10):
        await carrier.deliver_waiting()
        clock.advance(3600)
    assert await statuses(store) == {1: "delivered"}


async def test_after_two_days_a_person_is_asked(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    carrier = courier(store, Scripted(*[DOWN] * 99), clock, probe_seconds=3600.0)
    for hour in range(49):
        assert (await statuses(store))[1] in {"queued", "sending"}, hour
        await carrier.deliver_waiting()
        clock.advance(3600)
    assert await statuses(store) == {1: "dead"}
    assert [each["kind"] for each in await table(store, work_item)] == ["dead"]


async def test_a_dead_batch_sent_again_is_given_the_whole_time_again(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A")
    to = Slow(clock, 4.0, *[DOWN] * 4)
    carrier = courier(store, to, clock, give_up_after_seconds=10.0, breaker_after=99)
    assert await carrier.deliver_waiting() == 1
    assert (await statuses(store), len(to.got)) == ({1: "dead"}, 3)
    assert await resend(store) == 1
    clock.advance(3600)
    assert await carrier.deliver_waiting() == 1
    assert await statuses(store) == {1: "delivered"}


# -- by hand --------------------------------------------------------------------------------------


async def test_a_hold_lets_nothing_leave_until_its_release_whoever_restarts(
    location: str | Path, clock: ManualClock
) -> None:
    store = await open_store(location)
    await queue(store, "A")
    await order(store, destinations.hold, "exchange migrates")
    await store.close()
    store = await open_store(location)
    try:
        to = Scripted()
        assert await courier(store, to, clock).deliver_waiting() == 0
        assert to.got == []
        assert await statuses(store) == {1: "queued"}
        assert (await standing(store)).held_reason == "exchange migrates"
        assert await order(store, destinations.release)
        assert not await order(store, destinations.release)
        assert await courier(store, to, clock).deliver_waiting() == 1
        done = [each["action"] for each in await table(store, audit)]
        assert done == ["delivery.hold", "delivery.release", "delivery.release", "delivery.delivered"]
    finally:
        await store.close()


async def test_a_hold_stops_the_tries_of_a_batch_under_way(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    carrier = courier(store, Scripted(*[DOWN] * 3), clock, breaker_after=3)
    await carrier.deliver_waiting()
    await order(store, destinations.hold, "moving")
    clock.advance(days=30)
    assert await carrier.deliver_waiting() == 0
    assert await statuses(store) == {1: "sending"}
    await order(store, destinations.release)
    assert await carrier.deliver_waiting() == 1


# -- windows --------------------------------------------------------------------------------------


# NOW is noon in Greenwich.
LATER = NOW + timedelta(minutes=1)
EVENING = Windows(zone=UTC, spans=((time(18), time(19)),))


async def test_outside_a_window_nothing_is_even_sealed(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    carrier = courier(store, Scripted(), clock, windows=EVENING)
    assert await carrier.deliver_waiting() == 0
    assert await statuses(store) == {1: "queued"}
    clock.set(datetime(2026, 11, 21, 18, 0, tzinfo=UTC))
    assert await carrier.deliver_waiting() == 1


async def test_what_failed_in_its_window_waits_for_the_next(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    clock.set(datetime(2026, 11, 21, 18, 59, 59, tzinfo=UTC))
    to = Slow(clock, 2.0, DOWN)
    carrier = courier(store, to, clock, windows=EVENING)
    await carrier.deliver_waiting()
    clock.set(datetime(2026, 11, 22, 17, 59, tzinfo=UTC))
    await carrier.deliver_waiting()
    assert len(to.got) == 1
    clock.set(datetime(2026, 11, 22, 18, 0, tzinfo=UTC))
    assert await carrier.deliver_waiting() == 1


@pytest.mark.parametrize(
    ("known", "windows", "expected"),
    [
        ({}, Windows(), NextTry(NOW)),
        ({"state": "open", "probe_at": NOW}, Windows(), NextTry(NOW)),
        ({"state": "open", "probe_at": LATER}, Windows(), NextTry(LATER, "probe")),
        ({"state": "closed", "probe_at": LATER}, Windows(), NextTry(NOW)),
        ({"state": "open", "probe_at": LATER}, EVENING, NextTry(NOW.replace(hour=18), "window")),
        ({"state": "open", "probe_at": LATER, "flush_serial": 7}, EVENING, NextTry(LATER, "probe")),
        ({}, Windows(by_hand=True), NextTry(None, "flush")),
        ({"state": "open", "probe_at": LATER, "held_at": NOW}, Windows(), NextTry(None, "release")),
    ],
)
def test_what_is_told_of_the_next_try_is_what_the_gate_allows(
    known: dict[str, Any], windows: Windows, expected: NextTry
) -> None:
    assert next_try(destinations.Destination(**known), windows, NOW) == expected


@pytest.mark.parametrize("windows", [EVENING, Windows(by_hand=True)])
async def test_a_flush_lets_out_what_is_queued_then_and_nothing_later(
    store: Store, clock: ManualClock, windows: Windows
) -> None:
    await queue(store, "A", "B", "A")
    assert await order(store, destinations.flush) == 3
    await queue(store, "C", first=4)
    carrier = courier(store, Scripted(), clock, windows=windows, batch_size=2)
    assert await carrier.deliver_waiting() == 2
    assert await statuses(store) == {1: "delivered", 2: "delivered", 3: "delivered", 4: "queued"}
    assert (await standing(store)).flush_serial is None
    assert await carrier.deliver_waiting() == 0


# -- one last look --------------------------------------------------------------------------------


async def withdrawn(store: Store, clock: ManualClock, failure: Outcome) -> Scripted:
    """Fail with a batch of three, refuse one of them meanwhile, and go on."""
    await queue(store, "A", "B", "A")
    forbidden: set[int] = set()
    to = Scripted(failure)
    settings = CourierSettings(jurisdiction="27", first_delay_seconds=0.0, breaker_after=1)
    carrier = Courier(store, to, clock, settings, structlog.get_logger(), refusals=forbidding(forbidden))
    await carrier.deliver_waiting()
    forbidden.add(1)
    clock.advance(60)
    await carrier.deliver_waiting()
    return to


async def test_a_sealed_batch_that_never_arrived_goes_without_what_may_not_leave_any_more(
    store: Store, clock: ManualClock
) -> None:
    to = await withdrawn(store, clock, transient("ClientConnectorError"))
    assert [each.payload for each in to.got] == [
        b"transaction 1\ntransaction 2\ntransaction 3\n",
        b"transaction 2\n",
    ]
    assert to.got[0].key != to.got[1].key
    assert await statuses(store) == {1: "held", 2: "delivered", 3: "queued"}
    (item,) = await table(store, work_item)
    assert (item["kind"], item["details"]["serial"]) == ("held", "1")


async def test_a_sealed_batch_that_may_have_arrived_is_left_to_a_person(
    store: Store, clock: ManualClock
) -> None:
    to = await withdrawn(store, clock, transient("ServerDisconnectedError"))
    assert len(to.got) == 1
    assert await statuses(store) == {1: "held", 2: "dead", 3: "dead"}
    async with store.read() as conn:
        found = (await conn.execute(select(attempt.c.outcome))).scalars().all()
        reasons = (await conn.execute(select(outbound.c.reason).where(outbound.c.serial > 1))).scalars().all()
    assert found == ["transient"]
    assert reasons == ["withdrawn", "withdrawn"]
