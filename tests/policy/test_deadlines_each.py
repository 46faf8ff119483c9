"""Every duty with a clock on both sides of its last day, and what each transaction opens."""

import tomllib
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from csenet.codecs.codes import VALID
from csenet.handlers.policy.closure import closures
from csenet.handlers.policy.dated import in_force
from csenet.handlers.policy.deadlines import duties, judge, opened_by
from csenet.handlers.policy.working_days import Calendar

FILE = Path(__file__).parents[2] / "fixtures" / "policy" / "deadlines_each.toml"
EACH = tomllib.loads(FILE.read_text("utf-8"))["duty"]
CASES = [(row["id"], case) for row in EACH for case in row["case"]]
MINNESOTA = Calendar("27")
TODAY = date(2026, 11, 20)
CODES = [str(code) for code in VALID]


@pytest.mark.parametrize(("duty", "case"), CASES, ids=[f"{duty} {case['name']}" for duty, case in CASES])
def test_an_act_keeps_the_time_or_not(duty: str, case: dict[str, Any]) -> None:
    said = judge(duty, case["start"], case["done"], Calendar(case["state"]))
    assert said.in_time is case["in_time" if "in_time" in case else "allowed"]


@pytest.mark.parametrize("row", EACH, ids=[row["id"] for row in EACH])
def test_the_time_is_the_one_written_down(row: dict[str, Any]) -> None:
    limit = in_force(duties()[row["id"]].limits, TODAY)
    assert limit is not None
    assert (limit.span, limit.ours) == (row["time"], row["ours"])


def test_every_duty_with_a_clock_has_cases_on_both_sides() -> None:
    both = {
        row["id"]
        for row in EACH
        if {c.get("in_time", c.get("allowed")) for c in row["case"]} == {True, False}
    }
    assert both == {duty for duty, row in duties().items() if row.limits}
    assert len(duties()) == 63


@pytest.mark.parametrize(
    ("duty", "clock"),
    [("RS7", "deadline"), ("RS9", "waiting"), ("CL1", "waiting"), ("CSI2", "waiting"), ("CL7", "retention")],
)
def test_a_duty_says_what_its_last_day_means(duty: str, clock: str) -> None:
    assert duties()[duty].clock == clock


@pytest.mark.parametrize(
    ("far", "opens", "later"),
    [
        ("MSC P GSC17", ["RS7"], []),
        ("MSC P GSC15", ["RS11"], []),
        ("MSC P GSC11", ["RS10"], []),
        ("MSC P GSC14", ["RS9"], []),
        ("MSC R GRINT", ["IN4"], []),
        ("MSC R GRUPD", ["CR3"], []),
        ("ENF A AADIN", ["IN3"], []),
        ("ENF R ERALL", ["CR1", "CR2"], ["RS1"]),
        ("EST R SRORD", ["CR1", "CR2"], ["RS1", "ES1"]),
        ("PAT R BLANK", ["CR1", "CR2"], ["RS1", "ES1"]),
        ("EST R SRADJ", ["RV1"], []),
        ("ENF R ERTXR", ["TX3"], []),
        ("LO1 R BLANK", ["AN5", "LO1"], []),
        ("LO1 P LSEMP", ["IW1"], []),
        ("CSI R FRINF", ["CSI1"], []),
        ("MSC P GSPUD", [], []),
    ],
)
def test_a_transaction_opens_the_duties_the_law_names(far: str, opens: list[str], later: list[str]) -> None:
    found = opened_by(far, TODAY, MINNESOTA)
    assert [each.duty.id for each in found if each.due is not None] == opens
    assert [each.duty.id for each in found if each.due is None] == later


def test_a_duty_opened_by_a_transaction_falls_due_from_its_receipt() -> None:
    (stop,) = opened_by("MSC P GSC17", date(2026, 12, 23), MINNESOTA)
    assert stop.due is not None
    assert stop.due.date == date(2027, 1, 8)


def test_before_the_paragraph_took_effect_a_duty_is_named_without_a_day() -> None:
    (stop,) = opened_by("MSC P GSC17", date(2011, 1, 2), MINNESOTA)
    assert stop.due is None


def test_every_code_a_duty_names_is_one_that_states_can_send() -> None:
    for row in duties().values():
        for pattern in (*row.opened_by, *row.leads_from, *row.answered_by):
            assert any(fnmatchcase(code, pattern) for code in CODES), (row.id, pattern)


def test_closure_codes_open_the_duty_that_the_closure_map_names() -> None:
    for code, row in closures().items():
        opened = [each.duty.id for each in opened_by(f"MSC P {code}", TODAY, MINNESOTA)]
        assert opened == ([row.duty] if row.duty else [])


def test_a_new_referral_is_every_request_that_opens_a_case_and_no_other() -> None:
    requests = {code for code in CODES if code[:5] in ("ENF R", "EST R", "PAT R")}
    opened = {code for code in requests if any(o.duty.id == "CR1" for o in opened_by(code, TODAY, MINNESOTA))}
    assert requests - opened == {"ENF R ERTXR", "ENF R ERSTA", "EST R SRADJ"}
