"""Write a played account as a statement that adds up to the cent.

Interest is summed exactly for each debt and rounded once, half up. The lines show the steps of the rounded
sum, so the cents shown add up to it; `Rounding` says what the exact sum was and what rounding added or took.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from csenet.handlers.policy.allocation import Money, Part
from csenet.handlers.policy.arrears import Account, Assistance, Source, Support
from csenet.handlers.policy.arrears_limits import Limit
from csenet.handlers.policy.arrears_units import FEES, Kind, Purse, Unit, age
from csenet.handlers.policy.emancipation import AgeOut
from csenet.handlers.policy.interest import half_up
from csenet.handlers.policy.interest_accrual import Earned
from csenet.handlers.policy.interest_terms import Terms
from csenet.handlers.policy.rules import NotStated, Why

_MILLIONTHS = 1_000_000
_PLACES = 6


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """Explain interest on one unpaid amount while neither it nor the terms changed.

    `periods` are days or whole months, as `per` says. `interest` is this line's share of the debt's rounded
    interest; `exact` is what the arithmetic gives, to six decimals. `note` says why nothing was earned.
    """

    order: str
    debt: str
    kind: Kind
    due: date | None
    principal: Decimal
    start: date
    end: date
    periods: int
    per: str
    annual_percent: Decimal | None
    interest: Decimal
    exact: Decimal
    note: str = ""


class Rounding(msgspec.Struct, frozen=True, kw_only=True):
    """Explain the cents of one debt's interest: exact and rounded sum, what was adjusted, what was paid."""

    order: str
    debt: str
    exact: Decimal
    rounded: Decimal
    difference: Decimal
    adjusted: Decimal
    paid: Decimal


class DebtBalance(msgspec.Struct, frozen=True, kw_only=True):
    """State one debt: unpaid principal, unpaid interest, unpaid fees."""

    order: str
    debt: str
    support: Support | None
    assistance: Assistance | None
    principal: Decimal
    interest: Decimal
    fees: Decimal


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """State one amount that is owed or was: its parts add up, `paid` includes what adjustments took off."""

    order: str
    debt: str
    kind: Kind
    owed: date
    due: date | None
    amount: Decimal
    paid: Decimal
    unpaid: Decimal


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """State where one payment went. `credit` waits; `reason` is that of an adjustment that set money free."""

    date: date
    amount: Decimal
    source: Source
    parts: tuple[Part, ...]
    credit: Decimal
    reason: str = ""


class AccountStatement(msgspec.Struct, frozen=True, kw_only=True):
    """State an account: `principal` + `interest` = `total`; `balance` = `total` + `fees` - `credit`.

    A balance below zero says that more was paid than is owed.
    """

    as_of: date
    state: str
    principal: Decimal
    interest: Decimal
    total: Decimal
    fees: Decimal
    credit: Decimal
    balance: Decimal
    debts: tuple[DebtBalance, ...]
    lines: tuple[AccountLine, ...]
    rounding: tuple[Rounding, ...]
    charges: tuple[Charge, ...]
    payments: tuple[Paid, ...]
    limits: tuple[Limit, ...]
    ages: tuple[AgeOut, ...]
    notes: tuple[str, ...]
    reasons: tuple[Why, ...]


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """Hold an account after its last day."""

    terms: Terms
    account: Account
    as_of: date
    units: Sequence[Unit]
    purses: Sequence[Purse]
    earned: Mapping[Unit, Sequence[Earned]]
    money: Sequence[Money]
    limits: Sequence[Limit]
    ages: Sequence[AgeOut]
    notes: Sequence[str]
    reasons: tuple[Why, ...]


def write(played: Played) -> AccountStatement:
    """Add up and explain."""
    owed = [unit for unit in played.units if unit.owed <= played.as_of]
    ahead = [unit for unit in played.units if unit.owed > played.as_of]
    principal = _sum(unit.unpaid for unit in owed if unit.kind != "fee")
    fees = _sum(unit.unpaid for unit in owed if unit.kind == "fee")
    interest = _sum(purse.owed for purse in played.purses)
    credit = _sum(money.left for money in played.money) + _sum(unit.amount - unit.unpaid for unit in ahead)
    return AccountStatement(
        as_of=played.as_of,
        state=played.terms.name,
        principal=principal,
        interest=interest,
        total=principal + interest,
        fees=fees,
        credit=credit,
        balance=principal + interest + fees - credit,
        debts=tuple(_balance(played, purse, owed) for purse in played.purses),
        lines=tuple(line for purse in played.purses for line in _lines(played, purse)),
        rounding=tuple(_rounding(purse) for purse in played.purses if purse.debt != FEES),
        charges=tuple(_charge(unit) for unit in sorted(owed, key=age)),
        payments=tuple(_paid(money) for money in played.money),
        limits=tuple(played.limits),
        ages=tuple(played.ages),
        notes=(*played.notes, *_notes(played, owed)),
        reasons=played.reasons,
    )


def _sum(amounts: Iterator[Decimal]) -> Decimal:
    return sum(amounts, Decimal("0.00"))


def _balance(played: Played, purse: Purse, owed: Sequence[Unit]) -> DebtBalance:
    units = [unit for unit in owed if unit.purse is purse]
    order = next(order for order in played.account.orders if order.id == purse.order)
    debt = next((debt for debt in order.debts if debt.id == purse.debt), None)
    return DebtBalance(
        order=purse.order,
        debt=purse.debt,
        support=debt.support if debt else None,
        assistance=debt.assistance if debt else None,
        principal=_sum(unit.unpaid for unit in units if unit.kind != "fee"),
        interest=purse.owed,
        fees=_sum(unit.unpaid for unit in units if unit.kind == "fee"),
    )


def _lines(played: Played, purse: Purse) -> Iterator[AccountLine]:
    """Give a debt's lines, oldest amount first, each with the step of the rounded running sum."""
    units = sorted((unit for unit in played.earned if unit.purse is purse), key=age)
    running, shown = Fraction(0), Decimal("0.00")
    for unit in units:
        for line in played.earned[unit]:
            running += line.interest
            interest = half_up(running) - shown
            shown += interest
            yield AccountLine(
                order=purse.order,
                debt=purse.debt,
                kind=unit.kind,
                due=unit.due,
                principal=line.principal,
                start=line.start,
                end=line.end,
                periods=line.periods,
                per="months" if line.monthly else "days",
                annual_percent=line.rate.annual_percent if line.rate else None,
                interest=interest,
                exact=_six(line.interest),
                note=line.note,
            )


def _rounding(purse: Purse) -> Rounding:
    rounded = half_up(purse.earned)
    return Rounding(
        order=purse.order,
        debt=purse.debt,
        exact=_six(purse.earned),
        rounded=rounded,
        difference=_six(Fraction(rounded) - purse.earned),
        adjusted=purse.adjusted,
        paid=purse.paid,
    )


def _six(amount: Fraction) -> Decimal:
    return Decimal(round(amount * _MILLIONTHS)).scaleb(-_PLACES)


def _charge(unit: Unit) -> Charge:
    return Charge(
        order=unit.purse.order,
        debt=unit.purse.debt,
        kind=unit.kind,
        owed=unit.owed,
        due=unit.due,
        amount=unit.amount,
        paid=unit.amount - unit.unpaid,
        unpaid=unit.unpaid,
    )


def _paid(money: Money) -> Paid:
    receipt = money.receipt
    return Paid(
        date=receipt.date,
        amount=half_up(Fraction(receipt.amount)),
        source=receipt.source,
        parts=tuple(money.parts),
        credit=money.left,
        reason=money.reason,
    )


def _notes(played: Played, owed: Sequence[Unit]) -> Iterator[str]:
    """Say what a reader must know besides the amounts: payments taken back, limits that have passed."""
    for n, payment in enumerate(played.account.payments, 1):
        if payment.reversed is not None and payment.reversed <= played.as_of:
            yield f"payment {n} of {payment.date}, taken back on {payment.reversed}, counts as never made"
    for unit in owed:
        if unit.limit is not None and unit.unpaid and unit.expired(played.as_of):
            yield (
                f"the judgment of {unit.owed} expired on {unit.limit.expires}: what is unpaid of it is owed, "
                "but remedies that need a judgment are closed"
            )
    for found in played.limits:
        for day in found.too_late:
            yield f"the renewal of {day} came too late for the judgment of {found.entered}: it renews nothing"
    old = _old_instalments(played, owed)
    if old:
        yield old


def _old_instalments(played: Played, owed: Sequence[Unit]) -> str:
    """Say how much of the principal is in instalments that are judgments too old to be enforced as such."""
    law, years = (
        played.terms.ask("instalments_are_judgments", played.as_of),
        played.terms.ask("judgment_years", played.as_of),
    )
    if isinstance(law, NotStated) or isinstance(years, NotStated) or not law.value:
        return ""
    limit = int(str(years.value))
    old = [u for u in owed if u.kind == "instalment" and _years_before(played.as_of, limit) > u.owed]
    unpaid = _sum(unit.unpaid for unit in old)
    if not unpaid:
        return ""
    return (
        f"{unpaid} of the principal fell due more than {limit} years ago: it is owed; for remedies that need "
        "a judgment, check that it was entered and renewed"
    )


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=day.day - 1)
