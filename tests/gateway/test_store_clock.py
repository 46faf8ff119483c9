"""The clock that tests move by hand, and the date it shows."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from csenet.gateway.clock import ManualClock, SystemClock

from .patience import BOUND

EVENING = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
"""Half past ten in the evening of 20 November in Minnesota, already the 21st in Greenwich."""


def test_today_is_the_date_where_the_agency_is() -> None:
    assert ManualClock(EVENING, "America/Chicago").today() == date(2026, 11, 20)
    assert ManualClock(EVENING, UTC).today() == date(2026, 11, 21)


def test_a_clock_refuses_a_moment_without_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2026, 11, 20))  # noqa: DTZ001


async def test_sleepers_wake_when_their_moment_is_reached_and_not_before() -> None:
    clock = ManualClock(EVENING)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper("late", 20)), asyncio.create_task(sleeper("early", 10))]
    await asyncio.sleep(0)
    assert clock.sleeping == 2
    clock.advance(9.9)
    await asyncio.sleep(0)
    assert woken == []
    clock.advance(0.1)
    await asyncio.wait_for(tasks[1], BOUND)
    assert woken == ["early"]
    clock.advance(days=1)
    await asyncio.wait_for(tasks[0], BOUND)
    assert clock.now() == EVENING + timedelta(seconds=10, days=1)
    assert clock.sleeping == 0


async def test_a_sleeper_that_was_cancelled_disturbs_nobody() -> None:
    clock = ManualClock(EVENING)
    task = asyncio.ensure_future(clock.sleep(5))
    assert clock.sleeping == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    clock.advance(10)
    await clock.sleep(0)
    assert task.cancelled()
    assert clock.sleeping == 0


async def test_the_system_clock_tells_aware_time() -> None:
    clock = SystemClock("America/Chicago")
    before = datetime.now(UTC)
    await clock.sleep(-1)
    assert before <= clock.now()
    assert clock.now().tzinfo is UTC
    assert abs((clock.today() - before.date()).days) <= 1
