"""The one source of the time: the machine's clock in service, a hand-moved one in tests.

Everything that decides by date takes a clock, so that a deadline can be tried on both of its sides without
waiting.  ``now`` is an aware moment in UTC; ``today`` is the calendar date in the jurisdiction's own zone,
because a duty that runs in working days starts on the day it is there, not in Greenwich.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Tell the time and wait for it."""

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        ...

    def today(self) -> date:
        """Return the date in the jurisdiction's zone."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return when ``seconds`` have passed on this clock."""
        ...


class SystemClock:
    """Read the machine's clock."""

    def __init__(self, zone: str | tzinfo = UTC) -> None:
        """Take the jurisdiction's zone, by name (``America/Chicago``) or as an object."""
        self.zone: tzinfo = ZoneInfo(zone) if isinstance(zone, str) else zone

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Return the date in the jurisdiction's zone."""
        return datetime.now(self.zone).date()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """Stand still until told to move; sleepers wake when their moment is reached."""

    def __init__(self, now: datetime, zone: str | tzinfo = UTC) -> None:
        """Start at ``now``, which must be aware."""
        if now.tzinfo is None:
            raise ValueError("a clock needs a moment with a time zone")
        self.zone: tzinfo = ZoneInfo(zone) if isinstance(zone, str) else zone
        self._now = now.astimezone(UTC)
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the moment the clock was left at."""
        return self._now

    def today(self) -> date:
        """Return the date in the zone at that moment."""
        return self._now.astimezone(self.zone).date()

    @property
    def sleeping(self) -> int:
        """Return how many sleepers wait, so that a test can see a loop come to rest."""
        return sum(1 for _, _, future in self._sleepers if not future.done())

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait until the clock has been moved past ``seconds`` from its present moment.

        That is the moment of the call, whenever it is awaited: whoever waits for several things at once
        begins to a turn of the event loop later, and the clock may have been moved by then.
        """
        if seconds <= 0:
            return asyncio.sleep(0)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (due, next(self._order), future))
        return future

    def advance(self, seconds: float = 0.0, *, days: int = 0) -> None:
        """Move the clock forward and wake who is due, in order of their moments."""
        self.set(self._now + timedelta(days=days, seconds=seconds))

    def set(self, moment: datetime) -> None:
        """Move the clock to ``moment`` (aware) and wake who is due."""
        self._now = moment.astimezone(UTC)
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
