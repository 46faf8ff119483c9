"""When children grow up, and when current support ends with them."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.handlers.policy.arrears import Child, Order
from csenet.handlers.policy.emancipation import AgeOut, Emancipation, age_out, emancipation
from csenet.handlers.policy.interest_terms import Terms, load_terms, terms_with
from csenet.handlers.policy.rules import NotStated

FILE = Path(__file__).parents[2] / "fixtures" / "policy" / "interest_ages.toml"
CASES = tomllib.loads(FILE.read_text("utf-8"))["case"]
AGES = {"majority_age": 18, "secondary_school_age": 20}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_child_grows_up_on_the_day_worked_out_by_hand(case: dict[str, Any]) -> None:
    child = msgspec.convert({"id": "1", **case["child"]}, Child)
    said = emancipation(child, load_terms(case.get("state", "27")), case["as_of"], case.get("issued"))
    if "not_stated" in case:
        assert isinstance(said, NotStated)
        assert case["not_stated"] in said.why.text
        return
    assert isinstance(said, Emancipation)
    assert (str(said.on) if said.on else "") == case["on"]
    assert said.why.citation


def invented(**values: Any) -> Terms:
    """Invent a state's terms."""
    return terms_with(values, (), citation="invented")


def children(*births: date) -> Order:
    """Invent an order with children out of school."""
    found = tuple(Child(id=str(n), birth=day, in_school=False) for n, day in enumerate(births, 1))
    return Order(id="A", debts=(), children=found)


def ends(order: Order, terms: Terms, as_of: date) -> date | None:
    """Give the end of current support where it can be worked out."""
    said = age_out(order, terms, as_of)
    assert isinstance(said, AgeOut)
    return said.on


def test_support_ends_with_the_last_child() -> None:
    order = children(date(2003, 2, 1), date(2005, 3, 1))
    assert ends(order, load_terms("27"), date(2021, 1, 31)) == date(2023, 3, 1)
    assert ends(order, load_terms("27"), date(2024, 1, 1)) == date(2023, 3, 1)


def test_while_one_child_has_no_known_end_neither_has_support() -> None:
    order = Order(
        id="A",
        debts=(),
        children=(
            Child(id="1", birth=date(2003, 2, 1), in_school=False),
            Child(id="2", birth=date(2000, 2, 1), incapable=True),
        ),
    )
    assert ends(order, load_terms("27"), date(2024, 1, 1)) is None


def test_an_order_without_children_has_no_end_that_is_known() -> None:
    assert ends(Order(id="A", debts=()), load_terms("27"), date(2024, 1, 1)) is None


def test_whether_support_falls_with_each_child_is_asked_only_when_one_has_grown_up() -> None:
    order, terms = children(date(2003, 2, 1), date(2005, 3, 1)), invented(**AGES)
    assert ends(order, terms, date(2021, 1, 31)) == date(2023, 3, 1)
    said = age_out(order, terms, date(2021, 2, 1))
    assert isinstance(said, NotStated)
    assert "lowered by itself" in said.why.text


def test_where_support_falls_with_each_child_a_person_says_by_how_much() -> None:
    terms = invented(**AGES, support_falls_with_each_child=True)
    said = age_out(children(date(2003, 2, 1), date(2005, 3, 1)), terms, date(2021, 2, 1))
    assert isinstance(said, NotStated)
    assert "what is current support under order A from 2021-02-01 on?" in said.why.text


def test_where_no_child_is_supported_for_being_incapable_age_decides() -> None:
    child = Child(id="1", birth=date(2003, 2, 1), incapable=True, in_school=False)
    said = emancipation(child, invented(**AGES, incapable_child_is_supported=False), date(2024, 1, 1))
    assert isinstance(said, Emancipation)
    assert said.on == date(2021, 2, 1)


def test_the_age_for_school_is_asked_where_only_majority_is_known() -> None:
    child = Child(id="1", birth=date(2003, 2, 1), in_school=False)
    said = emancipation(child, invented(majority_age=18), date(2024, 1, 1))
    assert isinstance(said, NotStated)
    assert "secondary school" in said.why.text


def test_a_child_that_cannot_be_judged_leaves_the_order_open() -> None:
    order = Order(id="A", debts=(), children=(Child(id="1", birth=date(2003, 2, 1)),))
    assert isinstance(age_out(order, load_terms("27"), date(2024, 1, 1)), NotStated)
