"""Let unpaid units earn interest over a stretch of days in which nothing changes.

Daily: principal x rate x days / year, from the day after the due date. Monthly: principal x rate / 12 for
each whole calendar month at whose end it is unpaid and on whose first day it was due; a part of a month earns
nothing. What earns nothing, and why, is a line as well.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec

from csenet.handlers.policy.arrears import Order, month_end
from csenet.handlers.policy.arrears_units import SUPPORT, Unit
from csenet.handlers.policy.interest import Rate
from csenet.handlers.policy.interest_terms import YEAR_DAYS, Terms
from csenet.handlers.policy.rules import NotStated, RuleValue, Stated, value_on

Asked = Callable[[Stated | NotStated], RuleValue]
_ONE_DAY = timedelta(days=1)
_MONTHS_A_YEAR = 12
_PERCENT = 100
_SWITCHES = {
    "instalment": "interest_on_arrears",
    "adjustment": "interest_on_arrears",
    "retroactive": "interest_on_retroactive_support",
    "payback": "interest_on_retroactive_support",
    "judgment": "interest_on_adjudicated_arrears",
}
_RETROACTIVE = frozenset(("retroactive", "payback"))
_JUDGED = _RETROACTIVE | {"judgment"}


class Earned(msgspec.Struct):
    """Hold what one unit earned from `start` through `end`, while neither it nor its terms changed.

    `periods` counts days, or whole months. `note` says why nothing was earned.
    """

    unit: Unit
    principal: Decimal
    start: date
    end: date
    periods: int
    monthly: bool
    rate: Rate | None
    note: str
    interest: Fraction

    def goes_on(self, later: "Earned") -> bool:
        """Tell whether `later` continues this line."""
        same = (self.principal, self.monthly, self.rate, self.note)
        return self.end + _ONE_DAY == later.start and same == (
            later.principal,
            later.monthly,
            later.rate,
            later.note,
        )


class Accrual:
    """Work out interest under one set of terms; `asked` gives a stated value or stops the statement."""

    def __init__(self, terms: Terms, asked: Asked) -> None:
        self.terms, self.asked = terms, asked
        self.earned: dict[Unit, list[Earned]] = {}
        self.stopped: set[str] = set()
        self.said: dict[tuple[str, date], RuleValue] = {}
        self.rates: dict[date, Rate] = {}

    def run(self, orders: Iterable[tuple[Order, Sequence[Unit]]], start: date, end: date) -> None:
        """Add what every unit earns from `start` through `end`; nothing changes in between."""
        for order, units in orders:
            bearing = [unit for unit in units if unit.kind != "fee" and unit.unpaid > 0 and unit.owed < start]
            if not bearing:
                continue
            monthly = self._says("interest_method", start) == "monthly"
            first = start.replace(day=1) if monthly else start
            if monthly and end != month_end(end):
                continue
            waiting = self._grace(order, units, end) if any(u.kind in SUPPORT for u in bearing) else ""
            for unit in bearing:
                if self._bears(unit, first, start, monthly):
                    self._add(order, unit, (first, end), monthly, waiting)

    def _says(self, term: str, day: date) -> RuleValue:
        """Ask a term once a day, however many units want to know."""
        if (term, day) not in self.said:
            self.said[term, day] = self.asked(self.terms.ask(term, day))
        return self.said[term, day]

    def _bears(self, unit: Unit, first: date, start: date, monthly: bool) -> bool:
        """Tell whether a unit has reached the days on which it can earn."""
        due = unit.due
        if unit.kind in _RETROACTIVE:
            earning = self._says("retroactive_interest_on", start)
            due = unit.owed if earning == "everything_unpaid" else due
        return due is not None and (due <= first if monthly else due < start)

    def _grace(self, order: Order, units: Sequence[Unit], day: date) -> str:
        """Say why missed instalments do not earn yet; nothing when they do."""
        months = int(str(self._says("grace_months_of_support", day)))
        if not months:
            return ""
        past_due = sum((u.unpaid for u in units if u.kind in SUPPORT and u.overdue(day)), Decimal(0))
        most = months * month_of_support(order, units, day)
        if past_due > most:
            return ""
        return (
            f"{past_due:.2f} past due is not more than {most:.2f}, the current support of {_months(months)}"
        )

    def _add(self, order: Order, unit: Unit, span: tuple[date, date], monthly: bool, waiting: str) -> None:
        start, end = span
        day = end if monthly else start
        note = self._silent(order, unit, day) or (waiting if unit.kind in SUPPORT else "")
        rate = None if note else self._rate(unit, day)
        note = self._expiry(unit, rate, day) if rate is not None else note
        periods = 1 if monthly else (end - start).days + 1
        interest = Fraction(0)
        if rate is not None and rate.annual_percent and not note:
            yearly = Fraction(unit.unpaid) * Fraction(rate.annual_percent) / _PERCENT
            interest = yearly * periods / (_MONTHS_A_YEAR if monthly else self._year(day))
        line = Earned(unit, unit.unpaid, start, end, periods, monthly, None if note else rate, note, interest)
        unit.purse.earned += interest
        lines = self.earned.setdefault(unit, [])
        if lines and lines[-1].goes_on(line):
            lines[-1].end, lines[-1].periods = line.end, lines[-1].periods + periods
            lines[-1].interest += interest
        else:
            lines.append(line)

    def _silent(self, order: Order, unit: Unit, day: date) -> str:
        """Say why the order or the state charges no interest on this kind of debt on `day`."""
        if order.interest_forbidden:
            return "the order forbids interest"
        if order.id in self.stopped:
            return "interest is stopped on request"
        if not self._says(_SWITCHES[unit.kind], day):
            return f"{self.terms.name} charges no interest on it"
        return ""

    def _year(self, day: date) -> Fraction:
        return Fraction(str(self.asked(value_on(YEAR_DAYS, day))))

    def _rate(self, unit: Unit, day: date) -> Rate:
        """Find the rate in force on `day`, and for a judgment make sure that it is the judgment rate."""
        if unit.kind in _JUDGED and not self._says("judgment_rate_is_arrears_rate", day):
            text = "what yearly rate does the state charge on judgments and retroactive support?"
            self.asked(self.terms.question("judgment_rate_is_arrears_rate", day, text))
        if day in self.rates:
            return self.rates[day]
        rates = (rate for rate in self.terms.rates if rate.start <= day)
        held = [rate for rate in rates if rate.end is None or day <= rate.end]
        if not held:
            text = f"what yearly rate of interest holds on {day}, on which support is unpaid?"
            self.asked(self.terms.question("interest_rate", day, text))
        self.asked(Stated(held[0].annual_percent, held[0].why))
        return self.rates.setdefault(day, held[0])

    def _expiry(self, unit: Unit, rate: Rate, day: date) -> str:
        """Ask whether an expired judgment still earns, where a rate above zero makes it matter."""
        if not unit.expired(day) or not rate.annual_percent:
            return ""
        earns = self._says("interest_after_judgment_expiry", day)
        return "" if earns else "the judgment has expired"


def month_of_support(order: Order, units: Sequence[Unit], day: date) -> Decimal:
    """Give one month's current support: as the order states it, else what falls due in the month of `day`."""
    stated = [month for month in order.monthly if month.since <= day]
    if order.monthly:
        return max(stated, key=lambda month: month.since).amount if stated else Decimal(0)
    due = [u for u in units if u.kind == "instalment" and month_end(u.owed) == month_end(day)]
    return sum((unit.amount for unit in due), Decimal(0))


def _months(number: int) -> str:
    return "one month" if number == 1 else f"{number} months"
