"""The measurement: the plain way does the same job, and the report says what was reached."""

from __future__ import annotations

import json

from click.testing import CliRunner

from csenet.codecs import generate, transaction
from csenet.codecs.fields import to_json_value
from csenet.codecs.transaction import Direction
from csenet.gateway.cli import bench, main

RAWS = [transaction.write(tx, Direction.TO_SERVER) for tx in generate.generate(60, seed=8)]


def test_the_plain_way_reads_the_same_texts() -> None:
    for raw in RAWS:
        plain = bench.plain_decode(raw)
        tx = transaction.read(raw, Direction.TO_SERVER).transaction
        assert tx is not None
        assert plain["header"]["case_id"] == (tx.header.case_id or "")
        assert len(plain["participants"]) == len(tx.participants)
        for record, person in zip(plain["participants"], tx.participants, strict=True):
            assert record["name_last"] == person.name_last
            assert record["date_of_birth"] == to_json_value(person.date_of_birth or "").replace("-", "")


def test_the_plain_way_writes_back_the_same_bytes() -> None:
    for raw in RAWS:
        assert bench.plain_encode(bench.plain_decode(raw)) == raw


def test_the_report_names_each_figure_with_its_target_and_what_was_measured() -> None:
    result = CliRunner().invoke(main, ["bench", "codec", "--mb", "1", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert [(each["name"], each["target"]) for each in report["figures"]] == [
        ("decode", 1.9),
        ("decode_edits", 1.5),
        ("route", 3.0),
        ("encode", 2.6),
    ]
    assert all(each["ratio"] > 0 for each in report["figures"])
    assert report["rounds"] == 5
    assert 1_000_000 - 5_000 < report["traffic"]["bytes"] <= 1_005_000


def test_the_median_of_the_rounds_decides() -> None:
    rounds = [
        {name: [time] for name in ("decode", "decode_edits", "route", "encode")}
        | {"plain_decode": [3.0], "plain_encode": [3.0]}
        for time in (1.0, 1.5, 1.0, 30.0, 1.5)
    ]
    figures = bench._report([b"x" * 300], rounds, seed=1)["figures"]
    assert [each["ratio"] for each in figures] == [2.0, 2.0, 2.0, 2.0]
    assert [each["reached"] for each in figures] == [True, True, False, False]
