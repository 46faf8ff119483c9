"""State profiles: what they state, what they leave open, and what their loader refuses."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import holidays
import pytest

from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.jurisdictions import UnknownJurisdictionError, jurisdictions
from csenet.handlers.policy.profile import (
    load_profile,
    load_questions,
    profiles,
    questions,
    read_profile,
)
from csenet.handlers.policy.rules import NotStated, Stated, UnknownRuleError

TODAY = date(2026, 11, 21)


def test_a_profile_states_what_its_source_says(profile_case: dict[str, Any]) -> None:
    rule = profile_case["question"]
    said = load_profile(profile_case["state"]).answer(rule, profile_case["on"])
    assert profile_case["citation"] in said.why.citation
    if "value" not in profile_case:
        assert isinstance(said, NotStated)
        assert said.why.value == "not stated"
        assert profile_case.get("hint", "") in said.why.text
        return
    assert isinstance(said, Stated)
    assert said.value == questions()[rule].parse(profile_case["value"])


def test_minnesota_has_two_rates_and_two_sources() -> None:
    rates = load_profile("27").interest_rates()
    assert [(str(r.start), str(r.end), r.annual_percent) for r in rates] == [
        ("2008-01-01", "2022-07-31", Decimal(4)),
        ("2022-08-01", "None", Decimal(0)),
    ]
    assert rates[0].why.citation != rates[1].why.citation


def test_kansas_has_no_rates_at_hand() -> None:
    assert load_profile("20").interest_rates() == ()


@pytest.mark.parametrize("fips", sorted(jurisdictions()))
def test_every_jurisdiction_has_a_profile_with_name_and_time_zone(fips: str) -> None:
    profile = load_profile(fips)
    assert profile.fips == fips
    assert profile.name
    assert "/" in profile.time_zone


def test_minnesota_and_kansas_keep_central_time() -> None:
    assert {load_profile(fips).time_zone for fips in ("27", "20")} == {"America/Chicago"}


def test_a_switch_replaces_the_blank_and_names_the_settings() -> None:
    profile = load_profile("27").with_switches({"sends_grint": True})
    said = profile.answer("sends_grint", TODAY)
    assert isinstance(said, Stated)
    assert said.value is True
    assert said.why.citation == "policy.switches.sends_grint in the gateway's settings"
    assert isinstance(load_profile("27").answer("sends_grint", TODAY), NotStated)


def test_a_switch_replaces_the_profiles_own_answer() -> None:
    said = load_profile("27").with_switches({"sends_gsc15": False}).answer("sends_gsc15", TODAY)
    assert isinstance(said, Stated)
    assert said.value is False
    assert "switched this off" in said.why.text


def test_wrong_switches_are_all_named_at_once() -> None:
    switches: Any = {"sends_smoke": True, "interest_on_arrears": False, "sends_gstai": "yes"}
    with pytest.raises(PolicyError) as caught:
        load_profile("27").with_switches(switches)
    first, second, third = caught.value.problems
    assert first.startswith("sends_smoke: is not a switch; the switches are sends_grint, sends_gstai")
    assert second.startswith("interest_on_arrears: is not a switch")
    assert third == "sends_gstai: is not of kind boolean"
    assert caught.value.file == "policy.switches"


def test_a_question_nobody_asks_is_an_error_and_not_silence() -> None:
    with pytest.raises(UnknownRuleError, match="sends_smoke"):
        load_profile("27").answer("sends_smoke", TODAY)


def test_an_unknown_jurisdiction_has_no_profile() -> None:
    with pytest.raises(UnknownJurisdictionError, match="'99'"):
        load_profile("99")


def test_a_wrong_profile_is_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    text = """
fips = "27"
source = "s"
[[answer]]
question = "sends_smoke"
rows = []
[[answer]]
question = "sends_grint"
[[answer.rows]]
value = "yes"
citation = "c"
text = ""
[[interest_rate]]
annual_percent = "-4"
citation = "c"
text = "t"
"""
    with pytest.raises(PolicyError) as caught:
        read_profile(table(text, "utopia.toml"))
    assert str(caught.value).splitlines() == [
        "utopia.toml: answer 'sends_smoke': no such question in questions.toml",
        "utopia.toml: answer 'sends_grint'.rows[1].text: is missing",
        "utopia.toml: answer 'sends_grint'.rows[1].value: is not of kind boolean",
        "utopia.toml: interest_rate[1].since: is missing",
        "utopia.toml: interest_rate[1].annual_percent: must be zero or more",
    ]


def test_a_profile_of_no_jurisdiction_is_refused(table: Callable[..., Path]) -> None:
    with pytest.raises(PolicyError, match=r"utopia.toml: fips: .*'98'"):
        read_profile(table('fips = "98"\nsource = "s"\n', "utopia.toml"))


def test_a_wrong_table_of_questions_is_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    text = """
[[question]]
id = "q"
kind = "text"
text = "t"
switch = true
[[question]]
id = "r"
kind = "choice"
text = "t"
[[question]]
id = "s"
kind = "period"
unit = "fortnights"
text = "t"
"""
    with pytest.raises(PolicyError) as caught:
        load_questions(table(text))
    assert str(caught.value).splitlines() == [
        "table.toml: question 'q'.kind: a switch must be boolean",
        "table.toml: question 'r'.choices: belong to a choice, and a choice needs them",
        "table.toml: question 's'.unit: a period is counted in working days, business days, calendar days, "
        "months, years",
    ]


@pytest.mark.parametrize(
    ("rule", "raw", "problem"),
    [
        ("age_of_majority", "18", "is not of kind integer"),
        ("withholding_remittance", -7, "must be zero or more"),
        ("employer_fee_per_payment", "1.005", "is not a whole number of cents"),
        ("employer_fee_per_payment", "-1.00", "must be zero or more"),
        ("interest_rate_annual_percent", "four", "is not of kind decimal"),
        ("acknowledgments_conclusive_since", "1994-01-01", "is not of kind date"),
        ("sends_gsc15", "yes", "is not of kind boolean"),
        ("establishment_process", "tribal", "is none of the choices judicial, administrative, combined, "),
    ],
)
def test_an_answer_of_the_wrong_kind_is_refused(rule: str, raw: Any, problem: str) -> None:
    assert questions()[rule].problem(raw, "key")[0].startswith(f"key: {problem}")


@pytest.mark.parametrize(
    ("rule", "raw", "shown"),
    [
        ("withholding_remittance", 7, "7 business days"),
        ("paternity_limitation_after_majority", 1, "1 year"),
        ("employer_fee_per_payment", "1.00", "$1.00"),
        ("interest_rate_annual_percent", "4", "4 %"),
        ("document_sets_for_referral", 1, "1"),
        ("sends_gsc15", False, "no"),
        ("age_of_majority", 18, "18 years of age"),
    ],
)
def test_an_answer_is_shown_in_its_unit(rule: str, raw: Any, shown: str) -> None:
    question = questions()[rule]
    assert question.shown(question.parse(raw)) == shown


def test_a_state_may_count_in_a_unit_of_its_own(table: Callable[..., Path]) -> None:
    text = """
fips = "20"
source = "s"
[[answer]]
question = "withholding_remittance"
[[answer.rows]]
value = 7
unit = "calendar days"
citation = "c"
text = "t"
"""
    profile = read_profile(table(text))
    assert profile.answer("withholding_remittance", TODAY).why.value == "7 calendar days"
    assert profile.unit("withholding_remittance", TODAY) == "calendar days"
    assert load_profile("27").unit("withholding_remittance", TODAY) == "business days"


def test_what_a_page_says_must_have_a_place_or_a_rule_and_a_source(table: Callable[..., Path]) -> None:
    text = """
fips = "20"
source = "s"
questionnaire = "lettered"
[[answer]]
question = "dormancy_revival"
[[answer.rows]]
value = true
contradicts = ["sends_smoke"]
citation = "c"
text = "t"
[[said]]
answer = "yes"
[[said]]
place = "Z9"
[[said]]
rules = ["sends_smoke"]
certain = false
"""
    with pytest.raises(PolicyError) as caught:
        read_profile(table(text, "utopia.toml"))
    unknown = "no question in questions.toml is called 'sends_smoke'"
    assert str(caught.value).splitlines() == [
        f"utopia.toml: answer 'dormancy_revival'.rows[1].contradicts: {unknown}",
        "utopia.toml: said[1]: names neither a place nor a rule",
        "utopia.toml: said[2].place: 'Z9' is no place of the profile's questionnaire",
        f"utopia.toml: said[3].rules: {unknown}",
        "utopia.toml: said[3].source: is missing, and what is not certain needs one",
    ]


def test_a_profile_names_a_known_version_of_the_questionnaire(table: Callable[..., Path]) -> None:
    with pytest.raises(PolicyError, match=r"questionnaire: 'runes' is not a version"):
        read_profile(table('fips = "20"\nsource = "s"\nquestionnaire = "runes"\n'))


@pytest.mark.parametrize("fips", sorted(jurisdictions()))
def test_every_profile_keeps_the_federal_holidays(fips: str) -> None:
    days = load_profile(fips).holidays(2026)
    # 5 U.S.C. 6103, as they fall in 2026.
    federal = "01-01 01-19 02-16 05-25 06-19 07-04 09-07 10-12 11-11 11-26 12-25"
    assert {date.fromisoformat(f"2026-{day}") for day in federal.split()} <= set(days)


@pytest.mark.parametrize("fips", sorted(jurisdictions()))
def test_the_list_of_holidays_knows_every_jurisdiction(fips: str) -> None:
    assert load_profile(fips).abbreviation in holidays.US.subdivisions


@pytest.mark.parametrize("fips", ["04", "17", "29"])
def test_what_is_known_from_an_undated_copy_alone_is_never_a_rule(fips: str) -> None:
    profile = load_profile(fips)
    assert not profile.answers
    assert not profile.rates
    assert profile.said
    assert not any(said.certain for said in profile.said)


def test_nothing_that_is_not_certain_has_become_a_rule() -> None:
    for profile in profiles().values():
        doubtful = {rule for said in profile.said if not said.certain for rule in said.rules}
        for rule in doubtful & set(profile.answers):
            # Minnesota's own page answers what the undated copy of the newer one tells otherwise.
            assert (profile.fips, rule) in {
                ("27", "establishment_process"),
                ("27", "passes_through_current_assistance"),
            }


def test_another_state_answers_from_the_day_its_page_was_updated() -> None:
    for profile in profiles().values():
        if profile.fips != "27":
            assert {row.since for rows in profile.answers.values() for row in rows} <= {profile.updated}
