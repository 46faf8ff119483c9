"""When duties fall due, checked against the regulation and the calendar."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from csenet.handlers.policy.dated import PolicyError, in_force
from csenet.handlers.policy.deadlines import DutyError, due, duties, duty_of, load_duties
from csenet.handlers.policy.working_days import Calendar

TODAY = date(2026, 11, 20)


def test_a_duty_falls_due_on_the_day_counted_by_hand(deadline_case: dict[str, Any]) -> None:
    said = due(deadline_case["duty"], deadline_case["start"], Calendar(deadline_case["state"]))
    assert said.date == deadline_case["due"]
    assert said.duty == said.why.rule == deadline_case["duty"]
    assert said.why.ours is deadline_case["ours"]
    assert said.why.citation == deadline_case["citation"]
    assert said.date.isoformat() in said.why.text


def test_every_limit_is_the_one_the_law_sets(cases: Callable[[str], dict[str, Any]]) -> None:
    limits, found = cases("deadlines.toml")["limits"], {}
    for duty, row in duties().items():
        limit = in_force(row.limits, TODAY)
        found[duty] = limit.span if limit and not limit.ours else ""
    assert found == limits


def test_a_duty_the_law_gives_no_number_has_a_default_of_ours_or_no_clock(
    cases: Callable[[str], dict[str, Any]],
) -> None:
    file = cases("deadlines.toml")
    for duty, limit in file["limits"].items():
        if duty in file["without_limit"]:
            with pytest.raises(DutyError, match=f"'{duty}' has no limit"):
                due(duty, TODAY, Calendar("27"))
        else:
            assert due(duty, TODAY, Calendar("27")).why.ours is not bool(limit)


def test_a_reason_names_the_paragraph_of_the_documents() -> None:
    assert due("RS11", TODAY, Calendar("20")).why.cited_in_spec == "303.11(b)(14)"
    assert due("RS7", TODAY, Calendar("27")).why.cited_in_spec == "303.7(d)(9)"
    assert due("CR3", TODAY, Calendar("27")).why.cited_in_spec == ""


def test_a_day_before_the_paragraph_took_effect_has_no_limit() -> None:
    with pytest.raises(DutyError, match="2011-01-02"):
        due("RS7", date(2011, 1, 2), Calendar("27"))
    assert due("RS7", date(2011, 1, 3), Calendar("27")).why.since == date(2011, 1, 3)


def test_an_unknown_duty_is_refused() -> None:
    with pytest.raises(DutyError, match="'RS99'"):
        duty_of("RS99")


def test_a_wrong_table_of_duties_is_refused_by_file_and_key(table: Callable[..., Any]) -> None:
    head = '[[duty]]\nid = "X"\nwho = "w"\nstarts = "s"\ntext = ""\ncitation = "c"\n'
    limit = '[[duty.limits]]\nnumber = -1\nunit = "months"\ncitation = "c"\ntext = "t"\n'
    with pytest.raises(PolicyError) as caught:
        load_duties(table(head + limit + head))
    assert str(caught.value).splitlines() == [
        "table.toml: duty 'X': stands twice in table.toml",
        "table.toml: duty 'X'.text: is missing",
        "table.toml: duty 'X'.limits[1].number: must not be negative",
        "table.toml: duty 'X'.text: is missing",
    ]


def test_an_unknown_unit_is_refused_by_file_and_key(table: Callable[..., Any]) -> None:
    head = '[[duty]]\nid = "X"\nwho = "w"\nstarts = "s"\ntext = "t"\ncitation = "c"\n'
    limit = '[[duty.limits]]\nnumber = 1\nunit = "fortnights"\ncitation = "c"\ntext = "t"\n'
    with pytest.raises(PolicyError, match=r"table.toml: .*fortnights.*duty\[0\].limits\[0\].unit"):
        load_duties(table(head + limit))


def test_answers_are_written_function_first() -> None:
    functions = {"ENF", "EST", "PAT", "LO1", "CSI", "MSC", "COL", "*"}
    answers = [answer.split() for row in duties().values() for answer in row.answered_by]
    assert [answer for answer in answers if len(answer) != 3 or answer[0] not in functions] == []
