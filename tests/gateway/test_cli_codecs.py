"""decode, encode, validate and replay keep to pipes, exit codes and the form of problems."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from csenet.gateway import log
from csenet.gateway.cli import main

# Chart C-4: FIPS codes 1-14, version 15, serial 18, action 34, function 35, date 38, case 46, other case 61,
# reason 76, attachments 89, block counts 90-96, stamp of the exchange to 121.
GRINT = (
    "27000  20000  003000000000041    RMSC202611202701           20-77          GRINT        N0000000"
    + " " * 25
)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    yield
    log.reset()


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, list(arguments), input=stdin, prog_name="csenet")


def write(folder: Path, *lines: str, end: str = "\n") -> str:
    """Write a batch file and give its path."""
    file = folder / "batch.txt"
    file.write_bytes("".join(line + end for line in lines).encode("ascii"))
    return str(file)


def test_the_header_made_by_hand_has_its_length() -> None:
    assert len(GRINT) == 121


class TestDecode:
    """Transactions to standard output, problems to standard error."""

    def test_one_object_a_transaction(self, tmp_path: Path) -> None:
        result = invoke("decode", write(tmp_path, GRINT, GRINT.replace("041", "042")))
        found = [json.loads(line)["header"] for line in result.stdout.splitlines()]
        assert result.exit_code == 0
        assert [each["transaction_serial_number"] for each in found] == ["000000000041", "000000000042"]
        assert found[0]["transaction_date"] == "2026-11-20"
        assert found[0]["case_id"] == "2701"

    def test_a_damaged_line_is_told_with_its_place_and_leaves_its_neighbours(self, tmp_path: Path) -> None:
        file = write(tmp_path, GRINT, "DAMAGED", GRINT)
        result = invoke("decode", file)
        assert result.exit_code == 1
        assert len(result.stdout.splitlines()) == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"{file}:2 (byte 122): fatal transaction.length.total: ")
        assert line.endswith("[Chart C-4]")

    def test_several_files_and_one_that_is_not_there(self, tmp_path: Path) -> None:
        file = write(tmp_path, GRINT)
        result = invoke("decode", file, str(tmp_path / "missing"), file)
        assert result.exit_code == 2
        assert len(result.stdout.splitlines()) == 2
        assert result.stderr == f"{tmp_path / 'missing'}: cannot be read: No such file or directory\n"

    @pytest.mark.parametrize("end", ["\n", "\r\n", ""])
    def test_either_framing_is_recognised(self, tmp_path: Path, end: str) -> None:
        result = invoke("decode", write(tmp_path, GRINT, GRINT, end=end))
        assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)

    def test_standard_input(self) -> None:
        result = invoke("decode", "-", stdin=GRINT.encode() + b"\n")
        assert json.loads(result.stdout)["header"]["action_reason"] == "GRINT"

    def test_an_error_file_is_recognised_and_written_back(self, tmp_path: Path) -> None:
        from csenet.codecs import errorfile

        record = errorfile.ErrorRecord(
            txn_counter="1",
            local_fips_code="2700000",
            other_fips_code="9900000",
            local_case_id="2701",
            action_code="R",
            functional_type_code="MSC",
            action_reason="GRINT",
            transaction_date="20261120",
            serial="000000000041",
            description="UNKNOWN FIPS",
        )
        raw = errorfile.write(record) + b"\n"
        (tmp_path / "errors.txt").write_bytes(raw)
        decoded = invoke("decode", str(tmp_path / "errors.txt"))
        assert decoded.exit_code == 0, decoded.stderr
        assert json.loads(decoded.stdout)["error_record"]["description"] == "UNKNOWN FIPS"
        encoded = invoke("encode", "-", "--direction", "from-server", stdin=decoded.stdout_bytes)
        assert encoded.stdout_bytes == raw

    def test_a_reader_that_leaves_early_causes_no_traceback(self, tmp_path: Path) -> None:
        file = write(tmp_path, *[GRINT] * 3000)
        command = [sys.executable, "-m", "csenet.gateway", "decode", file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""


class TestEncode:
    """The inverse of decode."""

    @pytest.mark.parametrize("framing", ["lines", "stream"])
    def test_bytes_come_back_as_they_were(self, tmp_path: Path, framing: str) -> None:
        file = write(tmp_path, GRINT, GRINT, end="\n" if framing == "lines" else "")
        decoded = invoke("decode", file)
        encoded = invoke(
            "encode", "-", "--direction", "from-server", "--framing", framing, stdin=decoded.stdout_bytes
        )
        assert encoded.exit_code == 0
        assert encoded.stdout_bytes == Path(file).read_bytes()

    def test_to_the_exchange_the_header_is_longer(self, tmp_path: Path) -> None:
        decoded = invoke("decode", write(tmp_path, GRINT))
        encoded = invoke("encode", "-", "--direction", "to-server", stdin=decoded.stdout_bytes)
        assert len(encoded.stdout_bytes) == 127 + 1

    def test_all_that_is_wrong_in_a_line_is_told_and_good_lines_are_written(self, tmp_path: Path) -> None:
        good = invoke("decode", write(tmp_path, GRINT)).stdout_bytes
        bad = b'{"header": {"colour": "red", "transaction_date": "soon"}}\n'
        broken = b"{\n"
        result = invoke("encode", "-", "--direction", "from-server", stdin=good + bad + broken)
        assert result.exit_code == 1
        assert result.stdout_bytes == GRINT.encode() + b"\n"
        places = [line.split(": ")[0] for line in result.stderr.splitlines()]
        assert places == ["-:2", "-:2", "-:3"]

    def test_a_direction_has_to_be_said(self) -> None:
        assert invoke("encode", "-", stdin=b"").exit_code == 2


class TestValidate:
    """Warnings pass, errors end with 1, what is no batch with 2."""

    def test_warnings_only_end_with_0_and_a_summary(self, tmp_path: Path) -> None:
        file = write(tmp_path, GRINT)
        result = invoke("validate", file, "--today", "2026-11-21")
        assert result.exit_code == 0
        assert result.stdout.splitlines()[-1].startswith(f"{file}: 1 transaction, 0 unreadable, 0 errors, ")

    def test_a_code_that_does_not_exist_ends_with_1(self, tmp_path: Path) -> None:
        file = write(tmp_path, GRINT.replace("GRINT", "GRUNT"))
        result = invoke("validate", file, "--today", "2026-11-21")
        assert result.exit_code == 1
        assert ": fatal " in result.stdout

    def test_json_holds_each_problem_with_its_place(self, tmp_path: Path) -> None:
        file = write(tmp_path, "DAMAGED", GRINT)
        result = invoke("validate", file, "--today", "2026-11-21", "--json")
        report = json.loads(result.stdout)
        assert result.exit_code == 1
        assert (report["transactions"], report["unreadable"], report["errors"]) == (1, 1, 1)
        assert report["problems"][0]["position"] == 1
        assert report["problems"][0]["problem"]["severity"] == "fatal"

    @pytest.mark.parametrize("content", ["", "nothing of the kind\n"])
    def test_a_file_without_transactions_ends_with_2(self, tmp_path: Path, content: str) -> None:
        assert invoke("validate", write(tmp_path, content, end="")).exit_code == 2

    def test_a_wrong_date_is_a_usage_error(self, tmp_path: Path) -> None:
        assert invoke("validate", write(tmp_path, GRINT), "--today", "tomorrow").exit_code == 2


class TestReplay:
    """What a file would cause is printed, and nothing is touched."""

    FACTS: ClassVar = {
        "role": "initiating",
        "other_fips": "2000000",
        "other_case_id": "20-77",
        "case": {"case_type": "A", "case_status": "O"},
        "ledger": {"obligations": [{"due": "2026-10-01", "amount": "100.00"}], "payments": []},
    }

    def replay(self, folder: Path, facts: Any) -> Result:
        """Replay one request for interest."""
        (folder / "facts.json").write_text(json.dumps(facts), "utf-8")
        file = write(folder, GRINT)
        return invoke("replay", file, "--facts", str(folder / "facts.json"), "--today", "2026-11-21")

    def test_a_request_on_a_known_case_would_be_answered(self, tmp_path: Path) -> None:
        result = self.replay(tmp_path, {"2701": self.FACTS})
        assert result.exit_code == 0, result.stderr
        printed = json.loads(result.stdout)
        assert (printed["position"], printed["far"]) == (1, "MSC R GRINT")
        (reply,) = printed["decision"]["replies"]
        assert reply["transaction"]["header"]["action_reason"] == "GSTAI"
        line = reply["transaction"]["information"]["information_text_line_1"]
        # 100.00 unpaid; Minnesota charges nothing since August 2022; as of the day of the answer.
        assert line == "000000010000" + "000000000000" + "20261121"

    def test_several_files_are_added_up_beside_the_results(self, tmp_path: Path) -> None:
        (tmp_path / "facts.json").write_text(json.dumps({"2701": self.FACTS}), "utf-8")
        files = [write(tmp_path, GRINT), str(tmp_path / "damaged.txt")]
        (tmp_path / "damaged.txt").write_text(f"{GRINT}\nno transaction\n")
        options = ("--facts", str(tmp_path / "facts.json"), "--today", "2026-11-21")
        result = invoke("replay", *files, *options)
        assert result.exit_code == 1
        assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == files
        assert result.stderr.splitlines()[-1] == "3 transactions replayed: 2 answered, 1 unreadable"

    def test_a_request_on_an_unknown_case_would_be_rejected(self, tmp_path: Path) -> None:
        (reply,) = json.loads(self.replay(tmp_path, {}).stdout)["decision"]["replies"]
        assert reply["transaction"]["header"]["action_reason"] == "REJCT"

    def test_nothing_is_written_anywhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        self.replay(tmp_path, {"2701": self.FACTS})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.txt", "facts.json"]

    def test_wrong_facts_are_told_all_at_once(self, tmp_path: Path) -> None:
        result = self.replay(tmp_path, {"2701": {"role": "king", "other_fips": "x"}, "2702": {"colour": 1}})
        assert (result.exit_code, result.stdout) == (2, "")
        for word in ("2701: role", "2701: other_fips", "2702: colour"):
            assert word in result.stderr

    def test_facts_that_are_no_object_are_refused(self, tmp_path: Path) -> None:
        result = self.replay(tmp_path, [1])
        assert result.exit_code == 2
        assert "must be one object" in result.stderr
