"""Work out when batches may leave: always, at set hours of the exchange's day, or by hand only.

Hours are local.  Where clocks go forward, an hour that is skipped that day is taken an hour later; where they
go back, the hour that comes twice counts the first time.  So each day has each of its windows exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Final

import holidays
import msgspec

Span = tuple[time, time]
"""The first minute of a window and the first one after it; an end that is not later is on the next day."""

EVERY_DAY: Final = frozenset(range(7))
_ONE_DAY: Final = timedelta(days=1)
# Far enough to find a window that is open on one day of the week only, with a holiday on several of them.
_LOOK_AHEAD: Final = 60


class Opening(msgspec.Struct, frozen=True):
    """Hold one window in UTC: it is open from ``start`` until just before ``end``."""

    start: datetime
    end: datetime


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """Hold when batches may leave; without ``spans`` always, and never by themselves if ``by_hand``.

    A window belongs to the day on which it starts, ``weekdays`` (Monday is 0) and holidays go by that day.
    """

    zone: tzinfo = UTC
    spans: tuple[Span, ...] = ()
    weekdays: frozenset[int] = EVERY_DAY
    skip_federal_holidays: bool = False
    by_hand: bool = False

    @property
    def continuous(self) -> bool:
        """Say whether batches may leave at any time."""
        return not self.spans and not self.by_hand

    def is_open(self, at: datetime) -> bool:
        """Say whether batches may leave by themselves at a moment (aware)."""
        return self.continuous or self.current(at) is not None

    def current(self, at: datetime) -> Opening | None:
        """Return the window that is open at a moment, the one that ends last if several are."""
        found = [each for each in self._around(at) if each.start <= at < each.end]
        return max(found, key=lambda each: each.end, default=None)

    def next_window(self, at: datetime) -> datetime | None:
        """Return when the next window opens after a moment; None if there are none, or none is needed."""
        first = at.astimezone(self.zone).date() - _ONE_DAY
        for number in range(_LOOK_AHEAD):
            starts = [each.start for each in self._of_day(first + number * _ONE_DAY) if each.start > at]
            if starts:
                return min(starts)
        return None

    def leaves(self, at: datetime) -> datetime | None:
        """Say since when, or from when on, what is queued at a moment may leave, in the hours' own zone.

        None if there are no hours, or none for a long time.
        """
        opening = self.current(at)
        found = self.next_window(at) if opening is None else opening.start
        return None if found is None else found.astimezone(self.zone)

    def last_closed(self, at: datetime) -> Opening | None:
        """Return the newest window that is over at a moment; None if there was none for a long time."""
        last = at.astimezone(self.zone).date() + _ONE_DAY
        for number in range(_LOOK_AHEAD):
            days = (last - number * _ONE_DAY, last - (number + 1) * _ONE_DAY)
            over = [each for day in days for each in self._of_day(day) if each.end <= at]
            if over:
                return max(over, key=lambda each: each.end)
        return None

    def _around(self, at: datetime) -> Iterator[Opening]:
        today = at.astimezone(self.zone).date()
        # A window of the day before may last into this one, and two when clocks change at midnight.
        for number in (-2, -1, 0, 1):
            yield from self._of_day(today + number * _ONE_DAY)

    def _of_day(self, day: date) -> Iterator[Opening]:
        if self.by_hand or day.weekday() not in self.weekdays:
            return
        if self.skip_federal_holidays and day in _federal_holidays(day.year):
            return
        for begin, finish in self.spans:
            last = day if finish > begin else day + _ONE_DAY
            start, end = self._moment(day, begin), self._moment(last, finish)
            if end <= start:
                end = start + (datetime.combine(last, finish) - datetime.combine(day, begin))
            yield Opening(start, end)

    def _moment(self, day: date, at: time) -> datetime:
        """Give the moment of a local hour, by the rules above: what a missing offset makes of fold 0."""
        return datetime.combine(day, at, self.zone).astimezone(UTC)


@cache
def _federal_holidays(year: int) -> frozenset[date]:
    # New Year's Day is observed on a Friday of the year before when it falls on a Saturday.
    return frozenset(
        day for day in holidays.country_holidays("US", years=(year, year + 1)) if day.year == year
    )
