"""Minnesota's typed rules: each beside the state's own words, each on both sides of its dates."""

import tomllib
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.profile import load_profile, questions
from csenet.handlers.policy.questionnaire import questionnaires
from csenet.handlers.policy.rules import NotStated, Stated

CASES = Path(__file__).parents[2] / "fixtures" / "policy"
TODAY = date(2026, 11, 21)

RULES = [
    case
    for path in sorted((CASES / "profiles").glob("*.toml"))
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
]
OTHERS = tomllib.loads((CASES / "profiles.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", RULES, ids=[case["name"] for case in RULES])
def test_a_rule_states_what_the_case_says(case: dict[str, Any]) -> None:
    said = load_profile(case["state"]).answer(case["question"], case["on"])
    assert case["citation"] in said.why.citation
    if "value" not in case:
        assert isinstance(said, NotStated)
        assert said.why.value == "not stated"
        return
    assert isinstance(said, Stated)
    assert said.why.value == case["shown"]
    wanted = case["value"]
    # Amounts and percentages are written as text, so that no float ever holds them.
    assert said.value == (Decimal(wanted) if isinstance(said.value, Decimal) else wanted)
    assert not isinstance(said.value, float)


@pytest.mark.parametrize("case", RULES, ids=[case["name"] for case in RULES])
def test_the_words_of_a_case_stand_in_the_states_answer(case: dict[str, Any]) -> None:
    if "words" not in case:
        return
    said = next(row for row in load_profile("27").said if row.place == case["place"])
    assert said.answer is not None
    assert case["words"] in said.answer
    place = questionnaires()["lettered"].place(case["place"])
    assert place is not None
    assert case["question"] in place.rules


def test_every_rule_has_at_least_two_cases() -> None:
    told = Counter(case["question"] for case in RULES + OTHERS)
    assert {rule for rule in questions() if told[rule] < 2} == set()


def test_every_rule_of_minnesota_is_stated_by_a_case_or_left_blank() -> None:
    stated = {case["question"] for case in RULES if case["state"] == "27" and "value" in case}
    answers = load_profile("27").answers
    assert {rule for rule, rows in answers.items() if rows[-1].value is not None} == stated
    assert {rule for rule, rows in answers.items() if rows[-1].value is None} == {
        "sends_grint",
        "sends_gstai",
    }


def test_both_sides_of_every_date_have_a_case() -> None:
    days = {(case["question"], case["on"]) for case in RULES if case["state"] == "27"}
    for rule, rows in load_profile("27").answers.items():
        for row in rows:
            for day in (row.since, row.until):
                assert day is None or (rule, day) in days
            if row.since is not None:
                assert (rule, date.fromordinal(row.since.toordinal() - 1)) in days
            if row.until is not None:
                assert (rule, date.fromordinal(row.until.toordinal() + 1)) in days
