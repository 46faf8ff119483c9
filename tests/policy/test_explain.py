"""Looking things up: by id, code, place and paragraph; what changed; where old paragraphs stand."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.explain import Entry, catalogue, diff, find, rule_ids
from csenet.handlers.policy.explain_paragraphs import load_paragraphs, paragraphs, today_of
from csenet.handlers.policy.profile import load_profile

FEDERAL = catalogue()
MINNESOTA = catalogue(load_profile("27"))
TODAY = date(2026, 11, 21)


def one(name: str, entries: tuple[Entry, ...] = MINNESOTA) -> Entry:
    (found,) = find(name, entries)
    return found


@pytest.mark.parametrize(
    ("name", "value", "citation"),
    [
        ("RS7", "10 working days", "45 CFR 303.7(d)(9)"),
        ("rs7", "10 working days", "45 CFR 303.7(d)(9)"),
        ("CL3", "2 years", "45 CFR 303.11(b)(7)(i)"),
        ("AN3", "always", "45 CFR 303.7(a)(5)"),
        ("closure.GSC03", "GSC03", "45 CFR 303.11(b)(4)"),
        ("closure.303.11(b)(2)", "no code", "45 CFR 303.11(b)(2)"),
        ("closure.303.11(b)(18)", "told as GSC16", "45 CFR 303.11(b)(18)"),
        ("N1", "yes", "IRG Minnesota, question N1"),
        ("sends_gsc15", "yes", "IRG Minnesota, question N1"),
        ("F19", "not stated", "IRG Minnesota, question F19 (left blank)"),
        ("closure_arrears_below", "500", "45 CFR 303.11(b)(1)"),
        ("sending.MSC R GRINT", "not sent", "45 CFR 303.7(c)(7)"),
    ],
)
def test_a_name_finds_what_holds_today(name: str, value: str, citation: str) -> None:
    version = one(name).on(TODAY)
    assert version is not None
    assert (version.value, version.citation) == (value, citation)


@pytest.mark.parametrize("name", ["GSC17", "MSC P GSC17", "msc p gsc17"])
def test_a_code_finds_all_that_speak_of_it(name: str) -> None:
    found = {entry.id for entry in find(name, FEDERAL)}
    assert found == {"RS7", "IN8", "closure.GSC17", "sending.MSC P GSC17"}


def test_a_paragraph_finds_what_cites_it_and_what_the_documents_call_so() -> None:
    found = {entry.id for entry in find("45 CFR 303.11(b)(12)", FEDERAL)}
    assert found == {"closure.GSC09", "closure.GSC13", "RS9"}
    assert "gsc17_unless_agreed_otherwise" in {entry.id for entry in find("303.7(d)(9)", FEDERAL)}


def test_a_paragraph_is_not_found_in_a_longer_number() -> None:
    assert "IN8" not in {entry.id for entry in find("303.7(c)(1)", FEDERAL)}


@pytest.mark.parametrize("name", ["nothing", "", "303.7", "GSC"])
def test_what_bears_no_such_name_is_not_found(name: str) -> None:
    assert find(name, FEDERAL) == ()


def test_without_a_state_questions_are_questions_only() -> None:
    entry = one("sends_gsc15", FEDERAL)
    assert entry.versions == ()
    assert entry.on(TODAY) is None
    assert "N1" in entry.places


def test_before_2017_a_ground_stood_under_its_old_paragraph() -> None:
    entry = one("closure.GSC03")
    before, after = entry.on(date(2017, 1, 18)), entry.on(date(2017, 1, 19))
    assert before is not None
    assert after is not None
    assert before.citation == "45 CFR 303.11(b)(2), as it stood until 2017"
    assert after.citation == "45 CFR 303.11(b)(4)"


def test_the_revision_of_2017_is_what_changed_on_its_day() -> None:
    changes = {change.id: change for change in diff(FEDERAL, date(2017, 1, 18), date(2017, 1, 19))}
    years = changes["CL3"]
    assert years.what == "changed"
    assert years.before is not None
    assert years.after is not None
    assert (years.before.value, years.after.value) == ("3 years", "2 years")
    assert changes["closure.303.11(b)(9)"].what == "new"
    assert changes["CL5"].before is None
    assert "RS7" not in changes
    assert "closure.GSC02" not in changes


def test_a_states_answers_change_too_and_can_end() -> None:
    forward = {change.id: change for change in diff(MINNESOTA, date(2022, 7, 31), date(2022, 8, 1))}
    assert "interest_rate" in forward
    assert "CL3" not in forward
    back = {change.id: change.what for change in diff(MINNESOTA, date(2017, 1, 19), date(2017, 1, 18))}
    assert back["CL5"] == "ended"


def test_nothing_changes_between_a_day_and_itself() -> None:
    assert diff(MINNESOTA, TODAY, TODAY) == ()


def test_every_version_has_a_citation_and_no_two_overlap() -> None:
    for entry in MINNESOTA:
        assert all(version.citation for version in entry.versions), entry.id
        for day in (date(2010, 6, 1), date(2017, 1, 18), date(2017, 1, 19), TODAY):
            assert sum(version.covers(day) for version in entry.versions) <= 1, entry.id


def test_the_names_of_all_states_are_the_same() -> None:
    assert rule_ids() == rule_ids(load_profile("27"))


@pytest.mark.parametrize(
    ("cited", "current"),
    [
        ("303.11(b)(12)", "303.11(b)(17)"),
        ("303.11(b)(13)", "303.11(b)(18)"),
        ("303.11(b)(14)", "303.11(b)(19)"),
        ("303.7(c)(10)", "303.7(c)(11)"),
        ("303.7(c)(9)", "303.7(a)(7)"),
        ("303.7(d)(12)", "303.7(c)(12)"),
    ],
)
def test_a_paragraph_of_the_documents_has_a_place_today(cited: str, current: str) -> None:
    assert [row.current for row in today_of(cited)] == [current]


def test_all_paragraphs_that_the_documents_cite_are_known() -> None:
    assert len(paragraphs()) == 21
    assert [row.cited_in_spec for row in paragraphs() if row.misprint] == ["303.7(d)(12)"]
    assert today_of("303.99(z)") == ()


def test_wrong_paragraphs_are_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    row = '[[paragraph]]\ncited_in_spec = "a"\ncurrent = ""\ntext = "t"\n'
    with pytest.raises(PolicyError) as caught:
        load_paragraphs(table(row + row))
    assert caught.value.problems == (
        "paragraph 'a': stands twice in table.toml",
        "paragraph[1].current: is missing",
        "paragraph[2].current: is missing",
    )


def test_an_entry_says_what_else_a_reader_wants(cases: Any) -> None:
    assert one("RS7").details["opened by"] == "MSC P GSC17"
    assert one("closure.GSC13").details["notice"] == "RS9"
