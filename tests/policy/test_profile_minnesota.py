"""Minnesota whole: 319 questions, 78 of them blank, 88 of them rules, and one contradiction that is kept."""

from datetime import date
from decimal import Decimal

from csenet.handlers.policy.profile import Profile, load_profile, questions
from csenet.handlers.policy.questionnaire import Questionnaire, questionnaires
from csenet.handlers.policy.rules import NotStated, Stated

TODAY = date(2026, 11, 21)

# The 88 questions of the state's page whose answers a machine can use, as its transcription marks them; and
# three follow-ups that hold what the question before them only announces.
USABLE = """
B1 B2 C3 D1 D3 D4 D5 D6 D7 E1 E2 E3 F2 F2.1 F3 F3.1 F4 F4.1 F5 F6 F6.1 F6.2 F7 F9 F10 F11.1 F13 F17
F17.1 F17.2 F19 F20 G2 G3 G4 G5 G8 G8.2 G9 G10 G13 G14 G15 G17 G18 H2 H4 H16 I1 I4 I4.1 I4.2 I4.3
I4.4 I7 I8 I9 I10 I11 J2.1 J5 J5.1 J5.2 J5.7 J5.8 J5.18 J11 J12 J31.1 J35 J35.1 J36 J36.2 J38 J38.2
J39 K1 K5.1 K9 L1.1 L3.1 L5 L6 M2.4 N1 N2 N3 N4
""".split()  # noqa: SIM905 - 88 names read better as text
FOLLOW_UPS = ["D4.1", "F7.1", "F9.1"]


def minnesota() -> Profile:
    return load_profile("27")


def lettered() -> Questionnaire:
    return questionnaires()["lettered"]


def test_the_page_has_319_questions_of_which_78_are_blank() -> None:
    placed = [said for said in minnesota().said if said.place]
    assert [said.place for said in placed] == [place.place for place in lettered().question]
    assert len(placed) == 319
    assert sum(said.answer is None for said in placed) == 78


def test_its_lines_rise_with_its_questions() -> None:
    lines = [said.line or 0 for said in minnesota().said if said.place]
    assert lines == sorted(lines)
    assert (lines[0], lines[-1]) == (13, 687)


def test_the_88_usable_questions_have_rules_and_no_others() -> None:
    assert len(USABLE) == 88
    with_rules = {place.place for place in lettered().question if place.rules}
    assert with_rules == {*USABLE, *FOLLOW_UPS}


def test_every_rule_that_has_a_place_is_answered_or_blank() -> None:
    placed = {rule for place in lettered().question for rule in place.rules}
    assert set(minnesota().answers) == placed


def test_a_blank_question_gives_no_rule_a_value() -> None:
    blank = {said.place for said in minnesota().said if said.place and said.answer is None}
    rules = [rule for place in lettered().question if place.place in blank for rule in place.rules]
    assert sorted(rules) == ["sends_grint", "sends_gstai"]
    for rule in rules:
        assert isinstance(minnesota().answer(rule, TODAY), NotStated)


def test_a_headings_blank_is_no_answer_either() -> None:
    headings = {place.place for place in lettered().question if place.heading}
    assert headings == {"J1", "J17", "K4", "M1"}
    assert all(said.answer is None for said in minnesota().said if said.place in headings)


def test_every_rule_cites_its_question() -> None:
    for rule, rows in minnesota().answers.items():
        (place,) = lettered().places_of(rule)
        assert any(row.citation.startswith(f"IRG Minnesota, question {place.place}") for row in rows)


def test_the_contradiction_on_renewal_is_kept_and_flagged() -> None:
    assert minnesota().contradictions(TODAY) == (("dormancy_revival", "judgment_renewable"),)
    renewable = minnesota().answer("judgment_renewable", TODAY)
    revival = minnesota().answer("dormancy_revival", TODAY)
    assert isinstance(renewable, Stated)
    assert isinstance(revival, Stated)
    assert (renewable.value, revival.value) == (True, False)
    for said in (renewable, revival):
        assert "a person must decide" in said.why.text


def test_the_rates_for_arrears_and_adjudicated_arrears_and_the_rate_table_agree() -> None:
    table = [(rate.start, rate.end, rate.annual_percent) for rate in minnesota().interest_rates()]
    for rule in ("interest_rate_annual_percent", "interest_rate_adjudicated_percent"):
        rows = minnesota().answers[rule]
        assert [(row.since, row.until, Decimal(row.value)) for row in rows] == table


def test_money_and_percentages_are_decimals() -> None:
    for rule in minnesota().answers:
        if questions()[rule].kind in ("money", "percent", "decimal"):
            said = minnesota().answer(rule, TODAY)
            assert isinstance(said, Stated)
            assert isinstance(said.value, Decimal)
