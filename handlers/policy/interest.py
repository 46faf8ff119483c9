"""Compute simple interest on overdue support, exactly, with a line for every instalment and rate period.

An instalment that is not paid on its due date earns interest from the day after, through the as-of date
inclusive, on actual days over a fixed year. A payment counts from its own date (that day earns on what is
left), goes to the oldest principal first, and waits as credit when it is more than what is due. Interest
earns no interest. The total is rounded once, half up to the cent, at the end.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain, groupby, pairwise

import msgspec

from csenet.handlers.policy.rules import NotStated, Stated, Why, value_on

_ONE_DAY = timedelta(days=1)
_CENTS = 100
_PERCENT = 100


class Obligation(msgspec.Struct, frozen=True):
    """Hold one instalment: the date it falls due, and its amount in dollars."""

    due: date
    amount: Decimal


class Payment(msgspec.Struct, frozen=True):
    """Hold one payment: the date from which it counts, and its amount in dollars."""

    date: date
    amount: Decimal


class Ledger(msgspec.Struct, frozen=True):
    """Hold what fell due and what was paid on one case, in any order."""

    obligations: tuple[Obligation, ...] = ()
    payments: tuple[Payment, ...] = ()


class Rate(msgspec.Struct, frozen=True):
    """Hold the yearly rate in per cent from `start` through `end`; no `end` means that it still holds."""

    start: date
    end: date | None
    annual_percent: Decimal
    why: Why


class Instalment(msgspec.Struct, frozen=True):
    """Say what of one instalment is paid and what is not, on the as-of date."""

    due: date
    amount: Decimal
    paid: Decimal
    unpaid: Decimal


class Line(msgspec.Struct, frozen=True):
    """Explain interest on one instalment's unpaid `principal` while neither it nor the rate changed.

    `start` and `end` are the first and last day that earn interest. `interest` is this line's share of the
    statement's rounded total: the shares add up to it exactly, and each is within a cent of principal x rate
    x days / year.
    """

    due: date
    principal: Decimal
    start: date
    end: date
    days: int
    annual_percent: Decimal
    interest: Decimal


class Statement(msgspec.Struct, frozen=True):
    """State what is owed: `principal` + `interest` = `total`; `credit` is what is paid ahead."""

    as_of: date
    principal: Decimal
    interest: Decimal
    total: Decimal
    credit: Decimal
    lines: tuple[Line, ...]
    instalments: tuple[Instalment, ...]
    reasons: tuple[Why, ...]


class LedgerError(ValueError):
    """Report every entry of a ledger that cannot be right, as (path, message); amounts are never repeated."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{path}: {message}" for path, message in self.problems))


class _Account:
    """Follow one instalment's unpaid principal: `steps` are (first day, unpaid from that day on)."""

    def __init__(self, obligation: Obligation) -> None:
        self.obligation = obligation
        self.unpaid = obligation.amount
        self.steps = [(obligation.due, obligation.amount)]

    def pay(self, day: date, money: Decimal) -> Decimal:
        """Take what is owed from `money`, from `day` on, and give back the rest."""
        taken = min(money, self.unpaid)
        self.unpaid -= taken
        self.steps.append((day, self.unpaid))
        return money - taken

    def spans(self, as_of: date) -> Iterator[tuple[date, date, Decimal]]:
        """Give (first day, last day, unpaid) for each stretch of days that can earn interest."""
        first_earning = self.obligation.due + _ONE_DAY
        ends = [day - _ONE_DAY for day, _ in self.steps[1:]] + [as_of]
        for (start, unpaid), end in zip(self.steps, ends, strict=True):
            start = max(start, first_earning)
            if unpaid and start <= end:
                yield start, end, unpaid


class _Share(msgspec.Struct, frozen=True):
    due: date
    principal: Decimal
    start: date
    end: date
    rate: Rate
    interest: Fraction


def owed(ledger: Ledger, rates: Sequence[Rate], as_of: date) -> Statement | NotStated:
    """Compute principal, interest and credit on `as_of`; what falls due or is paid later does not count.

    Answer `NotStated` when principal is unpaid on a day for which no rate is stated: money is never guessed.
    Raise `LedgerError` for entries that cannot be right and `ValueError` for rates that overlap.
    """
    problems = ledger_problems(ledger)
    if problems:
        raise LedgerError(problems)
    ordered = _ordered(rates)
    method = value_on("interest_year_days", as_of)
    if isinstance(method, NotStated):
        return method
    accounts, credit = _settle(ledger, as_of)
    shares: list[_Share] = []
    for account in accounts:
        for start, end, unpaid in account.spans(as_of):
            unknown = _day_without_rate(start, end, ordered)
            if unknown is not None:
                return _no_rate(unknown, ordered)
            pieces = _by_rate(start, end, ordered)
            shares += [_share(account.obligation.due, unpaid, piece, method) for piece in pieces]
    return _statement(accounts, credit, shares, method.why, as_of)


def ledger_problems(ledger: Ledger) -> tuple[tuple[str, str], ...]:
    """List every amount that is not a whole number of cents above zero, as (path, message)."""
    entries = chain(
        ((f"obligations[{n}].amount", entry.amount) for n, entry in enumerate(ledger.obligations)),
        ((f"payments[{n}].amount", entry.amount) for n, entry in enumerate(ledger.payments)),
    )
    return tuple((path, message) for path, amount in entries if (message := _amount_problem(amount)))


def _amount_problem(amount: Decimal) -> str:
    if not amount.is_finite():
        return "is not a number"
    if amount <= 0:
        return "must be more than zero"
    if (Fraction(amount) * _CENTS).denominator != 1:
        return "has more than two decimals"
    return ""


def _ordered(rates: Sequence[Rate]) -> list[Rate]:
    ordered = sorted(rates, key=lambda rate: rate.start)
    for earlier, later in pairwise(ordered):
        if earlier.end is None or later.start <= earlier.end:
            raise ValueError(f"the interest rates since {earlier.start} and since {later.start} overlap")
    return ordered


def _settle(ledger: Ledger, as_of: date) -> tuple[list[_Account], Decimal]:
    """Play the ledger in order of date; on one day obligations fall due before money is applied."""
    entries: list[Obligation | Payment] = [o for o in ledger.obligations if o.due <= as_of]
    entries += [p for p in ledger.payments if p.date <= as_of]
    entries.sort(key=_day)
    accounts: list[_Account] = []
    money = Decimal(0)
    oldest = 0
    for day, group in groupby(entries, key=_day):
        for entry in group:
            if isinstance(entry, Obligation):
                accounts.append(_Account(entry))
            else:
                money += entry.amount
        while money and oldest < len(accounts):
            money = accounts[oldest].pay(day, money)
            oldest += not accounts[oldest].unpaid
    return accounts, money


def _day(entry: Obligation | Payment) -> date:
    return entry.due if isinstance(entry, Obligation) else entry.date


def _by_rate(start: date, end: date, rates: Sequence[Rate]) -> Iterator[tuple[date, date, Rate]]:
    """Cut the days from `start` through `end` where the rate changes; days without a rate are left out."""
    for rate in rates:
        first = max(start, rate.start)
        last = end if rate.end is None else min(end, rate.end)
        if first <= last:
            yield first, last, rate


def _day_without_rate(start: date, end: date, rates: Sequence[Rate]) -> date | None:
    day = start
    for first, last, _ in _by_rate(start, end, rates):
        if first > day:
            break
        day = last + _ONE_DAY
    return day if day <= end else None


def _no_rate(day: date, rates: Sequence[Rate]) -> NotStated:
    known_from = next((rate.start for rate in rates if rate.start > day), None)
    until = f"; the next known rate starts on {known_from}" if known_from else ""
    return NotStated(
        Why(
            rule="interest_rate",
            text=f"Support is unpaid on {day}, and no interest rate is stated for that day{until}.",
            citation="the state's profile",
            value="not stated",
        )
    )


def _share(due: date, unpaid: Decimal, piece: tuple[date, date, Rate], method: Stated) -> _Share:
    start, end, rate = piece
    days = (end - start).days + 1
    year_days = Fraction(str(method.value))
    interest = Fraction(unpaid) * Fraction(rate.annual_percent) / _PERCENT * days / year_days
    return _Share(due, unpaid, start, end, rate, interest)


def _statement(
    accounts: Sequence[_Account], credit: Decimal, shares: Sequence[_Share], method: Why, as_of: date
) -> Statement:
    principal = sum((account.unpaid for account in accounts), Decimal(0))
    interest = half_up(sum((share.interest for share in shares), Fraction(0)))
    rate_reasons = dict.fromkeys(share.rate.why for share in shares)
    return Statement(
        as_of=as_of,
        principal=half_up(Fraction(principal)),
        interest=interest,
        total=half_up(Fraction(principal)) + interest,
        credit=half_up(Fraction(credit)),
        lines=tuple(_lines(shares)),
        instalments=tuple(_instalment(account) for account in accounts),
        reasons=(method, *rate_reasons),
    )


def _lines(shares: Sequence[_Share]) -> Iterator[Line]:
    # Each line shows the step of the rounded running total: the shown cents add up to the shown total.
    running, shown = Fraction(0), Decimal("0.00")
    for share in shares:
        running += share.interest
        interest = half_up(running) - shown
        shown += interest
        yield Line(
            due=share.due,
            principal=half_up(Fraction(share.principal)),
            start=share.start,
            end=share.end,
            days=(share.end - share.start).days + 1,
            annual_percent=share.rate.annual_percent,
            interest=interest,
        )


def _instalment(account: _Account) -> Instalment:
    amount, unpaid = half_up(Fraction(account.obligation.amount)), half_up(Fraction(account.unpaid))
    return Instalment(due=account.obligation.due, amount=amount, paid=amount - unpaid, unpaid=unpaid)


def half_up(amount: Fraction) -> Decimal:
    """Round dollars half up to the cent; the amount must not be negative."""
    cents = int(amount * _CENTS + Fraction(1, 2))
    return Decimal(cents).scaleb(-2)
