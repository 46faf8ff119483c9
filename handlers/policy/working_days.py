"""Count working days: not Saturdays, Sundays, federal holidays or the acting state's holidays.

The state's list in the `holidays` library leaves out federal holidays that the state does not keep (Columbus
Day in Minnesota, say), and the federal list has none of the state's own: a day off in either is a day off.
Half holidays are working days, and so are days on which only federal offices were closed by executive order.
A holiday at a weekend counts on the day on which it is observed. When in the day something counts as received
is a setting, off by default: `received_on`.
"""

import calendar
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType
from typing import Literal

import holidays
import msgspec

from csenet.handlers.policy.jurisdictions import jurisdiction
from csenet.handlers.policy.rules import Why, value_on

Unit = Literal["working days", "business days", "calendar days", "months", "years"]

_ONE_DAY = timedelta(days=1)
_MONTHS_A_YEAR = 12
_SATURDAY = calendar.SATURDAY


class Receipt(msgspec.Struct, frozen=True):
    """Say on which day something counts as received, and why."""

    date: date
    why: Why


class Calendar:
    """Count days as one jurisdiction counts them; `fips2` is its two-digit FIPS code.

    Raise `jurisdictions.UnknownJurisdictionError` for a code that none of the 54 has.
    """

    def __init__(self, fips2: str) -> None:
        self.jurisdiction = jurisdiction(fips2)

    def __repr__(self) -> str:
        return f"Calendar({self.jurisdiction.fips!r})"

    def holiday(self, day: date) -> str | None:
        """Name the holiday kept on `day`, or None."""
        return holidays_of(self.jurisdiction.abbreviation, day.year).get(day)

    def is_working_day(self, day: date) -> bool:
        """Tell whether offices are open on `day`."""
        return day.weekday() < _SATURDAY and self.holiday(day) is None

    def add_working_days(self, start: date, n: int) -> date:
        """Find the n-th working day after `start`; `start` itself is not counted.

        With n = 0 the answer is `start`, whatever day it is. Raise `ValueError` when n is negative.
        """
        if n < 0:
            raise ValueError(f"cannot count {n} working days: the number must not be negative")
        day = start
        while n:
            day += _ONE_DAY
            n -= self.is_working_day(day)
        return day

    def add(self, start: date, n: int, unit: Unit) -> date:
        """Add `n` of `unit` to `start`. A period that ends at a weekend is not prolonged.

        Months and years end on the same day of the month, or on the month's last day where it is shorter.
        Business days are days on which state offices are open (45 CFR 302.32, 303.100): working days.
        """
        if unit in ("working days", "business days"):
            return self.add_working_days(start, n)
        if unit == "calendar days":
            return start + timedelta(days=n)
        return _add_months(start, n * _MONTHS_A_YEAR if unit == "years" else n)


def received_on(moment: datetime, calendar: Calendar, closes: time | None = None) -> Receipt:
    """Say on which day something counts as received that arrived at a moment of the agency's local time.

    Without `closes`, the close of business, it is the day of arrival, whatever the hour. With it, what
    arrives later, or on a day that is no working day, counts as received on the next working day.
    """
    day = moment.date()
    why = value_on("receipt_after_hours_counts_next_working_day", day).why
    if closes is None:
        return Receipt(day, why)
    late = moment.time() > closes or not calendar.is_working_day(day)
    counted = calendar.add_working_days(day, 1) if late else day
    arrived = "after hours or on a day without business" if late else "in business hours"
    text = f"The agency closes at {closes:%H:%M}; this arrived {arrived} and counts as received on {counted}."
    return Receipt(counted, msgspec.structs.replace(why, text=text, value=counted.isoformat()))


def _add_months(start: date, n: int) -> date:
    years, month0 = divmod(start.month - 1 + n, _MONTHS_A_YEAR)
    year, month = start.year + years, month0 + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


@cache
def holidays_of(abbreviation: str, year: int) -> Mapping[date, str]:
    """List the days off of a year, federal and a jurisdiction's own, weekends among them."""
    # A year's New Year's Day can be observed in the year before, hence the following year too.
    years = (year, year + 1)
    days: dict[date, str] = {}
    # A jurisdiction that the library does not know keeps the federal days alone.
    with suppress(NotImplementedError):
        days.update(holidays.country_holidays("US", subdiv=abbreviation, years=years))
    days.update(holidays.country_holidays("US", years=years))
    return MappingProxyType({day: name for day, name in days.items() if day.year == year})
