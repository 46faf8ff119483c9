"""Versions of the questionnaire: the same meaning, wherever it is asked; what is unknown stays unknown."""

from collections.abc import Callable
from pathlib import Path

import pytest

from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.profile import questions
from csenet.handlers.policy.questionnaire import load_questionnaire, questionnaires


def test_there_are_two_versions_and_one_is_whole() -> None:
    assert {name: row.whole for name, row in questionnaires().items()} == {
        "categories": False,
        "lettered": True,
    }


def test_the_lettered_version_has_319_questions_in_14_sections() -> None:
    version = questionnaires()["lettered"]
    assert len(version.question) == 319
    assert "".join(row.id for row in version.section) == "ABCDEFGHIJKLMN"
    assert all(row.place.startswith(row.section) for row in version.question)


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("interest_on_arrears", "F2"),
        ("interest_rate_annual_percent", "F2.1"),
        ("sends_grint", "F19"),
        ("sends_gsc15", "N1"),
        ("sends_gsc18", "N4"),
        ("withholding_remittance", "G5"),
        ("registration_contest", "J11"),
        ("dormancy_revival", "E3"),
    ],
)
def test_a_meaning_is_found_by_its_letter(rule: str, place: str) -> None:
    assert [row.place for row in questionnaires()["lettered"].places_of(rule)] == [place]


def test_a_meaning_asked_in_both_versions_has_a_place_in_each() -> None:
    assert [row.places_of("sends_gsc15")[0].place for row in questionnaires().values()] == ["CSENet 1", "N1"]


def test_what_has_no_place_in_a_version_is_told() -> None:
    assert set(questionnaires()["lettered"].unplaced()) == {
        "acknowledges_referrals",
        "local_offices",
        "takes_part_in_csenet",
        "takes_part_in_ede",
        "takes_part_in_quick",
    }
    categories = questionnaires()["categories"]
    placed = {"sends_gsc15", "withholding_starts_after"}
    assert set(categories.unplaced()) == set(questions()) - placed


def test_a_version_has_no_place_that_it_does_not_know() -> None:
    assert questionnaires()["categories"].place("F2") is None
    assert questionnaires()["lettered"].place("CSENet 1") is None


def test_a_section_is_found_whatever_its_capitals() -> None:
    section = questionnaires()["lettered"].section_named("income withholding")
    assert section is not None
    assert section.id == "G"


def test_a_wrong_version_is_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    text = """
version = "runes"
name = "n"
source = "s"
whole = false
asked = ["sends_gsc15", "sends_smoke"]
[[section]]
id = "A"
name = "n"
[[question]]
place = "A1"
section = "B"
text = " "
rules = ["sends_gsc15"]
plain = "sends_gsc16"
[[question]]
place = "A1"
section = "A"
text = "t"
"""
    with pytest.raises(PolicyError) as caught:
        load_questionnaire(table(text, "questions_runes.toml"))
    assert [line.removeprefix("questions_runes.toml: ") for line in str(caught.value).splitlines()] == [
        "question 'A1': stands twice in questions_runes.toml",
        "rule 'sends_gsc15': stands twice in questions_runes.toml",
        "question 'A1'.section: 'B' is no section of this version",
        "question 'A1'.plain: 'sends_gsc16' is none of its rules",
        "question 'A1'.text: is missing",
        "rule 'sends_smoke': no such question in questions.toml",
    ]
