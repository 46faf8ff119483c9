"""csenet policy interest: statements, questions and refusals as a worker meets them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from csenet.gateway.cli.policy_interest import interest

FACTS = Path(__file__).parents[2] / "fixtures" / "policy" / "facts"
LEDGER, ACCOUNT = str(FACTS / "ledger.json"), str(FACTS / "account.json")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command in an empty folder, on a file or on facts written to one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CSENET_CONFIG", raising=False)

    def call(facts: object, as_of: str, *options: str) -> Result:
        name = facts
        if not isinstance(facts, str):
            name = "facts.json"
            Path(name).write_text(json.dumps(facts), "utf-8")
        return CliRunner().invoke(interest, ["--facts", str(name), "--as-of", as_of, *options])

    return call


def test_a_ledger_is_stated_as_the_gateway_tells_it(run: Any) -> None:
    # 1 May: 2 May to 10 June, 40 days; 1 June: 60 days; 1 July: 30 days; 130 x 0.04 = 5.20.
    said = run(LEDGER, "2022-07-31", "--state", "MN")
    assert said.exit_code == 0
    assert "Support owed under the law of Minnesota, through 2022-07-31" in said.stdout
    for name, amount in (("principal", "730.00"), ("interest", "5.20"), ("total", "735.20")):
        assert any(line.split() == [name, amount] for line in said.stdout.splitlines())
    assert said.stderr == ""


CASES = str(FACTS.parents[1] / "facts" / "minnesota.json")


@pytest.mark.parametrize("options", [(), ("--case", "001234567801")])
def test_facts_as_replay_takes_them_are_stated_for_their_only_case(
    run: Any, options: tuple[str, ...]
) -> None:
    # 2021-08-01 to 2022-07-31 at 4 % of 1000.00: 40.00; from 2022-08-01 the rate is 0.
    said = run(CASES, "2026-11-21", "--state", "MN", "--json", *options)
    assert said.exit_code == 0
    told = json.loads(said.stdout)
    assert (told["principal"], told["interest"]) == ("1200.00", "40.00")


@pytest.mark.parametrize(
    ("cases", "options", "reason"),
    [
        ({"A": {}, "B": {}}, (), "holds 2 cases: name one with --case"),
        ({"A": {}}, ("--case", "B"), "has no case of that ID"),
        ({"ledger": {}}, ("--case", "B"), "holds no cases by their IDs, so --case names nothing"),
        ({}, (), "role: is required"),
        ({"A": {}}, ("--case", "A"), "role: is required"),
    ],
)
def test_a_case_that_cannot_be_told_is_a_refusal(
    run: Any, cases: dict[str, Any], options: tuple[str, ...], reason: str
) -> None:
    said = run(cases, "2022-07-31", "--state", "MN", *options)
    assert said.exit_code == 2
    assert reason in said.stderr


def test_under_all_terms_the_ledger_has_grace(run: Any) -> None:
    # 11 June pays June; May alone is past due to 1 July, within grace; from 2 July 730.00: 30 x 0.08 = 2.40,
    # and before, from 2 to 10 June, 9 x 0.08 = 0.72.
    said = run(LEDGER, "2022-07-31", "--state", "27", "--all-terms", "--json")
    assert json.loads(said.stdout)["interest"] == "3.12"


def test_an_account_is_stated_under_the_state_it_names(run: Any) -> None:
    said = run(ACCOUNT, "2022-07-31", "--json")
    assert said.exit_code == 0
    told = json.loads(said.stdout)
    # Judgment: 3664 x 0.08 = 293.12; 595 x 37 x 4 % / 365 = 2.4126; 295 x 103 x 4 % / 365 = 3.3299: 298.86.
    # Paybacks of 73 earn 0.8 cents a day: 180 + 152 + 121 + 91 + 60 + 30 = 634 days: 5.07.
    assert {debt["debt"]: debt["interest"] for debt in told["debts"]} == {
        "child support": "16.09",
        "before the order": "5.07",
        "judgment": "298.86",
        "fees": "0.00",
    }
    assert (told["principal"], told["fees"], told["balance"]) == ("2420.00", "25.00", "2765.02")


def test_explain_shows_the_arithmetic_the_rounding_and_the_reasons(run: Any) -> None:
    said = run(ACCOUNT, "2022-07-31", "--explain").stdout
    for piece in (
        "595.00 x 4 % x 37 days / 365",
        "365.00 past due is not more than 365.00, the current support of one month",
        "sum 5.072000, rounded half up once",
        "-0.002000",
        "judgment of 2012-03-01 for 730.00: 2032-02-15",
        "current support under order A ends: 2022-06-03",
        "federal_offset",
        "Minn. Stat. 548.091, subd. 1a",
        "(our default)",
        "taken back on 2022-02-21",
    ):
        assert piece in said


def test_credit_months_and_paid_interest_are_explained(run: Any) -> None:
    instalments = [{"due": "2021-01-01", "amount": "365.00"}, {"due": "2021-02-01", "amount": "365.00"}]
    order = {"id": "A", "debts": [{"id": "CS", "instalments": instalments}], "support_ends": "2030-01-01"}
    payments = [{"date": "2021-02-12", "amount": "800.00"}]
    said = run({"account": {"orders": [order], "payments": payments}}, "2021-02-28", "--explain").stdout
    assert any("paid" in line and "-0.80" in line for line in said.splitlines())
    assert any("credit" in line and "69.20" in line for line in said.splitlines())
    assert "current support under order A ends: 2030-01-01" in said


def test_what_is_not_stated_ends_as_the_question_and_exit_1(run: Any) -> None:
    said = run(LEDGER, "2022-07-31", "--state", "KS")
    assert said.exit_code == 1
    assert said.stdout == ""
    assert "what yearly rate of interest holds on 2022-05-02" in said.stderr
    as_json = run(LEDGER, "2022-07-31", "--state", "KS", "--json")
    assert json.loads(as_json.stdout)["not_stated"]["rule"] == "interest_rate"


def test_a_ledger_alone_will_do_and_without_a_state_the_choice_is_said_aloud(run: Any) -> None:
    said = run(
        {"ledger": {"obligations": [{"due": "2022-07-01", "amount": "365.00"}]}}, "2022-07-31", "--json"
    )
    assert json.loads(said.stdout)["total"] == "366.20"
    assert "computed under the law of MN" in said.stderr


def test_the_state_of_the_settings_is_taken_where_nothing_else_names_one(run: Any) -> None:
    settings = '[gateway]\njurisdiction = "20"\ndata_dir = "data"\n[delivery.folder]\npath = "out"\n'
    Path("gateway.toml").write_text(settings, "utf-8")
    said = run(LEDGER, "2022-07-31")
    assert said.exit_code == 1
    assert "Kansas" in said.stderr


def test_the_state_of_the_order_in_the_facts_is_taken(run: Any) -> None:
    facts = json.loads(Path(LEDGER).read_text("utf-8"))
    facts["orders"] = [{"order_fips_state": "20"}]
    said = run(facts, "2022-07-31")
    assert said.exit_code == 1
    assert "Kansas" in said.stderr


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"role": "initiating", "other_fips": "2000000"}, "holds neither a ledger nor an account"),
        ({"ledger": {}, "account": {"orders": []}}, "one of them is enough"),
        ({"ledger": {"payments": [{"date": "2021-01-01"}]}}, "ledger.payments[0].amount: is required"),
        ({"account": {"orders": [{"id": "A"}]}}, "orders[0].debts: is required"),
        ({"account": []}, "account: must be a JSON object"),
        ([], "must be a JSON object"),
        ({"account": {"state": "20", "orders": []}}, "name the states 20, 27"),
    ],
)
def test_facts_that_cannot_be_used_end_with_exit_2(run: Any, facts: object, problem: str) -> None:
    said = run(facts, "2022-07-31", "--state", "MN")
    assert said.exit_code == 2
    assert problem in said.stderr
    assert said.stdout == ""
