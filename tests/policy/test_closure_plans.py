"""Plans for closing a case, checked against the regulation and the calendar."""

from decimal import Decimal
from typing import Any

import pytest

from csenet.handlers.policy.closure import (
    ClosingFacts,
    Plan,
    PlanError,
    Step,
    UnknownClosureError,
    closures,
    criteria,
    criterion_of,
    plan,
)


def facts_of(case: dict[str, Any]) -> ClosingFacts:
    facts = dict(case["facts"])
    if "arrears" in facts:
        facts["arrears"] = Decimal(facts["arrears"])
    return ClosingFacts(**facts)


def made(case: dict[str, Any]) -> Plan:
    return plan(facts_of(case), case["ground"], case["day"])


def step(said: Plan, kind: str) -> Step | None:
    return next((each for each in said.steps if each.kind == kind), None)


def test_a_case_is_closed_as_the_regulation_says(closing_case: dict[str, Any]) -> None:
    said = made(closing_case)
    assert said.closing == closing_case["closing"]
    if "code" in closing_case:
        tell = step(said, "tell")
        assert tell is not None
        assert tell.code == closing_case["code"]
        assert said.code == closing_case["code"].removeprefix("MSC P ")
        assert tell.latest == closing_case.get("told_by")
    else:
        assert said.code == closing_case["code_for"]
        assert said.steps == ()
    assert (
        [closing_case["stops"]] == [why.rule for why in said.reasons[1:]] if "stops" in closing_case else True
    )
    assert closing_case.get("asks", "") in " ".join(said.questions)
    assert bool(said.questions) is ("asks" in closing_case)


def test_its_steps_have_the_days_counted_by_hand(closing_case: dict[str, Any]) -> None:
    said = made(closing_case)
    close = step(said, "close")
    assert (close.earliest if close else None) == closing_case.get("earliest")
    act = step(said, "act")
    assert (act.latest if act else None) == closing_case.get("act_by")
    if "notice_code" in closing_case:
        notice = step(said, "notice")
        assert notice is not None
        assert (notice.code, notice.action_resolution_date) == (
            closing_case["notice_code"],
            closing_case["notice_says"],
        )
    if "receiver" in closing_case:
        receiver = step(said, "receiver")
        assert receiver is not None
        assert receiver.code == closing_case["receiver_answers"]
        assert f"The responding state {closing_case['receiver']} close" in receiver.text


def test_what_cannot_be_planned_says_why(refused_plan: dict[str, Any]) -> None:
    with pytest.raises(PlanError) as caught:
        made(refused_plan)
    assert refused_plan["because"] in str(caught.value)


def test_every_step_has_a_reason_with_a_paragraph(closing_case: dict[str, Any]) -> None:
    said = made(closing_case)
    assert all(each.why.citation for each in said.steps)
    assert {each.why for each in said.steps} <= set(said.reasons)


def test_records_are_kept_for_three_years_from_the_closure() -> None:
    case = {"facts": {"state": "27", "role": "initiating"}, "ground": "GSC09", "day": criteria_day()}
    kept = step(made(case), "keep_records")
    assert kept is not None
    assert kept.latest == criteria_day().replace(year=2029)


def criteria_day() -> Any:
    from datetime import date

    return date(2026, 11, 20)


NO_NOTICE = ("(b)(11)", "(b)(12)", "(b)(14)", "(b)(18)", "(b)(19)", "(b)(20)")


def test_the_grounds_without_notice_are_those_the_regulation_leaves_out() -> None:
    found = {row.paragraph for row in criteria() if row.paragraph.startswith("303.11(b)") and not row.notice}
    assert found == {f"303.11{paragraph}" for paragraph in NO_NOTICE}


def test_no_ground_without_a_code_is_ever_told_by_another_grounds_code() -> None:
    for row in criteria():
        if row.code or row.told_as:
            continue
        for role in ("initiating", "responding"):
            facts = ClosingFacts(state="27", role=role, search_began_on=criteria_day())
            said = plan(facts, row.paragraph, criteria_day())
            assert said.code == ""
            assert not [each.code for each in said.steps if each.code]
            assert "closure_without_code_is_told_in_words" in {why.rule for why in said.reasons}


def test_every_code_and_every_paragraph_finds_its_ground() -> None:
    for row in criteria():
        assert criterion_of(row.paragraph) is row
        assert criterion_of(row.citation) is row
    assert all(criterion_of(code) is row for code, row in closures().items())
    assert criterion_of("(b)(4)").code == "GSC03"


@pytest.mark.parametrize("name", ["", "GSC99", "303.11(b)(22)", "(x)"])
def test_an_unknown_ground_is_refused(name: str) -> None:
    with pytest.raises(UnknownClosureError):
        criterion_of(name)
