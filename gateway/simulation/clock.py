"""One time for many gateways, each reading the calendar of its own zone."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

from csenet.gateway.clock import ManualClock

NOON = 18
"""The hour of the simulated day, in UTC: everywhere but in the far Pacific it is day then."""


class ZoneClock:
    """Show the time of a shared clock in a zone of its own."""

    def __init__(self, shared: ManualClock, zone: str | tzinfo) -> None:
        """Take the clock that is moved for all."""
        self._shared = shared
        self._zone: tzinfo = ZoneInfo(zone) if isinstance(zone, str) else zone

    def now(self) -> datetime:
        """Return the shared moment."""
        return self._shared.now()

    def today(self) -> date:
        """Return the date that moment has in the zone."""
        return self._shared.now().astimezone(self._zone).date()

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait on the shared clock."""
        return self._shared.sleep(seconds)


def noon(day: date) -> datetime:
    """Give the moment at which a simulated day takes place."""
    return datetime(day.year, day.month, day.day, NOON, tzinfo=UTC)
