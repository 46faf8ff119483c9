"""Cut an account into units: single amounts, each with the days from which it is owed and can earn."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Literal

from csenet.handlers.policy.arrears import (
    Debt,
    Order,
    Retroactive,
    Schedule,
    month_after,
    month_end,
)
from csenet.handlers.policy.arrears_limits import Limit
from csenet.handlers.policy.interest import half_up

Kind = Literal["instalment", "adjustment", "retroactive", "payback", "judgment", "fee"]
SUPPORT: frozenset[Kind] = frozenset(("instalment", "adjustment"))
FEES = "fees"
_ONE_DAY = timedelta(days=1)


class Purse:
    """Follow the interest of one debt: `earned` is exact, what is adjusted and paid is whole cents.

    What is owed is rounded from the exact sum each time: rounded once, however often it is paid.
    """

    def __init__(self, order: str, debt: str) -> None:
        self.order, self.debt = order, debt
        self.earned = Fraction(0)
        self.adjusted = Decimal("0.00")
        self.paid = Decimal("0.00")

    @property
    def owed(self) -> Decimal:
        """Give the interest owed, in cents."""
        return half_up(self.earned) + self.adjusted - self.paid


class Unit:
    """Follow one amount. It is principal from `owed` on and earns from the day after `due`; never if None."""

    def __init__(
        self,
        purse: Purse,
        kind: Kind,
        owed: date,
        amount: Decimal,
        due: date | None,
        limit: Limit | None = None,
    ) -> None:
        self.purse, self.kind, self.owed, self.due, self.limit = purse, kind, owed, due, limit
        self.amount = self.unpaid = half_up(Fraction(amount))
        self.steps = [(owed, self.amount)]

    def take(self, day: date, money: Decimal) -> Decimal:
        """Lower what is unpaid from `day` on, and give what was taken of `money`."""
        taken = min(money, self.unpaid)
        self.unpaid -= taken
        self.steps.append((day, self.unpaid))
        return taken

    def unpaid_on(self, day: date) -> Decimal:
        """Say what was unpaid at the end of a day that has passed."""
        return next((unpaid for since, unpaid in reversed(self.steps) if since <= day), self.amount)

    def overdue(self, day: date) -> bool:
        """Tell whether it fell due before `day` and is not paid."""
        return self.due is not None and self.due < day and self.unpaid > 0

    def expired(self, day: date) -> bool:
        """Tell whether it is a judgment that has expired on `day`."""
        return self.limit is not None and self.limit.expires is not None and self.limit.expires < day


def units_of(
    order: Order, debt: Debt, purse: Purse, limits: tuple[Limit, ...], ends: date | None, as_of: date
) -> Iterator[Unit]:
    """Cut one debt into units, in no order; what falls due after the month of `as_of` is left out."""
    horizon = month_end(as_of)
    for each in debt.instalments:
        if each.due <= horizon:
            yield Unit(purse, "instalment", each.due, each.amount, each.due)
    for plan in debt.schedule:
        for due in due_days(plan, ends, horizon):
            yield Unit(purse, "instalment", due, plan.amount, due)
    for each_order in debt.retroactive:
        if each_order.ordered <= as_of:
            yield from _paybacks(purse, each_order)
    for judgment, limit in zip(debt.judgments, limits, strict=True):
        if judgment.entered <= as_of:
            yield Unit(purse, "judgment", judgment.entered, judgment.amount, judgment.entered, limit)


def due_days(plan: Schedule, ends: date | None, horizon: date) -> Iterator[date]:
    """Give the days on which a schedule falls due: before `ends`, through its own end and the horizon."""
    last = min(horizon, plan.until or horizon, horizon if ends is None else ends - _ONE_DAY)
    months = count()
    while (due := month_after(plan.first, next(months))) <= last:
        yield due


def _paybacks(purse: Purse, ordered: Retroactive) -> Iterator[Unit]:
    """Cut retroactive support into its paybacks, the last one smaller; without paybacks it is one unit."""
    if ordered.payback is None:
        yield Unit(purse, "retroactive", ordered.ordered, ordered.amount, None)
        return
    left = ordered.amount
    months = count()
    while left:
        part = min(left, ordered.payback.amount)
        due = month_after(ordered.payback.first, next(months))
        yield Unit(purse, "payback", ordered.ordered, part, due)
        left -= part


def age(unit: Unit) -> tuple[bool, date]:
    """Order units for payment: the oldest first, what has no due date last."""
    return unit.due is None, unit.due or unit.owed
