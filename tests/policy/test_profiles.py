"""State profiles: what they state, what they leave open, and what their loader refuses."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.jurisdictions import UnknownJurisdictionError, jurisdictions
from csenet.handlers.policy.profile import load_profile, load_questions, questions, read_profile
from csenet.handlers.policy.rules import NotStated, Stated, UnknownRuleError

TODAY = date(2026, 11, 21)


def test_a_profile_states_what_its_source_says(profile_case: dict[str, Any]) -> None:
    said = load_profile(profile_case["state"]).answer(profile_case["question"], profile_case["on"])
    assert profile_case["citation"] in said.why.citation
    if "value" not in profile_case:
        assert isinstance(said, NotStated)
        assert said.why.value == "not stated"
        return
    assert isinstance(said, Stated)
    value = profile_case["value"]
    is_number = questions()[profile_case["question"]].kind == "decimal"
    assert said.value == (Decimal(value) if is_number else value)


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
    text = '[[question]]\nid = "q"\nkind = "text"\nlettered = "A1"\ntext = "t"\nswitch = true\n'
    with pytest.raises(PolicyError, match=r"table.toml: question 'q'.kind: a switch must be boolean"):
        load_questions(table(text))
