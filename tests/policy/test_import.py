"""Importing a profile page: what is plain is typed, what is blank stays blank, what has no place is told."""

import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from csenet.gateway.cli.policy_import import import_
from csenet.handlers.policy.jurisdictions import jurisdiction
from csenet.handlers.policy.profile import Profile, load_profile, questions, read_profile
from csenet.handlers.policy.profile_import import Typed, make_profile, read_plain
from csenet.handlers.policy.questionnaire import questionnaires
from csenet.handlers.policy.questionnaire_page import Page, read_page
from csenet.handlers.policy.rules import NotStated, Stated

PAGES = Path(__file__).parents[2] / "fixtures" / "pages"
LETTERED = questionnaires()["lettered"]
# A day on which Minnesota's page held whole: nothing later had changed it.
PAGE_DAY = date(2016, 7, 1)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(import_, list(arguments))


def read(name: str) -> Page:
    return read_page((PAGES / name).read_text(encoding="utf-8").split("\n"), LETTERED)


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Profile]:
    def run_import(name: str, state: str, code: int = 0) -> Profile:
        out = tmp_path / "profile.toml"
        result = run(str(PAGES / name), "--state", state, "--output", str(out))
        assert result.exit_code == code
        assert result.stdout == ""
        return read_profile(out)

    return run_import


def lines_of(profile: Profile) -> Iterator[str]:
    """Write a profile's answers in the form of a public page, in our words for the questions."""
    yield "An invented heading"
    yield f"{profile.name} State Law"
    said = {row.place: row for row in profile.said}
    for section in LETTERED.section:
        yield from ("", f"{section.id}. {section.name}", "")
        for place in LETTERED.question:
            if place.section == section.id:
                yield f"{place.place}. {place.text}"
                yield from (said[place.place].answer or "").splitlines()
                if said[place.place].link:
                    yield from ("", f"For Additional Information - {said[place.place].link}")


def test_all_of_minnesotas_answers_come_back_from_a_page() -> None:
    minnesota = load_profile("27")
    page = read_page(lines_of(minnesota), LETTERED)
    assert not page.unplaced
    assert not page.missing
    told = {row.place: (row.answer, row.link) for row in page.asked}
    assert told == {said.place: (said.answer, said.link) for said in minnesota.said if said.place}


@pytest.mark.parametrize("whole", [True, False], ids=["whole page", "extract"])
def test_what_is_typed_of_minnesotas_page_is_what_its_profile_says(whole: bool) -> None:
    minnesota = load_profile("27")
    page = read_page(lines_of(minnesota), LETTERED) if whole else read("minnesota.txt")
    made = make_profile(page, jurisdiction("27"), LETTERED, "page")
    typed = 0
    for rule in made.profile.answers:
        ours, theirs = (profile.answer(rule, PAGE_DAY) for profile in (made.profile, minnesota))
        assert getattr(ours, "value", None) == getattr(theirs, "value", None)
        typed += isinstance(ours, Stated)
    assert typed == (36 if whole else 17)


def test_the_extract_of_minnesotas_page_has_its_answers(imported: Callable[..., Profile]) -> None:
    theirs = {said.place: (said.answer, said.link) for said in load_profile("27").said}
    ours = imported("minnesota.txt", "MN").said
    assert len(ours) == 50
    for said in ours:
        assert (said.answer, said.link) == theirs[said.place]


def test_blank_answers_are_not_stated_and_never_no(imported: Callable[..., Profile]) -> None:
    profile = imported("kansas.txt", "KS")
    for rule, place in (("interest_on_arrears", "F2"), ("sends_gstai", "F20"), ("sends_gsc17", "N3")):
        said = profile.answer(rule, PAGE_DAY)
        assert isinstance(said, NotStated)
        assert said.why.citation == f"IRG Kansas, question {place} (left blank)"


def test_bare_answers_become_typed_rules(imported: Callable[..., Profile]) -> None:
    profile = imported("kansas.txt", "ks")
    stated: dict[str, Any] = {}
    for rule in profile.answers:
        said = profile.answer(rule, PAGE_DAY)
        if isinstance(said, Stated):
            stated[rule] = said.value
    assert stated == {
        "document_sets_for_referral": 3,
        "dormancy_revival": True,
        "interest_rate_annual_percent": Decimal("7.25"),
        "interest_on_retroactive_support": False,
        "cost_recovery_percent_obligor": Decimal("0.5"),
        "sends_grint": True,
        "employer_fee_per_payment": Decimal("1250.00"),
        "withholding_starts_after": 10,
        "withholding_remittance": 3,
        "acknowledgments_conclusive_since": date(1996, 2, 29),
        "establishment_process": "administrative",
        "administrative_offset_when_responding": True,
        "sends_gsc15": True,
        "sends_gsc16": False,
    }


def test_an_answer_in_words_is_kept_and_told_as_not_typed(imported: Callable[..., Profile]) -> None:
    profile = imported("kansas.txt", "20")
    said = profile.answer("sends_gsc18", PAGE_DAY)
    assert isinstance(said, NotStated)
    assert "Question N4 is answered in words that a person must read." in said.why.text
    assert [row.answer for row in profile.said_of("sends_gsc18")] == ["Yes, but only on Tuesdays."]
    result = run(str(PAGES / "kansas.txt"), "--state", "KS")
    assert f"{PAGES / 'kansas.txt'}:79: N4 not typed: sends_gsc18" in result.stderr.splitlines()


def test_standard_output_holds_the_profile_and_nothing_else() -> None:
    result = run(str(PAGES / "kansas.txt"), "--state", "KS")
    assert result.exit_code == 0
    assert tomllib.loads(result.stdout)["fips"] == "20"
    assert result.stderr.splitlines()[-1].endswith(
        "25 questions, 3 left blank, 14 rules typed, 7 not typed, 0 lines not placed, "
        "2 before the first section left out"
    )


def test_what_has_no_place_is_told_by_line_and_nothing_is_guessed(imported: Callable[..., Profile]) -> None:
    result = run(str(PAGES / "damaged.txt"), "--state", "KS")
    assert result.exit_code == 1
    told = [line.removeprefix(str(PAGES / "damaged.txt")) for line in result.stderr.splitlines()]
    nobodys = "not placed: belongs to no question that could be placed"
    assert [line for line in told if "not placed:" in line] == [
        ":9: not placed: stands apart from question E3, so it is not taken for its answer",
        ":10: not placed: the questionnaire has no question E4",
        f":11: {nobodys}",
        ":17: not placed: question N1 has stood on line 15 already",
        f":18: {nobodys}",
        ":20: not placed: no section of the questionnaire has this letter and name",
        ":22: not placed: the questionnaire has no question O1",
        f":23: {nobodys}",
        ":29: not placed: stands apart from question N4, so it is not taken for its answer",
    ]
    profile = imported("damaged.txt", "KS", code=1)
    assert set(profile.answers) == {"sends_gsc15"}
    # Neither yes nor no, nor blank: a person must read it.
    assert [said.not_typed for said in profile.said if said.place == "E3"] == [("dormancy_revival",)]


@pytest.mark.parametrize(
    ("content", "state", "problem"),
    [
        (b"nothing of the kind\n", "KS", "no question of the lettered questionnaire was found"),
        (b"Texas State Law\n\nN. Case Closure\n\nN1. Asked?\nYes\n", "KS", "is of Texas, not of Kansas"),
        (b"N. Case Closure\n\nN1. Asked?\nY\xe9s\n", "KS", "page.txt:4: is not UTF-8 text"),
        (b"N. Case Closure\n\nN1. Asked?\nYes\n", "ZZ", "--state ZZ: no jurisdiction has this"),
    ],
)
def test_a_page_that_cannot_be_used_is_refused(
    tmp_path: Path, content: bytes, state: str, problem: str
) -> None:
    page = tmp_path / "page.txt"
    page.write_bytes(content)
    result = run(str(page), "--state", state)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stdout == ""


def test_a_page_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = run(str(tmp_path / "none.txt"), "--state", "KS")
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_a_page_comes_from_standard_input_with_other_line_ends() -> None:
    text = "\ufeffN. Case Closure\r\n\r\nN1. Asked?\r\nYes\r\nN2. Asked?\r\n"
    result = CliRunner().invoke(import_, ["-", "--state", "MN"], input=text.encode())
    assert result.exit_code == 0
    profile = tomllib.loads(result.stdout)
    assert [row["rows"][0].get("value") for row in profile["answer"]] == [True, None]


@pytest.mark.parametrize(
    ("rule", "words", "value"),
    [
        ("sends_gsc15", "Yes", True),
        ("sends_gsc15", "NO.", False),
        ("document_sets_for_referral", "2", 2),
        ("document_sets_for_referral", "One", 1),
        ("employer_fee_per_payment", "$2", "2.00"),
        ("employer_fee_per_payment", "$ 1,000.50", "1000.50"),
        ("interest_rate_annual_percent", "4%", "4"),
        ("interest_rate_annual_percent", "10.5 per cent", "10.5"),
        ("acknowledgments_conclusive_since", "01/01/1994", date(1994, 1, 1)),
        ("establishment_process", "Both", None),
        ("establishment_process", "Judicial", "judicial"),
    ],
)
def test_bare_words_are_read(rule: str, words: str, value: Any) -> None:
    typed = read_plain(questions()[rule], words)
    assert (typed.value if typed else None) == value


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        ("7 days", Typed(value=7, unit="calendar days")),
        ("Seven business days", Typed(value=7)),
        ("1 month", Typed(value=1, unit="months")),
        ("two working days", Typed(value=2, unit="working days")),
        ("7", None),
        ("7 to 10 days", None),
        ("within 7 days", None),
    ],
)
def test_a_period_is_read_with_its_unit(words: str, typed: Typed | None) -> None:
    assert read_plain(questions()["withholding_remittance"], words) == typed


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("sends_gsc15", "Yes, sometimes"),
        ("sends_gsc15", "Not applicable"),
        ("sends_gsc15", "None"),
        ("sends_gsc15", ""),
        ("document_sets_for_referral", "one or two"),
        ("employer_fee_per_payment", "1.00"),
        ("employer_fee_per_payment", "$1.5"),
        ("employer_fee_per_payment", "$1,00"),
        ("interest_rate_annual_percent", "4"),
        ("interest_rate_annual_percent", "4% since 2008"),
        ("acknowledgments_conclusive_since", "1994"),
        ("acknowledgments_conclusive_since", "02/30/1994"),
        ("lien_trigger", "discretion"),
    ],
)
def test_anything_more_than_bare_words_is_left_to_a_person(rule: str, words: str) -> None:
    assert read_plain(questions()[rule], words) is None


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1), min_size=1
    )
)
def test_whatever_a_state_writes_its_profile_can_be_read_again(answer: list[str]) -> None:
    page = read_page(["A. General/Program-At-A-Glance", "", "A1. How many?", *answer], LETTERED)
    made = make_profile(page, jurisdiction("20"), LETTERED, 'a "page"\x7f')
    assert [said.answer for said in made.profile.said] == [row.answer for row in page.asked]
