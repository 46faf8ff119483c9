"""Apply payments: to which unit of which order a dollar goes, by the order of payment the terms state.

Money that finds nothing to pay waits and is applied again whenever something falls due. Between several
orders a payment that names none is divided as the terms say; where they say nothing, a person is asked.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from csenet.handlers.policy.arrears import Receipt, month_end
from csenet.handlers.policy.arrears_units import Purse, Unit, age
from csenet.handlers.policy.interest import half_up
from csenet.handlers.policy.interest_terms import Terms
from csenet.handlers.policy.rules import NotStated, RuleValue, Stated

Category = Literal["current", "principal", "interest", "fees"]
Asked = Callable[[Stated | NotStated], RuleValue]
_CENT = Decimal("0.01")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Say where a part of a payment went, and on which day."""

    day: date
    category: Category
    order: str
    debt: str
    due: date | None
    amount: Decimal


class Money:
    """Follow one payment: what is left of it, and where the rest went.

    `reason` is given for money that an adjustment set free.
    """

    def __init__(self, receipt: Receipt, reason: str = "") -> None:
        self.receipt, self.reason = receipt, reason
        self.order = receipt.order
        self.left = half_up(Fraction(receipt.amount))
        self.parts: list[Part] = []


class Books:
    """Hold the open units and the interest of every order, by order."""

    def __init__(self, orders: Sequence[str]) -> None:
        self.units: dict[str, list[Unit]] = {order: [] for order in orders}
        self.purses: dict[str, list[Purse]] = {order: [] for order in orders}

    def payable(self, order: str, category: Category, day: date) -> list[Unit | Purse]:
        """List what a category holds on `day`, in the order in which it is paid."""
        if category == "interest":
            return [purse for purse in self.purses[order] if purse.owed > 0]
        units = [unit for unit in self.units[order] if unit.unpaid > 0 and _belongs(unit, category, day)]
        return [*sorted(units, key=age)]


def _belongs(unit: Unit, category: Category, day: date) -> bool:
    if category == "fees" or unit.kind == "fee":
        return category == "fees" and unit.kind == "fee" and unit.owed <= day
    if category == "current":
        return unit.kind == "instalment" and month_end(unit.owed) == month_end(day)
    return unit.owed <= day


def apply(money: Money, books: Books, terms: Terms, day: date, asked: Asked) -> None:
    """Apply what is left of a payment on `day`; `asked` gives a stated value or stops the statement."""
    if not money.left:
        return
    offset = money.receipt.source == "federal_offset"
    said = asked(terms.ask("payment_order_federal_offset" if offset else "payment_order", day))
    for name in str(said).split(","):
        category = _category(name.strip())
        for order, amount in _shares(money, category, books, terms, day, asked):
            _pay(money, order, amount, category, books, day)


def _category(name: str) -> Category:
    category: Category = msgspec.convert(name, Category)
    return category


def _shares(
    money: Money, category: Category, books: Books, terms: Terms, day: date, asked: Asked
) -> list[tuple[str, Decimal]]:
    """Divide what is left between the orders that have something to pay in this category."""
    orders = books.units if money.order is None else (money.order,)
    wanted = {order: _wanted(books.payable(order, category, day)) for order in orders}
    wanted = {order: amount for order, amount in wanted.items() if amount}
    if len(wanted) <= 1 or sum(wanted.values()) <= money.left:
        return list(wanted.items())
    if asked(terms.ask("between_orders", day)) == "pro_rata":
        return pro_rata(money.left, wanted)
    first = sorted(wanted, key=lambda order: _oldest(books.payable(order, category, day)))
    return [(order, wanted[order]) for order in first]


def _wanted(entries: Iterable[Unit | Purse]) -> Decimal:
    return sum((e.unpaid if isinstance(e, Unit) else e.owed for e in entries), Decimal(0))


def _oldest(entries: Sequence[Unit | Purse]) -> tuple[bool, date]:
    return min((age(entry) for entry in entries if isinstance(entry, Unit)), default=(False, date.min))


def pro_rata(money: Decimal, wanted: dict[str, Decimal]) -> list[tuple[str, Decimal]]:
    """Divide `money` by what each wants, to the cent; cents that are left over go to the first orders."""
    total = sum(wanted.values(), Decimal(0))
    shares = {
        order: _floor(Fraction(money) * Fraction(amount) / Fraction(total))
        for order, amount in wanted.items()
    }
    over = money - sum(shares.values(), Decimal(0))
    for order, amount in wanted.items():
        extra = min(over, _CENT, amount - shares[order])
        shares[order] += extra
        over -= extra
    return list(shares.items())


def _floor(dollars: Fraction) -> Decimal:
    return Decimal(int(dollars / Fraction(_CENT))) * _CENT


def _pay(money: Money, order: str, most: Decimal, category: Category, books: Books, day: date) -> None:
    for entry in books.payable(order, category, day):
        amount = min(most, money.left, entry.unpaid if isinstance(entry, Unit) else entry.owed)
        if not amount:
            return
        if isinstance(entry, Unit):
            entry.take(day, amount)
            debt, due = entry.purse.debt, entry.due
        else:
            entry.paid += amount
            debt, due = entry.debt, None
        most -= amount
        money.left -= amount
        part = Part(day=day, category=category, order=order, debt=debt, due=due, amount=amount)
        money.parts.append(part)
