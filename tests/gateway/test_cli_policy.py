"""Questions to the policy tables on the command line: answers, JSON, exit codes, file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from csenet.gateway.cli import main
from csenet.gateway.cli.policy_lines import Places

FIXTURES = Path(__file__).parents[2] / "fixtures"
GRINT = str(FIXTURES / "transactions" / "msc-r-grint.from-server.txt")


def ask(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], input=stdin, prog_name="csenet")


def told(*arguments: str) -> Any:
    result = ask(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_duty_is_shown_with_its_limit_paragraph_and_codes() -> None:
    text = ask("show", "RS7", "--on", "2026-11-21").stdout
    for piece in ("10 working days", "45 CFR 303.7(d)(9)", "from 2011-01-03", "MSC P GSC18"):
        assert piece in text


def test_a_default_of_ours_is_marked_as_such() -> None:
    assert "our default" in ask("show", "IN4").stdout
    assert "our default" not in ask("show", "RS7").stdout


def test_a_question_is_shown_with_the_state_s_answer_or_as_not_stated() -> None:
    assert "IRG Minnesota, question N1" in ask("show", "N1", "--state", "MN").stdout
    assert "not stated" in ask("show", "F19", "--state", "MN").stdout
    assert "not stated" in ask("show", "N1", "--state", "KS").stdout


def test_an_old_paragraph_says_where_it_stands_today() -> None:
    text = ask("show", "303.11(b)(12)").stdout
    assert text.startswith("303.11(b)(12) in the CSENet documents is today 303.11(b)(17)")
    assert "a misprint for 303.7(c)(12)" in ask("show", "303.7(d)(12)").stdout


def test_a_rule_is_shown_as_of_a_day() -> None:
    (old,) = told("show", "CL3", "--on", "2017-01-18")
    (new,) = told("show", "CL3", "--on", "2017-01-19")
    assert (old["in_force"]["value"], new["in_force"]["value"]) == ("3 years", "2 years")
    (none,) = told("show", "RS7", "--on", "2011-01-02")
    assert none["in_force"] is None


def test_without_a_name_everything_is_listed() -> None:
    listed = {entry["entry"]["id"] for entry in told("show", "--state", "27")}
    assert {"RS7", "closure.GSC17", "sends_gsc15", "interest_rate"} <= listed
    assert "closure.GSC17" in ask("show").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "NOPE"), "NOPE: no rule"),
        (("show", "RS7", "--state", "XX"), "'XX' is neither"),
        (("deadlines", "--for", "MSC P NOPE", "--received", "2026-12-23"), "no combination"),
        (("deadlines", "--for", "x", "--received", "2026-12-23"), "is not a code"),
        (("explain", "no-such-file"), "cannot be read"),
    ],
)
def test_what_cannot_be_answered_ends_with_2(arguments: tuple[str, ...], said: str) -> None:
    result = ask(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr


def test_a_transaction_opens_its_duties_with_paragraph_and_day() -> None:
    answer = told("deadlines", "--for", "MSC P GSC17", "--received", "2026-12-23", "--state", "MN")
    (stop,) = answer["opens"]
    assert (stop["duty"], stop["due"]) == ("RS7", "2027-01-08")
    assert stop["why"]["citation"] == "45 CFR 303.7(d)(9)"
    table = ask("deadlines", "--for", "MSC P GSC17", "--received", "2026-12-23").stdout
    assert "2027-01-08" in table


def test_the_state_s_holidays_count() -> None:
    answer = told("deadlines", "--for", "MSC P GSC17", "--received", "2026-12-23", "--state", "KS")
    assert answer["opens"][0]["due"] == "2027-01-11"


def test_after_the_close_of_business_counts_as_the_next_working_day() -> None:
    late = ("--for", "MSC P GSC17", "--received", "2026-12-23T17:05")
    assert told("deadlines", *late)["opens"][0]["due"] == "2027-01-08"
    closed = told("deadlines", *late, "--closes", "16:30")
    assert (closed["received_on"], closed["opens"][0]["due"]) == ("2026-12-24", "2027-01-11")
    assert "2026-12-24" in ask("deadlines", *late, "--closes", "16:30").stdout


def test_a_duty_that_starts_later_has_no_day_and_a_code_without_duties_says_so() -> None:
    answer = told("deadlines", "--for", "ENF R ERALL", "--received", "2026-12-23")
    assert {each["duty"]: each["due"] for each in answer["opens"]}["RS1"] is None
    assert "later" in ask("deadlines", "--for", "ENF R ERALL", "--received", "2026-12-23").stdout
    assert "No duty" in ask("deadlines", "--for", "MSC P GSPUD", "--received", "2026-12-23").stdout


def test_what_changed_is_listed_with_both_citations() -> None:
    answer = told("diff", "--from", "2017-01-18", "--to", "2017-01-19")
    changed = {change["id"]: change for change in answer["changes"]}
    assert changed["CL4"]["before"]["value"] == "1 year"
    assert changed["CL4"]["after"]["value"] == "6 months"
    assert "3 years" in ask("diff", "--from", "2017-01-18", "--to", "2017-01-19").stdout
    assert "none" in ask("diff", "--from", "2026-01-01", "--to", "2026-01-02").stdout


def test_what_states_changed_for_themselves_is_listed_with_the_state() -> None:
    changes = told("diff", "--from", "2022-07-31", "--to", "2022-08-01")["changes"]
    rate = next(each for each in changes if each["id"] == "interest_rate_annual_percent")
    assert (rate["state"], rate["before"]["value"], rate["after"]["value"]) == ("MN", "4 %", "0 %")
    assert {each["state"] for each in changes} == {"MN"}
    assert told("diff", "--from", "2022-07-31", "--to", "2022-08-01", "--state", "MN")["changes"] == changes
    assert told("diff", "--from", "2022-07-31", "--to", "2022-08-01", "--state", "WY")["changes"] == []
    federal = ask("diff", "--from", "2017-01-18", "--to", "2017-01-19").stdout
    assert "all" in next(line for line in federal.splitlines() if " CL4 " in line).split()


def replayed() -> str:
    result = CliRunner().invoke(
        main, ["replay", GRINT, "--facts", "-", "--today", "2026-11-21"], input="{}", prog_name="csenet"
    )
    assert result.exit_code == 0
    return result.stdout


def test_a_decision_is_explained_reason_by_reason() -> None:
    result = ask("explain", "-", stdin=replayed())
    assert result.exit_code == 0
    assert "unknown_case_is_rejected" in result.stdout
    assert "CSENet interface guidance, usage of MSC P REJCT" in result.stdout
    (document,) = json.loads(ask("explain", "-", "--json", stdin=replayed()).stdout)
    assert document["far"] == "MSC R GRINT"
    assert all(why["known"] for why in document["reasons"])


def test_a_bare_decision_and_a_list_are_explained_as_well() -> None:
    decision = json.loads(replayed())["decision"]
    for given in (json.dumps(decision), json.dumps([decision]), json.dumps({"decision": decision}, indent=1)):
        assert "unknown_case_is_rejected" in ask("explain", "-", stdin=given).stdout


def test_a_reason_that_no_table_has_ends_with_1() -> None:
    why = {"rule": "made_up", "text": "t", "citation": "c"}
    result = ask("explain", "-", stdin=json.dumps({"reasons": [why]}))
    assert result.exit_code == 1
    assert "made_up: no policy table has this rule" in result.stderr


@pytest.mark.parametrize("given", ["{", "[1]", '{"a": 1}', "1\n2\n"])
def test_what_is_no_decision_ends_with_2(given: str) -> None:
    assert ask("explain", "-", stdin=given).exit_code == 2


def test_the_tables_that_come_with_the_gateway_have_no_faults() -> None:
    result = ask("lint")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "0 problems" in result.stdout


DUTY = '[[duty]]\nid = "X"\nwho = "w"\nstarts = "s"\ntext = "t"\ncitation = "c"\n'
LIMIT = '[[duty.limits]]\nnumber = 1\nunit = "months"\ncitation = "c"\ntext = "t"\n'
RULE = '[[rule]]\nid = "r"\nkind = "integer"\n'
ROW = '[[rule.rows]]\nvalue = 1\ncitation = "c"\ntext = "t"\n'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (DUTY.replace('"c"', '""'), 6, "citation: is missing"),
        (DUTY + "\n" + DUTY, 8, "stands twice"),
        (DUTY + LIMIT + "colour = 1\n", 12, "unknown field `colour`"),
        (DUTY + LIMIT.replace("1", "-1"), 8, "must not be negative"),
        (DUTY + LIMIT + "since = 2020-01-01\nuntil = 2019-01-01\n", 13, "is before since"),
        (RULE + ROW + "until = 2020-01-01\n" + ROW + "since = 2020-01-03\n", 4, "nothing is stated between"),
        (RULE + ROW + ROW, 4, "overlaps"),
        (RULE + ROW.replace('"c"', '""'), 6, "citation: is missing"),
        (DUTY + 'opened_by = ["MSC P NOPE"]\n', 7, "no transaction is called 'MSC P NOPE'"),
        ("x = 1\n", 1, "none of the keys"),
        ("a = 1\nb = = 2\n", 2, "is not TOML"),
        (
            '[[agreement]]\npartner = "99"\nallowed = true\ncitation = "c"\ntext = "t"\n',
            2,
            "not the FIPS code of a jurisdiction",
        ),
    ],
)
def test_a_fault_is_told_with_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text, "utf-8")
    result = ask("lint", str(path))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{path}:{line}: ")
    assert said in result.stderr
    (fault,) = json.loads(ask("lint", str(path), "--json").stdout)
    assert (fault["file"], fault["line"]) == (str(path), line)


def test_keys_in_texts_of_several_lines_are_not_taken_for_keys() -> None:
    places = Places('[[duty]]\nid = """\nwho = 1\n"""\nwho = "w"\n')
    assert places.line_of("duty[1].who: is missing") == 5


def test_a_problem_that_names_no_place_is_put_at_the_first_line() -> None:
    assert Places("[[duty]]\nid = 'X'\n").line_of("something else is wrong") == 1
