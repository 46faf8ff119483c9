"""The closure map, checked against the regulation's paragraphs and the chart of codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.closure import UnknownClosureError, closure, closures, load_criteria, without_code
from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.deadlines import duty_of


def test_a_code_leads_to_what_the_regulation_says(closure_case: dict[str, Any]) -> None:
    row = closure(closure_case["code"])
    assert row.sender == closure_case["sender"]
    assert row.citation == f"45 CFR {closure_case['paragraph']}"
    assert row.cited_in_spec == closure_case["paragraph_in_documents"]
    assert row.answer == closure_case["answer"]
    assert row.closes_sender is closure_case["closes_sender"]
    assert row.closes_receiver == closure_case["closes_receiver"]
    notice = duty_of(row.notice).limits[-1].number if row.notice else 0
    assert notice == closure_case["notice_days"]


def test_every_code_is_covered_by_a_case(cases: Callable[[str], dict[str, Any]]) -> None:
    assert sorted(closures()) == sorted(case["code"] for case in cases("closure.toml")["case"])


def test_criteria_without_a_code_say_so(cases: Callable[[str], dict[str, Any]]) -> None:
    found = [row.citation.removeprefix("45 CFR ") for row in without_code()]
    assert found == cases("closure.toml")["without_code"]
    assert [row.citation for row in without_code() if row.mandatory] == ["45 CFR 303.11(c)"]


@pytest.mark.parametrize(
    ("code", "duty"), [("GSC17", "RS7"), ("GSC15", "RS11"), ("GSC11", "RS10"), ("GSC14", "RS9")]
)
def test_a_code_names_the_receivers_duty(code: str, duty: str) -> None:
    assert closure(code).duty == duty


def test_a_criterion_is_a_reason() -> None:
    why = closure("GSC03").why()
    assert (why.citation, why.cited_in_spec, why.value) == ("45 CFR 303.11(b)(4)", "303.11(b)(2)", "GSC03")


def test_a_reason_that_closes_nothing_is_refused() -> None:
    with pytest.raises(UnknownClosureError, match="'GSPUD'"):
        closure("GSPUD")


def test_a_wrong_closure_map_is_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    text = """
[[criterion]]
code = "GSC02"
text = ""
citation = "c"
notice = "CL99"
answer = "GSC99"
"""
    with pytest.raises(PolicyError) as caught:
        load_criteria(table(text))
    assert caught.value.problems == (
        "criterion[1] GSC02.text: is missing",
        "criterion[1] GSC02.sender: goes with a code, and only with one",
        "criterion[1] GSC02.notice: no such duty in deadlines.toml",
        "criterion[1] GSC02.answer: 'GSC99' is no closure code",
    )
