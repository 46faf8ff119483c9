"""csenet validate tells every problem with its place, ends with the right code, and takes any size."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from csenet.gateway import log
from csenet.gateway.cli import main
from csenet.gateway.cli import validate as module

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CHARTS = FIXTURES / "malformed" / "charts"
DAY = ("--today", "2026-11-21")


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    yield
    log.reset()


def validate(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["validate", *arguments, *DAY], input=stdin, prog_name="csenet")


def golden(name: str) -> bytes:
    return (FIXTURES / "transactions" / name).read_bytes()


def test_a_problem_is_one_line_with_place_field_columns_value_and_chart() -> None:
    file = str(CHARTS / "c-5-unknown-abbreviation.txt")
    result = validate(file)
    assert result.exit_code == 1
    first, last = result.stdout.splitlines()
    assert first == (
        f'{file}:1 (byte 191): error case.payment_state.state Payment-State columns 71-72 "XX": '
        "no state or territory has this abbreviation [Chart C-5]"
    )
    assert last == f"{file}: 1 transaction, 0 unreadable, 1 error, 0 warnings"


def test_what_tells_of_a_person_is_masked() -> None:
    result = validate(str(FIXTURES / "malformed" / "bad-digits.txt"))
    assert '"99999A9A9"' in result.stdout
    assert "900" not in result.stdout


def test_json_has_the_same_with_every_part_by_itself() -> None:
    report = json.loads(validate(str(CHARTS / "c-8-no-status.txt"), "--json").stdout)
    (entry,) = report.pop("problems")
    assert (entry["position"], entry["offset"]) == (1, 0)
    problem = entry["problem"]
    assert problem["code"] == "participants.participant_status.missing"
    assert (problem["occurrence"], problem["columns"], problem["offset"]) == (
        1,
        [77, 77],
        121 + 351 + 181 + 76,
    )
    assert (problem["field"], problem["citation"]) == ("Participant-Status", "Chart C-8")
    numbers = {"transactions": 1, "unreadable": 0, "errors": 1, "fatal": 0, "warnings": 0}
    assert {name: report[name] for name in numbers} == numbers


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("transactions/msc-r-grint.from-server.txt", 0),
        ("malformed/lower-case.txt", 0),
        ("malformed/bad-code.txt", 1),
        ("malformed/bad-header.txt", 1),
        ("malformed/damaged-neighbours.txt", 1),
        ("malformed/short-line.txt", 2),
        ("malformed/too-short-for-a-header.txt", 2),
    ],
)
def test_the_exit_code_tells_clean_wrong_and_unusable_apart(name: str, code: int) -> None:
    assert validate(str(FIXTURES / name)).exit_code == code


def test_the_exchange_minds_what_a_state_only_notes() -> None:
    raw = golden("msc-r-grint.from-server.txt").replace(b"20261120", b"20261122", 1)
    as_state = validate("-", "--as", "state", stdin=raw)
    assert (as_state.exit_code, "warning header.transaction_date.future" in as_state.stdout) == (0, True)
    sent = golden("msc-r-grint.to-server.txt").replace(b"20261120", b"20261122", 1)
    as_exchange = validate("-", "--as", "exchange", stdin=sent)
    assert (as_exchange.exit_code, "fatal header.transaction_date.future" in as_exchange.stdout) == (1, True)


def test_the_exchange_takes_a_serial_number_once() -> None:
    twice = golden("msc-r-grint.to-server.txt") * 2
    assert validate("-", stdin=twice).exit_code == 0
    result = validate("-", "--as", "exchange", stdin=twice)
    assert result.exit_code == 1
    assert "-:2 (byte" in result.stdout
    assert "header.transaction_serial_number.duplicate" in result.stdout


def test_an_error_file_is_recognised() -> None:
    clean = (CHARTS / "c-12-no-serial.txt").read_bytes().replace(b" " * 12 + b" INV", b"000000002003 INV")
    result = validate("-", stdin=clean)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    odd = validate("-", stdin=clean + (CHARTS / "c-12-no-serial.txt").read_bytes())
    assert (odd.exit_code, odd.stdout.startswith("-:2 (byte 236): warning error.error_mess.serial")) == (
        0,
        True,
    )
    wrong = validate(str(CHARTS / "c-12-unknown-action.txt"))
    assert (wrong.exit_code, "error.action_code.value" in wrong.stdout) == (1, True)


def test_a_large_file_shows_its_progress_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_LARGE", 1000)
    file = tmp_path / "batch.txt"
    file.write_bytes(golden("msc-r-grint.from-server.txt") * 20)
    shown: list[int] = []
    monkeypatch.setattr(
        "rich.progress.Progress.wrap_file", lambda _self, stream, total: shown.append(total) or stream
    )
    assert validate(str(file)).exit_code == 0
    assert shown == []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with file.open("rb") as stream, module._progress(stream) as watched:
        assert watched.read(5) == b"27000"
    assert shown == [file.stat().st_size]
    capsys.readouterr()


def test_other_forms_are_recognised_and_judged_alike(tmp_path: Path) -> None:
    packed = validate(str(FIXTURES / "forms" / "vb-cp037.from-server.dat"))
    assert packed.exit_code == 0, packed.stdout
    source = str(CHARTS / "c-5-unknown-abbreviation.txt")
    document = CliRunner().invoke(main, ["decode", source, "--form", "xml"], prog_name="csenet").stdout_bytes
    result = validate("-", stdin=document)
    assert result.exit_code == 1
    assert result.stdout.startswith("-:1: error case.payment_state.state Payment-State")
    twice = document.replace(b"</transactions>", document[document.index(b"  <transaction>") :])
    assert "transaction_serial_number.duplicate" in validate("-", "--as", "exchange", stdin=twice).stdout
    assert validate("-", stdin=b"<nothing/>").exit_code == 2
