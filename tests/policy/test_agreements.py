"""What may be exchanged and sent, and what the loaders of agreements refuse."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.agreements import (
    Agreements,
    load_agreements,
    load_sending_rules,
    may_exchange,
    may_send,
)
from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.rules import NotStated, Stated

TODAY = date(2026, 11, 21)
TYPES = ("COL", "CSI", "ENF", "EST", "LO1", "MSC", "PAT")


def agreements_of(case: dict[str, Any], table: Callable[..., Path]) -> Agreements:
    """Load the defaults, and before them the rows of a case through a file, as an agency would give them."""
    rows = case.get("agreements")
    if rows is None:
        return load_agreements()
    text = "\n".join(
        "[[agreement]]\n" + "\n".join(f"{k} = {literal(v)}" for k, v in row.items()) for row in rows
    )
    return load_agreements(table(text, "agreements.toml"))


def literal(value: object) -> str:
    """Write a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, date) else f'"{value}"'


def test_what_may_be_sent(permission_case: dict[str, Any], table: Callable[..., Path]) -> None:
    profile = load_profile(permission_case["ours"]).with_switches(permission_case.get("switches", {}))
    agreements = agreements_of(permission_case, table)
    day = permission_case.get("on", TODAY)
    for far in permission_case["fars"]:
        said = may_send(far, permission_case["partner"], day, profile, agreements)
        assert said.allowed is permission_case["allowed"], far
        assert permission_case["because"] in said.why.text
        assert permission_case["citation"] in said.why.citation


def test_silence_of_the_profile_is_shown_beside_the_permission() -> None:
    said = may_send("MSC P GSTAI", "20", TODAY, load_profile("27"), load_agreements())
    assert [why.citation for why in said.also] == [
        "IRG Minnesota, question F20 (left blank)",
        "45 CFR 303.7(a)(5)",
    ]
    assert said.why.value == "not stated"


@pytest.mark.parametrize("function", TYPES)
@pytest.mark.parametrize("direction", ["send", "receive"])
def test_by_default_every_type_goes_both_ways_with_every_partner(function: str, direction: Any) -> None:
    for partner in jurisdictions():
        said = may_exchange(partner, function, direction, TODAY)
        assert isinstance(said, Stated)
        assert said.value is True
        assert (said.why.citation, said.why.ours) == ("45 CFR 303.7(a)(5)", True)


def test_where_no_agreement_speaks_nothing_is_stated_and_nothing_is_sent() -> None:
    none = Agreements((), (), TYPES)
    said = may_exchange("20", "MSC", "send", TODAY, agreements=none)
    assert isinstance(said, NotStated)
    assert not may_send("MSC P GSC17", "20", TODAY, load_profile("27"), none).allowed


def test_wrong_agreements_are_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    row = '[[agreement]]\npartner = "{}"\nfunction = "{}"\nallowed = true\ncitation = "c"\ntext = "t"\n'
    with pytest.raises(PolicyError) as caught:
        load_agreements(table(row.format("99", "MSC") + row.format("20", "XXX") + row.format("20", "XXX")))
    assert str(caught.value).splitlines() == [
        "table.toml: agreement[1].partner: '99' is not the FIPS code of a jurisdiction",
        "table.toml: agreement[2].function: 'XXX' is not a functional type",
        "table.toml: agreement[3].function: 'XXX' is not a functional type",
        "table.toml: agreement 20 XXX *: the row since None overlaps the one since None",
    ]


def test_wrong_sending_rules_are_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    text = """
default_alternative = "paper"
[[alternative]]
id = "paper"
text = "t"
citation = "c"
[[sending]]
far = "MSC P GSC15"
question = "sends_smoke"
citation = ""
when_no = "n"
allowed_when_not_stated = true
when_not_stated = "s"
alternative = "paper"
"""
    with pytest.raises(PolicyError) as caught:
        load_sending_rules(table(text))
    assert caught.value.problems == (
        "sending 'MSC P GSC15'.question: no such question in questions.toml",
        "sending 'MSC P GSC15'.citation: is missing",
    )
