"""Interest on overdue support: the hand-computed ledgers, and a day-by-day count as a second opinion."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csenet.handlers.policy.interest import (
    Ledger,
    LedgerError,
    Obligation,
    Payment,
    Rate,
    Statement,
    half_up,
    ledger_problems,
    owed,
)
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.rules import NotStated, Why

WHY = Why(rule="interest_rate", text="An invented rate.", citation="invented")


def ledger_of(case: dict[str, Any]) -> Ledger:
    """Read the entries of a case."""
    return Ledger(
        tuple(Obligation(date.fromisoformat(d), Decimal(a)) for d, a in case.get("obligations", [])),
        tuple(Payment(date.fromisoformat(d), Decimal(a)) for d, a in case.get("payments", [])),
    )


def rates_of(case: dict[str, Any]) -> tuple[Rate, ...]:
    """Read the rates of a case, its own or a state's."""
    if "state" in case:
        return load_profile(case["state"]).interest_rates()
    return tuple(rate(*row) for row in case["rates"])


def rate(start: str, end: str, percent: str) -> Rate:
    """Invent a rate."""
    return Rate(date.fromisoformat(start), date.fromisoformat(end) if end else None, Decimal(percent), WHY)


def statement_of(ledger: Ledger, rates: Sequence[Rate], as_of: date) -> Statement:
    """Compute a statement where one can be made."""
    said = owed(ledger, rates, as_of)
    assert isinstance(said, Statement)
    return said


def test_a_ledger_comes_to_what_was_computed_by_hand(ledger_case: dict[str, Any]) -> None:
    said = owed(ledger_of(ledger_case), rates_of(ledger_case), ledger_case["as_of"])
    if "not_stated" in ledger_case:
        assert isinstance(said, NotStated)
        assert ledger_case["not_stated"] in said.why.text
        return
    assert isinstance(said, Statement)
    found = {name: str(getattr(said, name)) for name in ("principal", "interest", "total", "credit")}
    assert found == {name: ledger_case[name] for name in found}
    assert said.as_of == ledger_case["as_of"]


def test_the_lines_of_a_statement_add_up_to_it(ledger_case: dict[str, Any]) -> None:
    said = owed(ledger_of(ledger_case), rates_of(ledger_case), ledger_case["as_of"])
    if isinstance(said, NotStated):
        return
    exact = [Fraction(x.principal) * Fraction(x.annual_percent) * x.days / 36500 for x in said.lines]
    assert sum((line.interest for line in said.lines), Decimal(0)) == said.interest
    assert half_up(sum(exact, Fraction(0))) == said.interest
    assert sum((each.unpaid for each in said.instalments), Decimal(0)) == said.principal
    assert all(each.paid + each.unpaid == each.amount for each in said.instalments)
    assert all((line.end - line.start).days + 1 == line.days for line in said.lines)
    assert all(
        abs(Fraction(line.interest) - share) < Fraction(1, 100)
        for line, share in zip(said.lines, exact, strict=True)
    )


def test_a_statement_explains_each_instalment_and_rate_period() -> None:
    ledger = Ledger(
        (Obligation(date(2022, 7, 1), Decimal("730")),), (Payment(date(2022, 7, 21), Decimal("365")),)
    )
    said = statement_of(ledger, load_profile("27").interest_rates(), date(2022, 8, 10))
    shown = [
        (str(x.principal), str(x.start), str(x.end), x.days, str(x.annual_percent), str(x.interest))
        for x in said.lines
    ]
    assert shown == [
        ("730.00", "2022-07-02", "2022-07-20", 19, "4", "1.52"),
        ("365.00", "2022-07-21", "2022-07-31", 11, "4", "0.44"),
        ("365.00", "2022-08-01", "2022-08-10", 10, "0", "0.00"),
    ]
    assert [why.value for why in said.reasons] == ["365", "4 %", "0 %"]


def test_a_statement_names_the_later_source_of_minnesotas_zero_rate() -> None:
    ledger = Ledger((Obligation(date(2022, 8, 1), Decimal("100")),))
    said = statement_of(ledger, load_profile("27").interest_rates(), date(2022, 8, 2))
    assert "mn.gov/dhs" in said.reasons[-1].citation
    assert "Later than the profile" in said.reasons[-1].text


def test_the_year_of_365_days_is_marked_as_ours() -> None:
    said = statement_of(Ledger(), (), date(2026, 1, 1))
    assert [why.ours for why in said.reasons] == [True]


def test_without_a_stated_year_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csenet.handlers.policy.interest.value_on", lambda rule, day: NotStated(WHY))
    assert owed(Ledger(), (), date(2026, 1, 1)) == NotStated(WHY)


def test_the_reason_names_the_next_known_rate_where_there_is_one() -> None:
    ledger = Ledger((Obligation(date(2007, 1, 1), Decimal("1")),))
    said = owed(ledger, load_profile("27").interest_rates(), date(2008, 1, 1))
    assert isinstance(said, NotStated)
    assert said.why.text.endswith("the next known rate starts on 2008-01-01.")


def test_entries_that_cannot_be_right_are_refused_by_name(refused_ledger: dict[str, Any]) -> None:
    ledger = ledger_of(refused_ledger)
    expected = tuple((path, message) for path, message in refused_ledger["problems"])
    assert ledger_problems(ledger) == expected
    with pytest.raises(LedgerError) as caught:
        owed(ledger, (), date(2026, 1, 1))
    assert caught.value.problems == expected
    for entry in (*ledger.obligations, *ledger.payments):
        assert str(entry.amount) not in str(caught.value)


@pytest.mark.parametrize("end", ["", "2021-06-30"])
def test_rates_that_overlap_are_refused(end: str) -> None:
    rates = (rate("2020-01-01", end, "4"), rate("2021-06-30", "", "5"))
    with pytest.raises(ValueError, match="2020-01-01 and since 2021-06-30 overlap"):
        owed(Ledger(), rates, date(2026, 1, 1))


FIRST = date(2019, 12, 1)
amounts = st.integers(1, 200_000).map(lambda cents: Decimal(cents).scaleb(-2))
days = st.integers(0, 900).map(lambda n: FIRST + timedelta(days=n))
ledgers = st.builds(
    Ledger,
    st.lists(st.builds(Obligation, days, amounts), max_size=6).map(tuple),
    st.lists(st.builds(Payment, days, amounts), max_size=6).map(tuple),
)
RATES = (
    rate("2019-01-01", "2020-02-29", "3.75"),
    rate("2020-03-01", "2021-01-15", "12"),
    rate("2021-01-16", "", "0.5"),
)


def day_by_day(ledger: Ledger, as_of: date) -> tuple[Decimal, Decimal, Decimal]:
    """Count interest one day at a time, from totals alone: the clerk's way, without instalments or spans."""
    interest = Fraction(0)
    day = FIRST
    while day <= as_of:
        overdue = sum((o.amount for o in ledger.obligations if o.due < day), Decimal(0))
        paid = sum((p.amount for p in ledger.payments if p.date <= day), Decimal(0))
        percent = next(r.annual_percent for r in RATES if r.start <= day and (not r.end or day <= r.end))
        interest += Fraction(max(overdue - paid, Decimal(0))) * Fraction(percent) / 36500
        day += timedelta(days=1)
    due = sum((o.amount for o in ledger.obligations if o.due <= as_of), Decimal(0))
    paid = sum((p.amount for p in ledger.payments if p.date <= as_of), Decimal(0))
    return max(due - paid, Decimal(0)), half_up(interest), max(paid - due, Decimal(0))


@settings(max_examples=60, deadline=None)
@given(ledger=ledgers, as_of=days)
def test_a_count_day_by_day_agrees(ledger: Ledger, as_of: date) -> None:
    said = statement_of(ledger, RATES, as_of)
    assert (said.principal, said.interest, said.credit) == day_by_day(ledger, as_of)
    assert sum((line.interest for line in said.lines), Decimal(0)) == said.interest
