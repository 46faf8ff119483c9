"""decode and encode go through every form, and a large file takes no more memory than a small one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from csenet.gateway import log
from csenet.gateway.cli import main

FORMS = Path(__file__).parents[2] / "fixtures" / "forms"
LIMIT_MB = 150
SMALL_MB, LARGE_MB = 2, 16
BOTH_WAYS = """
import resource, subprocess, sys
form = ("--form", sys.argv[1])
csenet = (sys.executable, "-m", "csenet.gateway")
decode = subprocess.Popen((*csenet, "decode", "large.txt", *form), stdout=subprocess.PIPE)
encode = (*csenet, "encode", "-", "--direction", "from-server", "--output", "again.txt", *form)
done = subprocess.run(encode, stdin=decode.stdout).returncode or decode.wait()
print(done, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    yield
    log.reset()


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, list(arguments), input=stdin, prog_name="csenet")


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("lines-crlf.to-server.txt", "--line-end crlf"),
        ("stream.to-server.txt", "--framing stream"),
        ("blocks.to-server.txt", "--framing blocks"),
        ("lines-cp037.to-server.dat", "--encoding cp037"),
        ("lines-cp1047.to-server.dat", "--encoding cp1047 --line-end nel"),
        ("blocks-cp037.to-server.dat", "--framing blocks --encoding cp037 --line-end lf"),
        ("v-cp037.to-server.dat", "--framing rdw --encoding cp037"),
        ("vb-cp037.to-server.dat", "--framing bdw --encoding cp037 --block-size 682"),
    ],
)
def test_a_file_comes_back_as_it_was(file: str, options: str, form: str) -> None:
    decoded = invoke("decode", str(FORMS / file), "--form", form)
    assert (decoded.exit_code, decoded.stderr) == (0, "")
    words = ("--direction", "to-server", "--form", form, *options.split())
    encoded = invoke("encode", "-", *words, stdin=decoded.stdout_bytes)
    assert (encoded.exit_code, encoded.stderr) == (0, "")
    if "vb-" not in file:
        assert encoded.stdout_bytes == (FORMS / file).read_bytes()
    assert (
        invoke("decode", "-", stdin=encoded.stdout_bytes).stdout == invoke("decode", str(FORMS / file)).stdout
    )


def test_framing_and_encoding_can_be_told() -> None:
    file = str(FORMS / "vbs-cp1047.from-server.dat")
    told = invoke("decode", file, "--framing", "bdw", "--encoding", "cp1047", "--direction", "from-server")
    assert told.exit_code == 0
    assert told.stdout == invoke("decode", file).stdout
    assert invoke("decode", file, "--framing", "lines").exit_code == 1


def test_problems_of_a_mainframe_file_have_their_byte() -> None:
    data = bytearray((FORMS / "v-cp037.from-server.dat").read_bytes())
    data[1] ^= 0x40
    result = invoke("decode", "-", stdin=bytes(data))
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.startswith("-:1 (byte 0): fatal transaction.descriptor.value")


def test_a_transaction_of_xml_that_cannot_be_written_is_told_with_its_line() -> None:
    document = invoke("decode", str(FORMS / "stream.to-server.txt"), "--form", "xml").stdout
    bad = document.replace("<action_code>R<", "<action_code>X<", 1)
    result = invoke("encode", "-", "--form", "xml", "--direction", "to-server", stdin=bad.encode())
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.startswith("-:3: fatal header.action_code.value")


def test_no_line_end_of_ebcdic_in_ascii() -> None:
    result = invoke("encode", "-", "--direction", "to-server", "--line-end", "nel", stdin=b"")
    assert result.exit_code == 2
    assert "nel" in result.stderr


def test_deeply_nested_json_is_a_problem_and_no_crash() -> None:
    result = invoke("encode", "-", "--direction", "to-server", stdin=b"[" * 100_000 + b"\n")
    assert result.exit_code == 1
    assert len(result.stderr) < 300


@pytest.mark.parametrize("encoding", ["ascii", "cp037"])
@pytest.mark.parametrize("framing", ["lines", "bdw"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_an_error_file_goes_through_every_form(framing: str, encoding: str, form: str) -> None:
    refusal = {"txn_counter": "000001", "serial": "000000000041", "description": "UNKNOWN <FIPS>"}
    lines = (json.dumps({"error_record": refusal}) + "\n").encode() * 2
    words = ("--direction", "from-server", "--framing", framing, "--encoding", encoding)
    written = invoke("encode", "-", *words, stdin=lines)
    assert written.exit_code == 0
    shown = invoke("decode", "-", "--form", form, stdin=written.stdout_bytes)
    assert shown.exit_code == 0
    again = invoke("encode", "-", "--form", form, *words, stdin=shown.stdout_bytes)
    assert again.stdout_bytes == written.stdout_bytes


@pytest.mark.parametrize("name", ["v-ascii", "vb-cp037", "vbs-cp1047"])
def test_a_mainframes_file_is_replayed_like_any_other(name: str, tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text("{}", "utf-8")
    words = ("--facts", str(tmp_path / "facts.json"), "--today", "2026-11-21")
    plain = invoke("replay", str(FORMS / "lines-lf.from-server.txt"), *words)
    assert (plain.exit_code, len(plain.stdout.splitlines())) == (0, 3)
    file = str(FORMS / f"{name}.from-server.dat")
    assert invoke("replay", file, *words).stdout == plain.stdout
    encoding = name.rpartition("-")[2]
    told = invoke("replay", file, *words, "--framing", "bdw", "--encoding", encoding)
    assert told.stdout == plain.stdout


def went_both_ways(folder: Path, form: str, megabytes: int) -> int:
    """Have a file of a length decoded and encoded again by two processes; give the memory of the larger."""
    unit = (FORMS / "lines-lf.from-server.txt").read_bytes() * 270
    with (folder / "large.txt").open("wb") as large:
        for _ in range(megabytes * 1_000_000 // len(unit) + 1):
            large.write(unit)
    command = [sys.executable, "-c", BOTH_WAYS, form]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    done, most = map(int, run.stdout.split())
    assert done == 0
    assert (folder / "again.txt").stat().st_size == (folder / "large.txt").stat().st_size
    with (folder / "again.txt").open("rb") as again, (folder / "large.txt").open("rb") as large:
        while piece := again.read(1 << 20):
            assert piece == large.read(1 << 20)
    return most


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "xml"])
def test_memory_does_not_grow_with_the_file(form: str, tmp_path: Path) -> None:
    small = went_both_ways(tmp_path, form, SMALL_MB)
    large = went_both_ways(tmp_path, form, LARGE_MB)
    assert large < LIMIT_MB
    assert large - small < (LARGE_MB - SMALL_MB) / 2, "not even the file's own bytes are all kept"
