"""Federal rules, and what the loaders of dated tables refuse."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.dated import PolicyError, read_toml
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.rules import (
    NotStated,
    Stated,
    UnknownRuleError,
    federal_rules,
    load_rules,
    parse_value,
    plain,
    value_on,
)

TODAY = date(2026, 11, 21)


def test_a_rule_states_its_value_with_paragraph_and_date() -> None:
    said = value_on("gsc17_unless_agreed_otherwise", TODAY)
    assert isinstance(said, Stated)
    assert said.value is True
    assert said.why.citation == "45 CFR 303.7(c)(12), (d)(9)"
    assert said.why.since == date(2011, 1, 3)
    assert (said.why.value, said.why.ours) == ("yes", False)


def test_before_a_rule_took_effect_it_is_not_stated() -> None:
    assert isinstance(value_on("gsc17_closes_case", date(2011, 1, 2)), NotStated)
    assert isinstance(value_on("gsc17_closes_case", date(2011, 1, 3)), Stated)


def test_a_number_and_an_amount_are_read_exactly() -> None:
    days = value_on("incarceration_notice_days", TODAY)
    dollars = value_on("closure_arrears_below", TODAY)
    assert isinstance(days, Stated)
    assert isinstance(dollars, Stated)
    assert (days.value, dollars.value) == (180, Decimal("500"))


def test_a_states_own_answer_is_asked_for_in_the_same_way() -> None:
    said = value_on("sends_gsc17", TODAY, load_profile("27"))
    assert isinstance(said, Stated)
    assert said.why.citation == "IRG Minnesota, question N3"


@pytest.mark.parametrize("profile", [None, "27"])
def test_a_misspelt_rule_is_an_error_and_not_silence(profile: str | None) -> None:
    with pytest.raises(UnknownRuleError, match="sends_gsc71"):
        value_on("sends_gsc71", TODAY, load_profile(profile) if profile else None)


def test_every_federal_rule_states_something_today() -> None:
    assert all(isinstance(value_on(rule, TODAY), Stated) for rule in federal_rules())


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("boolean", 1),
        ("integer", True),
        ("integer", "1"),
        ("decimal", True),
        ("decimal", "four"),
        ("decimal", "NaN"),
        ("date", "2026-01-01"),
        ("text", 4),
    ],
)
def test_a_value_of_another_kind_is_refused(kind: Any, raw: Any) -> None:
    with pytest.raises(ValueError, match=f"is not of kind {kind}"):
        parse_value(kind, raw)


def test_values_are_written_as_people_read_them() -> None:
    assert [plain(value) for value in (True, False, 10, Decimal("4.5"), TODAY)] == [
        "yes",
        "no",
        "10",
        "4.5",
        "2026-11-21",
    ]


ROW = '[[rule.rows]]\nvalue = {value}\ncitation = "{citation}"\ntext = "t"\n'
HEAD = '[[rule]]\nid = "r"\nkind = "integer"\n'


def row(value: str = "1", citation: str = "c", since: str = "", until: str = "") -> str:
    """Write one row of a rule."""
    dates = f"since = {since}\n" if since else ""
    dates += f"until = {until}\n" if until else ""
    return ROW.format(value=value, citation=citation) + dates


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD + "rows = []\n", "rule 'r': has no rows"),
        (HEAD + row(citation=" "), "rule 'r'.rows[1].citation: is missing"),
        (HEAD + row(value='"one"'), "rule 'r'.rows[1].value: is not of kind integer"),
        (
            HEAD + row(since="2020-01-02", until="2020-01-01"),
            "rule 'r'.rows[1].until: 2020-01-01 is before since = 2020-01-02",
        ),
        (
            HEAD + row(until="2020-01-01") + row(since="2020-01-01"),
            "rule 'r'.rows: the row since 2020-01-01 overlaps the one since None",
        ),
        (
            HEAD + row() + row(since="2020-01-01"),
            "rule 'r'.rows: the row since 2020-01-01 overlaps the one since None",
        ),
        (
            HEAD + row(until="2020-01-01") + row(since="2020-01-03"),
            "rule 'r'.rows: nothing is stated between 2020-01-01 and 2020-01-03",
        ),
        (HEAD + row() + HEAD + row(), "rule 'r': stands twice in table.toml"),
    ],
)
def test_a_wrong_rule_is_refused_by_file_and_key(table: Callable[..., Path], text: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_rules(table(text))
    assert str(caught.value) == f"table.toml: {problem}"
    assert (caught.value.file, caught.value.problems) == ("table.toml", (problem,))


def test_a_key_that_no_table_has_is_refused(table: Callable[..., Path]) -> None:
    with pytest.raises(PolicyError, match=r"table.toml: .*unknown field `colour`"):
        load_rules(table(HEAD + row() + 'colour = "red"\n'))


def test_rows_that_meet_are_accepted(table: Callable[..., Path]) -> None:
    rules = load_rules(table(HEAD + row(since="2020-01-02", value="2") + row(until="2020-01-01")))
    assert len(rules["r"].rows) == 2


def test_a_table_that_is_not_toml_is_refused_by_name(table: Callable[..., Path]) -> None:
    with pytest.raises(PolicyError, match=r"^table.toml: is not TOML"):
        read_toml(table("= 1"))


def test_a_table_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"^gone.toml: cannot be read \(No such file"):
        read_toml(tmp_path / "gone.toml")
