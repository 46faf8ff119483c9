"""Whole accounts under dated terms: the hand-computed table, and properties that hold for every account."""

import tomllib
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csenet.handlers.policy.arrears import Account, AccountError, account_of
from csenet.handlers.policy.arrears_form import account_from_json
from csenet.handlers.policy.interest import Ledger, Obligation, Payment, Rate, Statement, half_up, owed
from csenet.handlers.policy.interest_engine import statement
from csenet.handlers.policy.interest_statement import AccountStatement
from csenet.handlers.policy.interest_terms import Terms, ledger_terms, load_terms, terms_with
from csenet.handlers.policy.rules import NotStated, Why

CASES = Path(__file__).parents[2] / "fixtures" / "policy"
TABLE = tomllib.loads((CASES / "interest_accounts.toml").read_text("utf-8"))
LEDGERS = tomllib.loads((CASES / "interest.toml").read_text("utf-8"))["case"]
AMOUNTS = ("principal", "interest", "total", "fees", "credit", "balance")


def named(table: str) -> Any:
    """Run a test once for every case of a table, under the case's own name."""
    return pytest.mark.parametrize("case", TABLE[table], ids=[case["name"] for case in TABLE[table]])


def account_in(case: dict[str, Any]) -> Account:
    """Read the account of a case, written in full or as one order with one debt."""
    if "account" in case:
        return account_from_json(case["account"])
    instalments = [{"due": due, "amount": amount} for due, amount in case.get("instalments", [])]
    debt = {"id": "CS", "instalments": instalments, **case.get("debt", {})}
    payments = [{"date": day, "amount": amount} for day, amount in case.get("payments", [])]
    return account_from_json(
        {"orders": [{"id": "A", "debts": [debt], **case.get("order", {})}], "payments": payments}
    )


def terms_of(case: dict[str, Any]) -> Terms:
    """Take a state's terms, or invented ones."""
    if "state" in case:
        return load_terms(case["state"])
    return terms_with(case["terms"], rates_of(case["rates"]), citation="invented")


def rates_of(rows: Sequence[Sequence[str]]) -> list[Rate]:
    """Invent rates."""
    why = Why(rule="interest_rate", text="An invented rate.", citation="invented")
    return [
        Rate(date.fromisoformat(first), date.fromisoformat(last) if last else None, Decimal(percent), why)
        for first, last, percent in rows
    ]


def expected(case: dict[str, Any]) -> dict[str, str]:
    """Fill in what a case leaves out."""
    amounts = {name: case.get(name, "0.00") for name in AMOUNTS}
    total = Decimal(amounts["principal"]) + Decimal(amounts["interest"])
    balance = total + Decimal(amounts["fees"]) - Decimal(amounts["credit"])
    return {**amounts, "total": str(total), "balance": case.get("balance", str(balance))}


@named("case")
def test_an_account_comes_to_what_was_computed_by_hand(case: dict[str, Any]) -> None:
    said = statement(account_in(case), terms_of(case), case["as_of"])
    if "not_stated" in case:
        assert isinstance(said, NotStated)
        assert case["not_stated"] in said.why.text
        return
    assert isinstance(said, AccountStatement)
    assert {name: str(getattr(said, name)) for name in AMOUNTS} == expected(case)
    for piece in case.get("notes", []):
        assert any(piece in note for note in said.notes), said.notes
    if "notes" not in case or not case["notes"]:
        assert said.notes == ()


@named("case")
def test_the_parts_of_a_case_come_to_what_was_computed_by_hand(case: dict[str, Any]) -> None:
    said = statement(account_in(case), terms_of(case), case["as_of"])
    if isinstance(said, NotStated):
        return
    unpaid = {str(charge.due): str(charge.unpaid) for charge in said.charges}
    assert {day: unpaid[day] for day in case.get("unpaid", {})} == case.get("unpaid", {})
    by_order = {debt.order: str(debt.principal) for debt in said.debts}
    assert case.get("by_order", by_order) == by_order
    adds_up(said)


def adds_up(said: AccountStatement) -> None:
    """Check every sum of a statement, to the cent."""
    assert said.total == said.principal + said.interest
    assert said.balance == said.total + said.fees - said.credit
    for name in ("principal", "interest", "fees"):
        assert sum((getattr(debt, name) for debt in said.debts), Decimal(0)) == getattr(said, name)
    for cents in said.rounding:
        lines = [line for line in said.lines if (line.order, line.debt) == (cents.order, cents.debt)]
        assert sum((line.interest for line in lines), Decimal(0)) == cents.rounded
        assert half_up(sum((exact(line) for line in lines), Fraction(0))) == cents.rounded
        assert all(abs(Fraction(line.interest) - exact(line)) < Fraction(1, 100) for line in lines)
        debt = next(d for d in said.debts if (d.order, d.debt) == (cents.order, cents.debt))
        assert debt.interest == cents.rounded + cents.adjusted - cents.paid
    assert all(charge.paid + charge.unpaid == charge.amount for charge in said.charges)
    for paid in said.payments:
        assert paid.credit + sum((part.amount for part in paid.parts), Decimal(0)) == paid.amount


def exact(line: Any) -> Fraction:
    """Work out a line the way a clerk does."""
    if line.annual_percent is None:
        assert line.note
        return Fraction(0)
    yearly = Fraction(line.principal) * Fraction(line.annual_percent) / 100
    return yearly * line.periods / (12 if line.per == "months" else 365)


@named("refused")
def test_entries_that_cannot_be_right_are_refused_by_name(case: dict[str, Any]) -> None:
    with pytest.raises(AccountError) as caught:
        account_from_json(case["account"])
    assert caught.value.problems == tuple((path, what) for path, what in case["problems"])


@named("unreadable")
def test_what_is_not_in_the_form_is_refused_by_path(case: dict[str, Any]) -> None:
    with pytest.raises(AccountError) as caught:
        account_from_json(case["account"])
    assert sorted(caught.value.problems) == sorted((path, what) for path, what in case["problems"])


@pytest.mark.parametrize(
    ("amount", "problem"), [("1.001", "has more than two decimals"), ("NaN", "is not a number")]
)
def test_a_statement_refuses_an_account_that_cannot_be_right(amount: str, problem: str) -> None:
    ledger = Ledger((Obligation(date(2021, 1, 1), Decimal(amount)),))
    with pytest.raises(AccountError, match=problem):
        statement(account_of(ledger), load_terms("27"), date(2021, 1, 1))


@pytest.mark.parametrize("case", LEDGERS, ids=[case["name"] for case in LEDGERS])
def test_a_plain_ledger_comes_to_the_same_as_the_balances_told_by_message(case: dict[str, Any]) -> None:
    ledger = Ledger(
        tuple(Obligation(date.fromisoformat(d), Decimal(a)) for d, a in case.get("obligations", [])),
        tuple(Payment(date.fromisoformat(d), Decimal(a)) for d, a in case.get("payments", [])),
    )
    terms = ledger_terms(case.get("state", "27"))
    if "rates" in case:
        values = {name: rows[0].value for name, rows in terms.rows.items()}
        terms = terms_with(values, rates_of(case["rates"]), citation="invented")
    said = statement(account_of(ledger), terms, case["as_of"])
    if "not_stated" in case:
        assert isinstance(said, NotStated)
        assert case["not_stated"] in said.why.text
        return
    assert isinstance(said, AccountStatement)
    found = {name: str(getattr(said, name)) for name in ("principal", "interest", "total", "credit")}
    assert found == {name: case[name] for name in found}


def test_the_reasons_name_what_is_ours() -> None:
    case = next(
        c for c in TABLE["case"] if c["name"].startswith("a payment goes to the support of its month")
    )
    said = statement(account_in(case), terms_of(case), case["as_of"])
    assert isinstance(said, AccountStatement)
    ours = {why.rule for why in said.reasons if why.ours}
    assert ours == {"interest_method", "interest_year_days", "payment_order"}
    assert all(why.citation and why.text for why in said.reasons)


# Properties -----------------------------------------------------------------------------------------------

FIRST = date(2020, 1, 1)
days = st.integers(0, 500).map(lambda n: FIRST + timedelta(days=n))
cents = st.integers(1, 100_000).map(lambda n: str(Decimal(n).scaleb(-2)))
RATES = [["2019-01-01", "2020-06-14", "4"], ["2020-06-15", "2021-01-31", "10.5"], ["2021-02-01", "", "0.75"]]
VALUES: dict[str, Any] = {
    "interest_method": "daily",
    "interest_on_arrears": True,
    "interest_on_retroactive_support": True,
    "interest_on_adjudicated_arrears": True,
    "retroactive_interest_on": "missed_paybacks",
    "judgment_rate_is_arrears_rate": True,
    "payment_order": "current, principal, interest, fees",
    "payment_order_federal_offset": "principal, interest, fees",
}


def rows(**fields: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Invent up to three entries."""
    return st.lists(st.fixed_dictionaries(fields), max_size=3)


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, Any]:
    """Invent an account of one order with every kind of debt."""
    debt = {
        "id": "CS",
        "instalments": draw(rows(due=days, amount=cents)),
        "schedule": draw(rows(first=days, amount=cents)),
        "judgments": draw(rows(entered=days, amount=cents)),
        "retroactive": [
            {**each, "payback": {"first": each["ordered"], "amount": "250.00"}}
            for each in draw(rows(ordered=days, amount=cents))
        ],
        "adjustments": draw(rows(date=days, amount=cents | cents.map("-{}".format), reason=st.just("x"))),
    }
    order = {"id": "A", "debts": [debt], "fees": draw(rows(date=days, amount=cents))}
    source = st.sampled_from(["regular", "federal_offset"])
    return {"orders": [order], "payments": draw(rows(date=days, amount=cents, source=source))}


def invented(**values: Any) -> Terms:
    """Invent terms that answer everything."""
    return terms_with({**VALUES, **values}, rates_of(RATES), citation="invented")


def stated(account: dict[str, Any], terms: Terms, as_of: date) -> AccountStatement:
    """State an account where that can be done."""
    said = statement(account_from_json(account), terms, as_of)
    assert isinstance(said, AccountStatement)
    return said


grace = st.sampled_from([0, 1])
methods = st.sampled_from(["daily", "monthly"])
priorities = st.sampled_from(
    ["current, principal, interest, fees", "interest, principal, fees", "fees, current, interest, principal"]
)
any_terms = st.builds(
    invented, grace_months_of_support=grace, interest_method=methods, payment_order=priorities
)


@settings(max_examples=40, deadline=None)
@given(account=accounts(), as_of=days, terms=any_terms)
def test_every_statement_adds_up(account: dict[str, Any], as_of: date, terms: Terms) -> None:
    adds_up(stated(account, terms, as_of))


@settings(max_examples=30, deadline=None)
@given(account=accounts(), middle=days, end=days, months=grace)
def test_splitting_the_period_adds_up(account: dict[str, Any], middle: date, end: date, months: int) -> None:
    middle, end = sorted((middle, end))
    terms = invented(grace_months_of_support=months)
    first, both = stated(account, terms, middle), stated(account, terms, end)
    assert earned(first, FIRST, middle) + earned(both, middle + timedelta(days=1), end) == earned(
        both, FIRST, end
    )


def earned(said: AccountStatement, first: date, last: date) -> Fraction:
    """Sum exactly what the lines of a daily statement earned within some days."""
    total = Fraction(0)
    for line in said.lines:
        inside = (min(line.end, last) - max(line.start, first)).days + 1
        if inside > 0:
            total += exact(line) * inside / line.periods
    return total


@settings(max_examples=40, deadline=None)
@given(account=accounts(), as_of=days, terms=any_terms, day=days, amount=cents)
def test_a_payment_more_never_means_more_interest(
    account: dict[str, Any], as_of: date, terms: Terms, day: date, amount: str
) -> None:
    more = {**account, "payments": [*account["payments"], {"date": day, "amount": amount}]}
    before, after = stated(account, terms, as_of), stated(more, terms, as_of)
    assert sum(c.rounded for c in after.rounding) <= sum(c.rounded for c in before.rounding)
    assert after.balance <= before.balance


plain = st.builds(
    Ledger,
    st.lists(st.builds(Obligation, days, cents.map(Decimal)), max_size=6).map(tuple),
    st.lists(st.builds(Payment, days, cents.map(Decimal)), max_size=6).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(ledger=plain, as_of=days)
def test_any_plain_ledger_comes_to_the_same_in_both_engines(ledger: Ledger, as_of: date) -> None:
    terms = ledger_terms("27")
    one, other = owed(ledger, terms.rates, as_of), statement(account_of(ledger), terms, as_of)
    assert isinstance(one, Statement)
    assert isinstance(other, AccountStatement)
    assert (one.principal, one.interest, one.credit) == (other.principal, other.interest, other.credit)
