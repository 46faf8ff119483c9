"""The tables of terms: what their loader refuses, and what Minnesota's say."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from csenet.handlers.policy.dated import PARAMETERS, PolicyError
from csenet.handlers.policy.interest_terms import (
    FILES,
    definitions,
    ledger_terms,
    load_sheet,
    load_terms,
    terms_with,
)
from csenet.handlers.policy.rules import NotStated, Stated

GOOD = """
[[term]]
id = "method"
kind = "text"
values = ["daily", "monthly"]
text = "How?"

[[term]]
id = "order"
kind = "text"
values = ["a", "b"]
several = true
text = "In which order?"

[[jurisdiction]]
fips = "27"

[[jurisdiction.rule]]
term = "method"
[[jurisdiction.rule.rows]]
value = "daily"
citation = "somewhere"
text = "Daily."

[[jurisdiction.rule]]
term = "order"
[[jurisdiction.rule.rows]]
value = "b, a"
citation = "somewhere"
text = "B first."
"""


def test_a_sheet_is_read(table: Callable[..., Path]) -> None:
    sheet = load_sheet(table(GOOD))
    assert set(sheet.terms) == {"method", "order"}
    assert sheet.rows["27"]["order"][0].value == "b, a"
    assert sheet.ledger == {}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('fips = "27"', 'fips = "99"', "jurisdiction '99'.fips: no jurisdiction has this FIPS code"),
        ('value = "daily"', 'value = "weekly"', "jurisdiction '27'.method[1].value: must be made of daily"),
        ('value = "daily"', "value = 1", "jurisdiction '27'.method[1].value: is not of kind text"),
        ('value = "b, a"', 'value = "a, a"', "order[1].value: must be made of a, b, each at most once"),
        ('value = "b, a"', 'value = "c"', "order[1].value: must be made of a, b"),
        ('term = "method"', 'term = "methods"', "methods: is not a term that this file defines"),
        ('citation = "somewhere"', 'citation = ""', "method[1].citation: is missing"),
        ('term = "order"', 'term = "method"', "rule 'method': stands twice"),
        ('id = "order"', 'id = "method"', "term 'method': stands twice"),
    ],
)
def test_a_wrong_sheet_is_refused_by_key(
    table: Callable[..., Path], old: str, new: str, problem: str
) -> None:
    assert old in GOOD
    with pytest.raises(PolicyError) as caught:
        load_sheet(table(GOOD.replace(old, new, 1)))
    assert problem in str(caught.value)
    assert "table.toml" in str(caught.value)


def test_terms_given_with_a_request_are_checked_likewise() -> None:
    with pytest.raises(PolicyError) as caught:
        terms_with({"interest_method": "weekly", "nonsense": 1}, (), citation="test")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("file", FILES)
def test_every_row_of_law_has_a_citation_and_every_term_a_question(file: str) -> None:
    sheet = load_sheet(PARAMETERS / file)
    assert all(term.text.endswith("?") for term in sheet.terms.values())
    for rows in [*sheet.rows.values(), {"": ()}]:
        assert all(row.citation and row.text for given in rows.values() for row in given)


@pytest.mark.parametrize(
    ("term", "day", "value"),
    [
        ("interest_method", date(2020, 1, 1), "daily"),
        ("interest_on_arrears", date(2022, 7, 31), True),
        ("interest_on_arrears", date(2022, 8, 1), False),
        ("interest_on_retroactive_support", date(2022, 7, 31), True),
        ("interest_on_retroactive_support", date(2022, 8, 1), False),
        ("interest_on_adjudicated_arrears", date(2022, 7, 31), True),
        ("interest_on_adjudicated_arrears", date(2022, 8, 1), False),
        ("retroactive_interest_on", date(2020, 1, 1), "missed_paybacks"),
        ("grace_months_of_support", date(2020, 1, 1), 1),
        ("stop_after_full_months", date(2020, 1, 1), 12),
        ("judgment_years", date(2020, 1, 1), 10),
        ("judgment_renewable", date(2020, 1, 1), True),
        ("majority_age", date(2020, 1, 1), 18),
        ("secondary_school_age", date(2020, 1, 1), 20),
    ],
)
def test_minnesota_states_its_terms(term: str, day: date, value: object) -> None:
    said = load_terms("27").ask(term, day)
    assert isinstance(said, Stated)
    assert said.value == value
    assert said.why.citation


@pytest.mark.parametrize("term", ["between_orders", "interest_after_judgment_expiry"])
def test_what_minnesota_does_not_state_is_a_question(term: str) -> None:
    said = load_terms("27").ask(term, date(2020, 1, 1))
    assert isinstance(said, NotStated)
    assert said.why.text.endswith(definitions()[term].text)
    assert "Minnesota" in said.why.citation


def test_a_question_that_a_profile_leaves_open_is_put_in_its_words() -> None:
    said = load_terms("02").ask("interest_on_arrears", date(2020, 1, 1))
    assert isinstance(said, NotStated)
    assert said.why.text.endswith("Does the state charge interest on missed instalments?")


def test_the_contradiction_about_renewal_is_kept() -> None:
    said = load_terms("27").ask("judgment_renewable", date(2020, 1, 1))
    assert "Question E3" in said.why.text


def test_what_is_not_law_is_marked_as_ours() -> None:
    for term in ("interest_method", "payment_order", "payment_order_federal_offset"):
        assert load_terms("27").ask(term, date(2020, 1, 1)).why.ours
    assert all(row.ours for rows in ledger_terms("27").rows.values() for row in rows)
