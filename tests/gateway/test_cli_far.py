"""Codes and charts told to people, examples to fill in, synthetic traffic, and the measurement of speed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from csenet.codecs import transaction
from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.transaction import Direction
from csenet.gateway.cli import main
from csenet.gateway.cli.far import facts, lines


def invoke(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin, prog_name="csenet")


def test_a_code_is_explained_with_its_rule_under_both_numbers() -> None:
    told = invoke("far", "msc", "p", "gsc17").stdout
    assert "Sent by        the initiating state" in told
    assert "Within         10 working days (45 CFR 303.7(d)(9))" in told
    assert "Answer         MSC P GSC18 – " in told
    assert "45 CFR 303.7(c)(12) (cited as 45 CFR 303.7(d)(12))" in told
    assert "Case-Status = C" in told


def test_a_closure_tells_its_ground_and_that_the_time_has_changed() -> None:
    told = invoke("far", "MSC", "P", "GSC05").stdout
    assert "45 CFR 303.11(b)(7)(i) (cited as 45 CFR 303.11(b)(4)(i))" in told
    assert "three years became two" in told


def test_a_code_without_a_rule_of_its_own_names_none() -> None:
    assert "rule" not in json.loads(invoke("far", "CSI", "P", "FUINF", "--json").stdout)


@pytest.mark.parametrize("code", list(VALID), ids=str)
def test_every_valid_code_can_be_explained(code: FarCode) -> None:
    found = facts(code)
    assert found["receiver"]
    assert "{" not in found["says"]
    assert lines(found)[0].startswith(str(code))


def test_the_list_holds_the_core_codes_or_all() -> None:
    assert len(json.loads(invoke("far", "--json").stdout)) == 104
    assert len(json.loads(invoke("far", "--all", "--json").stdout)) == 186
    assert "LO1 R BLANK" in invoke("far").stdout


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (("MSC",), "function, action and reason"),
        (("MSC", "X", "GSC17"), "there is MSC P GSC17"),
        (("MSC", "P", "ZZZZZ"), "csenet far --all"),
    ],
)
def test_a_code_that_is_none_ends_with_2_and_a_hint(code: tuple[str, ...], told: str) -> None:
    result = invoke("far", *code)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_a_chart_is_printed_with_positions_and_meanings() -> None:
    told = " ".join(invoke("layout", "order").stdout.split())
    assert "chart C-9), 254 positions" in told
    assert "34-35 code always Debt-Type CS – Child support" in told
    assert invoke("layout", "participants").exit_code == 0
    assert "C-12" in invoke("layout").stdout
    chart = json.loads(invoke("layout", "ncp-locate", "--json").stdout)
    assert chart["fields"][-1]["last"] == chart["length"] == 1421
    assert len(json.loads(invoke("layout", "--json").stdout)) == 10


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_longer_than_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    charts = [chart["name"] for chart in json.loads(invoke("layout", "--json").stdout)]
    told = [invoke("layout", name).stdout for name in charts]
    told += [invoke("far", str(code)).stdout for code, row in VALID.items() if row.core]
    assert max(len(line) for text in told for line in text.splitlines()) <= width


def test_a_chart_that_does_not_exist_ends_with_2() -> None:
    result = invoke("layout", "nope")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "ncp_locate" in result.stderr


def test_a_template_can_be_encoded_as_it_stands() -> None:
    made = invoke("template", "MSC P GSC17", "--date", "2027-01-05")
    obj = json.loads(made.stdout)
    assert obj["header"]["transaction_date"] == "2027-01-05"
    flat = invoke("encode", "-", "--direction", "to-server", stdin=json.dumps(obj))
    assert flat.exit_code == 0
    assert flat.stdout_bytes[33:37] == b"PMSC"
    assert "participants" in json.loads(invoke("template", "MSC", "P", "GSC17", "--recommended").stdout)
    assert invoke("template", "MSC P NONE").exit_code == 2


def test_traffic_is_written_in_both_forms_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    flat = invoke("generate", "--count", "4", "--seed", "7", "--direction", "from-server").stdout_bytes
    target = tmp_path / "traffic.jsonl"
    written = invoke(
        "generate", "--count", "4", "--seed", "7", "--direction", "from-server", "--form", "json",
        "--output", str(target),
    )  # fmt: skip
    assert written.exit_code == 0
    values = [transaction.from_json(json.loads(line)) for line in target.read_text("utf-8").splitlines()]
    raws = flat.splitlines()
    assert [transaction.read(raw, Direction.FROM_SERVER).transaction for raw in raws] == values
    assert len(raws) == 4


@pytest.mark.parametrize("direction", ["to-server", "from-server"])
@pytest.mark.parametrize(
    "form", [("xml",), ("flat", "--framing", "stream"), ("flat", "--framing", "bdw", "--encoding", "cp037")]
)
def test_traffic_of_any_form_is_valid(form: tuple[str, ...], direction: str, tmp_path: Path) -> None:
    target = str(tmp_path / "traffic")
    asked = ("--count", "5", "--direction", direction, "--output", target, "--form", *form)
    assert invoke("generate", *asked).exit_code == 0
    result = invoke("validate", target, "--today", "2026-11-21")
    assert result.stdout == f"{target}: 5 transactions, 0 unreadable, 0 errors, 0 warnings\n"


def test_a_framing_belongs_to_the_flat_form() -> None:
    result = invoke("generate", "--form", "json", "--framing", "bdw")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--form flat" in result.stderr


@pytest.mark.parametrize("wrong", [("--mix", "nonsense"), ("--state", "99")])
def test_traffic_that_cannot_be_made_ends_with_2(wrong: tuple[str, str]) -> None:
    result = invoke("generate", *wrong)
    assert (result.exit_code, result.stdout) == (2, "")
    assert wrong[0] in result.stderr
