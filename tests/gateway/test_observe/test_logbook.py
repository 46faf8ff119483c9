"""The log is told in sentences, whole, rotated and compressed files too, and followed when it moves."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from csenet.gateway.observe import logbook
from csenet.gateway.observe.logbook import Chosen, Tail, files_of, lines_of, sentence, sentences

ROOT = Path(__file__).resolve().parents[3]
LOG = ROOT / "fixtures" / "logs" / "gateway.log"
# Told by programs that are no gateway: the simulated exchange and the benches.
ELSEWHERE = ("exchange", "bench")


def told_events() -> set[str]:
    """Find the events that the gateway's code logs."""
    text = "\n".join(
        file.read_text("utf-8")
        for file in (ROOT / "gateway").rglob("*.py")
        if not set(file.parts) & set(ELSEWHERE)
    )
    call = r'log\.(?:debug|info|warning|error|critical)\(\s*"([a-z_]+(?:\.[a-z_]+)+)"'
    return set(re.findall(call, text))


def test_each_event_of_the_code_has_a_sentence() -> None:
    assert len(told_events()) > 30
    assert told_events() - set(sentences()) == set()


def test_rotated_and_compressed_files_come_first() -> None:
    files = files_of(LOG)
    assert [file.name for file in files] == ["gateway.log-20261120.gz", "gateway.log-20261121", "gateway.log"]
    moments = [line["timestamp"] for file in files for line in lines_of(file)]
    assert moments == sorted(moments)
    assert len(moments) == 154


def test_a_line_is_told_as_a_sentence_with_states_by_name() -> None:
    line = {
        "event": "transaction.decided",
        "far": "MSC R GRINT",
        "sender": "20",
        "serial": "12",
        "replies": 1,
    }
    assert sentence(line) == "MSC R GRINT from Kansas is decided, serial 000000000012, answers: 1."
    damaged = {"event": "transaction.malformed", "far": None, "sender": None, "serial": None}
    assert sentence(damaged) == "From somebody unknown cannot be read."


def test_what_failed_is_told_with_its_place() -> None:
    line = {
        "event": "job.failed",
        "job": "duties",
        "failure": {"type": "OSError", "at": ["a.py:1 f", "b.py:2 g"]},
    }
    assert sentence(line) == "The timed job duties failed. OSError at b.py:2 g"


def test_an_event_that_nobody_knows_is_told_with_its_keys() -> None:
    assert sentence({"event": "new.thing", "count": 3}) == "new.thing: count 3"


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"event": "delivery"}, 26),
        ({"event": "delivery.failed"}, 2),
        ({"event": "deliver"}, 0),
        ({"level": "warning"}, 3),
        ({"partner": "20"}, 4),
        ({"correlations": frozenset({"in-1-1"})}, 3),
        ({"since": datetime.fromisoformat("2099-01-01T00:00:00+00:00")}, 0),
    ],
)
def test_lines_are_chosen(chosen: dict[str, Any], count: int) -> None:
    found = [line for file in files_of(LOG) for line in lines_of(file) if Chosen(**chosen).has(line)]
    assert len(found) == count


def test_half_a_line_and_a_stranger_s_line_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "gateway.log"
    file.write_bytes(b'{"event": "a.b"}\nTraceback\n[1]\n\xff\n{"event": "c')
    assert [line["event"] for line in lines_of(file)] == ["a.b"]


def written(file: Path, *events: str) -> None:
    with file.open("a") as out:
        out.writelines(json.dumps({"event": event}) + "\n" for event in events)


def test_a_log_is_followed_over_half_lines_and_its_rotation(tmp_path: Path) -> None:
    file = tmp_path / "gateway.log"
    written(file, "old.line")
    tail = Tail(file)
    assert list(tail.new()) == []
    written(file, "a.b")
    with file.open("a") as out:
        out.write('{"event": ')
    assert [line["event"] for line in tail.new()] == ["a.b"]
    with file.open("a") as out:
        out.write('"c.d"}\n')
    assert [line["event"] for line in tail.new()] == ["c.d"]
    file.rename(tmp_path / "gateway.log-1")
    assert list(tail.new()) == []
    written(file, "e.f")
    assert [line["event"] for line in tail.new()] == ["e.f"]


def test_a_compressed_file_that_breaks_off_gives_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "gateway.log-1.gz"
    file.write_bytes(gzip.compress(b'{"event": "a.b"}\n' * 2000)[:-20])
    assert all(line["event"] == "a.b" for line in lines_of(file))


def test_lnav_reads_the_log_by_our_format(tmp_path: Path) -> None:
    if shutil.which("lnav") is None:
        assert "CSENET_REQUIRE_LNAV" not in os.environ, "no lnav, and this test may not be skipped"
        pytest.skip("no lnav on this machine")
    place = tmp_path / "formats" / "csenet"
    place.mkdir(parents=True)
    shutil.copy(ROOT / "ops" / "lnav" / "csenet_log.json", place)
    query = ";SELECT event, count(*) AS n FROM csenet_log WHERE event = 'file.accepted' GROUP BY event"
    command = ["lnav", "-I", str(tmp_path), "-n", "-c", query, "-c", ":write-csv-to -", str(LOG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    expected = sum(line["event"] == "file.accepted" for line in logbook.lines_of(LOG))
    assert f"file.accepted,{expected}" in done.stdout, done.stderr
