"""Describe an account of support: several orders, their debts, what was paid, adjusted and taken back.

All amounts are dollars in whole cents. An account says what happened; what follows from it is the business of
`interest_engine.statement`. A child is known by the number the case system gives it, never by name.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from csenet.handlers.policy.interest import Ledger, LedgerError, Obligation

Day = date
Support = Literal["CS", "SS", "MS"]
Assistance = Literal["tanf", "non_tanf", "foster_care"]
Source = Literal["regular", "federal_offset"]
Target = Literal["principal", "interest"]

_CENTS = 100
_MONTHS_A_YEAR = 12


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold current support that falls due every month on the day of `first`, through `until` if given.

    In a month without that day it falls due on the month's last day.
    """

    first: date
    amount: Decimal
    until: date | None = None


class Payback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a court-ordered monthly payback: its first due date and its amount."""

    first: date
    amount: Decimal


class Retroactive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold support ordered for a time before the order, owed from `ordered` on."""

    ordered: date
    amount: Decimal
    payback: Payback | None = None


class Judgment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold adjudicated arrears: the day of entry, the amount, and the days on which it was renewed."""

    entered: date
    amount: Decimal
    renewed: tuple[date, ...] = ()


class Adjustment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a correction that counts from `date`: more is owed where `amount` is above zero, less if below."""

    date: date
    amount: Decimal
    reason: str
    of: Target = "principal"


class Debt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one kind of support under an order: CS child, SS spousal, MS medical, and to whom it is owed."""

    id: str
    support: Support = "CS"
    assistance: Assistance | None = None
    schedule: tuple[Schedule, ...] = ()
    instalments: tuple[Obligation, ...] = ()
    retroactive: tuple[Retroactive, ...] = ()
    judgments: tuple[Judgment, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()


class Fee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a fee or cost; it earns no interest."""

    date: date
    amount: Decimal


class Stop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a request to stop interest; agency or court stopped it from `start` through `end`, if it did."""

    requested: date
    start: date | None = None
    end: date | None = None


class Monthly(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one month's current support under an order, from `since` on."""

    since: date
    amount: Decimal


class Child(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what decides when a child is emancipated; None means that nobody said.

    `in_school`: does or did it attend secondary school on its 18th birthday and after; `school_ended`: the
    day on which that ended or will end; `order_ends`: an end that the order itself sets for this child;
    `emancipated`: the day of a marriage, enlistment or court decision that emancipated it.
    """

    id: str
    birth: date
    in_school: bool | None = None
    school_ended: date | None = None
    incapable: bool = False
    order_ends: date | None = None
    emancipated: date | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one order: the state that issued it (two-digit FIPS), its terms, children and debts.

    `monthly` is one month's current support under the whole order; without it, what falls due in the calendar
    month is taken.
    """

    id: str
    debts: tuple[Debt, ...]
    state: str | None = None
    issued: date | None = None
    interest_forbidden: bool = False
    support_ends: date | None = None
    monthly: tuple[Monthly, ...] = ()
    children: tuple[Child, ...] = ()
    stops: tuple[Stop, ...] = ()
    fees: tuple[Fee, ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a payment: the date from which it counts, the order it is for, and when it was taken back."""

    date: date
    amount: Decimal
    order: str | None = None
    source: Source = "regular"
    reversed: Day | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold everything that a statement is worked out from. `state` is the two-digit FIPS code of the law."""

    orders: tuple[Order, ...]
    payments: tuple[Receipt, ...] = ()
    state: str | None = None


class AccountError(LedgerError):
    """Report every entry of an account that cannot be right, as (path, message), without its amount."""


def account_of(ledger: Ledger) -> Account:
    """Read a plain ledger as an account: one order, one debt of child support."""
    debt = Debt(id="support", instalments=ledger.obligations)
    payments = tuple(Receipt(date=each.date, amount=each.amount) for each in ledger.payments)
    return Account(orders=(Order(id="order", debts=(debt,)),), payments=payments)


def account_problems(account: Account) -> tuple[tuple[str, str], ...]:
    """List everything that cannot be right, as (path, message)."""
    problems = [(path, message) for path, amount in _positives(account) if (message := positive(amount))]
    problems += _name_problems(account)
    for n, order in enumerate(account.orders):
        problems += _order_problems(order, f"orders[{n}]")
    for n, payment in enumerate(account.payments):
        if payment.reversed is not None and payment.reversed < payment.date:
            problems.append((f"payments[{n}].reversed", "is before the payment"))
    return tuple(problems)


def positive(amount: Decimal) -> str:
    """Say why an amount is not a whole number of cents above zero; nothing if it is."""
    if not amount.is_finite():
        return "is not a number"
    if amount <= 0:
        return "must be more than zero"
    return _cents(amount)


def _cents(amount: Decimal) -> str:
    return "has more than two decimals" if (Fraction(amount) * _CENTS).denominator != 1 else ""


def _positives(account: Account) -> Iterator[tuple[str, Decimal]]:
    for n, payment in enumerate(account.payments):
        yield f"payments[{n}].amount", payment.amount
    for n, order in enumerate(account.orders):
        place = f"orders[{n}]"
        yield from _amounts(f"{place}.fees", order.fees)
        for m, debt in enumerate(order.debts):
            yield from _debt_amounts(debt, f"{place}.debts[{m}]")


def _debt_amounts(debt: Debt, place: str) -> Iterator[tuple[str, Decimal]]:
    yield from _amounts(f"{place}.schedule", debt.schedule)
    yield from _amounts(f"{place}.instalments", debt.instalments)
    yield from _amounts(f"{place}.retroactive", debt.retroactive)
    yield from _amounts(f"{place}.judgments", debt.judgments)
    for n, each in enumerate(debt.retroactive):
        if each.payback is not None:
            yield f"{place}.retroactive[{n}].payback.amount", each.payback.amount


def _amounts(
    place: str, entries: Iterable[Schedule | Obligation | Retroactive | Judgment | Fee]
) -> Iterator[tuple[str, Decimal]]:
    for n, entry in enumerate(entries):
        yield f"{place}[{n}].amount", entry.amount


def _name_problems(account: Account) -> Iterator[tuple[str, str]]:
    orders = [order.id for order in account.orders]
    for n, order in enumerate(account.orders):
        if order.id in orders[:n]:
            yield f"orders[{n}].id", "is the name of an earlier order"
        debts = [debt.id for debt in order.debts]
        for m, name in enumerate(debts):
            if name in debts[:m]:
                yield f"orders[{n}].debts[{m}].id", "is the name of an earlier debt"
    for n, payment in enumerate(account.payments):
        if payment.order is not None and payment.order not in orders:
            yield f"payments[{n}].order", "is not an order of this account"


def _order_problems(order: Order, place: str) -> Iterator[tuple[str, str]]:
    for n, month in enumerate(order.monthly):
        if not month.amount.is_finite() or month.amount < 0 or _cents(month.amount):
            yield f"{place}.monthly[{n}].amount", "must be dollars and cents, zero or more"
    for n, stop in enumerate(order.stops):
        if stop.start is not None and stop.start < stop.requested:
            yield f"{place}.stops[{n}].start", "is before the request"
        if stop.end is not None and (stop.start is None or stop.end < stop.start):
            yield f"{place}.stops[{n}].end", "is before the start"
    for n, debt in enumerate(order.debts):
        yield from _debt_problems(debt, f"{place}.debts[{n}]")


def _debt_problems(debt: Debt, place: str) -> Iterator[tuple[str, str]]:
    for n, change in enumerate(debt.adjustments):
        if not change.amount.is_finite() or not change.amount or _cents(change.amount):
            yield f"{place}.adjustments[{n}].amount", "must be dollars and cents other than zero"
    for n, judgment in enumerate(debt.judgments):
        if any(day < judgment.entered for day in judgment.renewed):
            yield f"{place}.judgments[{n}].renewed", "is before the entry"
    for n, each in enumerate(debt.retroactive):
        if each.payback is not None and each.payback.first < each.ordered:
            yield f"{place}.retroactive[{n}].payback.first", "is before the order"


def month_after(first: date, n: int) -> date:
    """Give the day of `first` n months later, or that month's last day where it is shorter."""
    years, month0 = divmod(first.month - 1 + n, _MONTHS_A_YEAR)
    start = date(first.year + years, month0 + 1, 1)
    return start + timedelta(days=min(first.day, month_end(start).day) - 1)


def month_end(day: date) -> date:
    """Give the last day of the month of `day`."""
    following = date(day.year + day.month // _MONTHS_A_YEAR, day.month % _MONTHS_A_YEAR + 1, 1)
    return following - timedelta(days=1)
