"""Work out a whole account on a day: principal, interest, fees and credit, under a state's dated terms.

Every day on which something changes is played. On one day amounts fall due first, then adjustments, then
money; a payment counts from its own date, so that day earns on what is left. Where the terms do not state
what money depends on, the answer is the question, never an amount.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec

from csenet.handlers.policy.allocation import Books, Money, apply
from csenet.handlers.policy.arrears import (
    Account,
    AccountError,
    Adjustment,
    Debt,
    Judgment,
    Monthly,
    Order,
    Receipt,
    Stop,
    account_problems,
    month_after,
    month_end,
)
from csenet.handlers.policy.arrears_limits import Limit, limit
from csenet.handlers.policy.arrears_units import FEES, Purse, Unit, units_of
from csenet.handlers.policy.emancipation import AgeOut, age_out
from csenet.handlers.policy.interest_accrual import Accrual
from csenet.handlers.policy.interest_statement import AccountStatement, Played, write
from csenet.handlers.policy.interest_terms import Terms
from csenet.handlers.policy.rules import NotStated, RuleValue, Stated, Why

_ONE_DAY = timedelta(days=1)


class _UnansweredError(Exception):
    """Stop the work on a question that only a person can answer."""

    def __init__(self, said: NotStated) -> None:
        self.said = said
        super().__init__(said.why.rule)


def statement(account: Account, terms: Terms, as_of: date) -> AccountStatement | NotStated:
    """State what is owed on `as_of`; what is due, paid, adjusted or taken back later does not count.

    `NotStated` carries the question to answer. Raise `AccountError` for entries that cannot be right.
    """
    problems = account_problems(account)
    if problems:
        raise AccountError(problems)
    foreign = _foreign(account, terms, as_of)
    if foreign is not None:
        return foreign
    try:
        return write(_Play(account, terms, as_of).run())
    except _UnansweredError as stopped:
        return stopped.said


def _foreign(account: Account, terms: Terms, as_of: date) -> NotStated | None:
    """Ask for a statement a state: the law of the state that issued an order governs its interest."""
    others = {order.state for order in account.orders} - {None, terms.fips}
    if not others:
        return None
    text = f"what is owed under the orders of {', '.join(sorted(map(str, others)))}? One statement a state."
    return terms.question("orders_of_several_states", as_of, text)


class _Play:
    """Play one account up to a day."""

    def __init__(self, account: Account, terms: Terms, as_of: date) -> None:
        self.account, self.terms, self.as_of = account, terms, as_of
        self.reasons: dict[Why, None] = {}
        self.notes: list[str] = []
        self.accrual = Accrual(terms, self.asked)
        self.books = Books([order.id for order in account.orders])
        self.purses: dict[tuple[str, str], Purse] = {}
        self.limits: list[Limit] = []
        self.ages: list[AgeOut] = []
        self.money: list[Money] = []
        self.adjustments: list[tuple[Order, Debt, Adjustment]] = []
        self.orders: list[Order] = []

    def asked(self, said: Stated | NotStated) -> RuleValue:
        """Give what is stated and remember why; a question stops everything."""
        if isinstance(said, NotStated):
            raise _UnansweredError(said)
        self.reasons[said.why] = None
        return said.value

    def run(self) -> Played:
        """Open the books, go through every day on which something changes, and close them."""
        for order in self.account.orders:
            self._open(order)
        days = sorted(set(self._days()))
        for day, after in pairwise([*days, self.as_of + _ONE_DAY]):
            self._day(day)
            pairs = [(order, self.books.units[order.id]) for order in self.orders]
            self.accrual.run(pairs, day, after - _ONE_DAY)
        self._after_the_last_instalment()
        return Played(
            terms=self.terms,
            account=self.account,
            as_of=self.as_of,
            units=[unit for units in self.books.units.values() for unit in units],
            purses=list(self.purses.values()),
            earned=self.accrual.earned,
            money=self.money,
            limits=self.limits,
            ages=self.ages,
            notes=self.notes,
            reasons=tuple(self.reasons),
        )

    def _open(self, order: Order) -> None:
        """Cut an order's debts into units, up to the end of its current support."""
        ages = age_out(order, self.terms, self.as_of) if order.children or order.support_ends else None
        if isinstance(ages, NotStated):
            raise _UnansweredError(ages)
        if ages is not None:
            self.ages.append(ages)
            self.reasons.update(dict.fromkeys(ages.reasons))
        ends = ages.on if ages is not None else None
        self.orders.append(_without_support_after(order, ends))
        for debt in order.debts:
            purse = self._purse(order.id, debt.id)
            limits = tuple(self._limit(judgment) for judgment in debt.judgments)
            self.limits += limits
            self.books.units[order.id] += units_of(order, debt, purse, limits, ends, self.as_of)
            self.adjustments += [(order, debt, each) for each in debt.adjustments if each.date <= self.as_of]
        if order.fees:
            purse = self._purse(order.id, FEES)
            fees = [fee for fee in order.fees if fee.date <= self.as_of]
            units = [Unit(purse, "fee", fee.date, fee.amount, fee.date) for fee in fees]
            self.books.units[order.id] += units

    def _purse(self, order: str, debt: str) -> Purse:
        purse = self.purses[order, debt] = Purse(order, debt)
        self.books.purses[order].append(purse)
        return purse

    def _limit(self, judgment: Judgment) -> Limit:
        found = limit(judgment, self.terms, self.as_of)
        if isinstance(found, NotStated):
            raise _UnansweredError(found)
        self.reasons.update(dict.fromkeys(found.reasons))
        return found

    def _days(self) -> Iterator[date]:
        """Give every day on which something can change, from the first entry through the as-of date."""
        units = [unit for units in self.books.units.values() for unit in units]
        days = [unit.owed for unit in units] + [each.date for _, _, each in self.adjustments]
        days += [payment.date for payment in self.account.payments]
        first = min(days, default=self.as_of + _ONE_DAY)
        month = first.replace(day=1)
        while month <= self.as_of:
            days.append(month)
            month = month_after(month, 1)
        days += [day + _ONE_DAY for unit in units for day in (unit.owed, unit.due) if day is not None]
        days += [each.date + _ONE_DAY for _, _, each in self.adjustments]
        days += [found.expires + _ONE_DAY for found in self.limits if found.expires is not None]
        days += self.terms.changes()
        for order in self.account.orders:
            days += [each.since for each in order.monthly]
            days += [day for stop in order.stops for day in _stop_days(stop)]
        return (day for day in days if first <= day <= self.as_of)

    def _day(self, day: date) -> None:
        """Play one day: adjustments, then money, then what was asked for by the payer."""
        for order, debt, change in self.adjustments:
            if change.date == day:
                self._adjust(order, debt, change)
        for receipt in self.account.payments:
            if receipt.date == day and not (receipt.reversed and receipt.reversed <= self.as_of):
                self.money.append(Money(receipt))
        for money in self.money:
            apply(money, self.books, self.terms, day, self.asked)
        for order in self.account.orders:
            for stop in order.stops:
                self._stop(order, stop, day)

    def _adjust(self, order: Order, debt: Debt, change: Adjustment) -> None:
        purse = self.purses[order.id, debt.id]
        if change.of == "interest":
            if -change.amount > purse.owed:
                text = f"the adjustment takes off more interest of {debt.id} than is owed, what is meant?"
                raise _UnansweredError(self.terms.question("interest_adjustment", change.date, text))
            purse.adjusted += change.amount
        elif change.amount > 0:
            unit = Unit(purse, "adjustment", change.date, change.amount, change.date)
            self.books.units[order.id].append(unit)
        else:
            self._lower(order, purse, change)

    def _lower(self, order: Order, purse: Purse, change: Adjustment) -> None:
        """Lower the oldest principal of a debt; what is more than that waits like money."""
        left = -change.amount
        owed = self.books.payable(order.id, "principal", change.date)
        for unit in owed:
            if isinstance(unit, Unit) and unit.purse is purse:
                left -= unit.take(change.date, left)
        if left:
            receipt = Receipt(date=change.date, amount=left, order=order.id)
            self.money.append(Money(receipt, change.reason))

    def _stop(self, order: Order, stop: Stop, day: date) -> None:
        """Stop interest from the stated day on, if the months before the request were paid in full."""
        if stop.end is not None and day == stop.end + _ONE_DAY:
            self.accrual.stopped.discard(order.id)
        if day != (stop.start or stop.requested):
            return
        wrong = self._not_full(order, stop.requested)
        if wrong:
            self.notes.append(f"order {order.id}: the request of {stop.requested} stops nothing: {wrong}")
        elif stop.start is None:
            text = (
                f"from which day was interest stopped, as requested on {stop.requested} for order {order.id}?"
            )
            raise _UnansweredError(self.terms.question("stop_after_full_months", day, text))
        else:
            self.accrual.stopped.add(order.id)

    def _not_full(self, order: Order, requested: date) -> str:
        """Say which month before a request was not paid in full in that month; nothing if all were."""
        months = int(str(self.asked(self.terms.ask("stop_after_full_months", requested))))
        if not months:
            return f"{self.terms.name} stops interest on no request"
        for n in range(months, 0, -1):
            first = month_after(requested.replace(day=1), -n)
            due = [unit for unit in self.books.units[order.id] if _due_in(unit, first)]
            if not due:
                return f"nothing fell due in {first:%Y-%m}"
            if any(unit.unpaid_on(month_end(first)) for unit in due):
                return f"{first:%Y-%m} was not paid in full in that month"
        return ""

    def _after_the_last_instalment(self) -> None:
        ends = {found.order: found.on for found in self.ages if found.on is not None}
        for order in self.account.orders:
            last = ends.get(order.id)
            listed = [each.due for debt in order.debts for each in debt.instalments if each.due <= self.as_of]
            late = [day for day in listed if last is not None and day >= last]
            if late:
                self.notes.append(
                    f"order {order.id}: current support ended on {last}, yet instalments are listed from "
                    f"{min(late)} on; they are counted as listed"
                )


def _without_support_after(order: Order, ends: date | None) -> Order:
    """Set one month's current support to nothing from the month after its end on."""
    if ends is None or not order.monthly:
        return order
    after = month_after(ends.replace(day=1), 1)
    kept = tuple(each for each in order.monthly if each.since < after)
    nothing = Monthly(since=after, amount=Decimal(0))
    return msgspec.structs.replace(order, monthly=(*kept, nothing))


def _stop_days(stop: Stop) -> Iterator[date]:
    yield stop.requested
    if stop.start is not None:
        yield stop.start
    if stop.end is not None:
        yield stop.end + _ONE_DAY


def _due_in(unit: Unit, first: date) -> bool:
    kinds = ("instalment", "payback")
    return unit.kind in kinds and unit.due is not None and month_end(unit.due) == month_end(first)
