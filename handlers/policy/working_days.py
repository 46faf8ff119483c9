"""Count working days: not Saturdays, Sundays, federal holidays or the acting state's holidays.

The state's list in the `holidays` library leaves out federal holidays that the state does not keep (Columbus
Day in Minnesota, say), and the federal list has none of the state's own: a day off in either is a day off.
Half holidays are working days, and so are days on which only federal offices were closed by executive order.
A holiday at a weekend counts on the day on which it is observed.
"""

import calendar
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType
from typing import Literal

import holidays

from csenet.handlers.policy.jurisdictions import jurisdiction

Unit = Literal["working days", "business days", "calendar days", "months", "years"]

_ONE_DAY = timedelta(days=1)
_MONTHS_A_YEAR = 12
_SATURDAY = calendar.SATURDAY


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
