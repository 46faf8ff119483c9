"""The measurement of delivery: it runs, names its targets, and says honestly what was missed."""

from __future__ import annotations

import json
from datetime import date

import pytest
from click.testing import CliRunner

from csenet.codecs import transaction
from csenet.codecs.transaction import Direction
from csenet.gateway.bench import figures, traffic
from csenet.gateway.bench.figures import Pair, figure, percentile
from csenet.gateway.cli import main

DAY = date(2026, 11, 20)


@pytest.mark.slow
def test_the_report_names_each_figure_with_its_target() -> None:
    result = CliRunner().invoke(main, ["bench", "delivery", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [(each["name"], each["target"]) for each in report["figures"]] == [
        ("whole_way_batches", "<= 8"),
        ("whole_way_single", "<= 14"),
        ("acknowledged", ">= 0.4"),
        ("answer_p50", "<= 8"),
        ("answer_p99", "<= 20"),
        ("sealed", ">= 0.85"),
        ("dequeued", ">= 0.9"),
        ("inserted", ">= 0.85"),
        ("slow_answer_p50", "<= 1"),
        ("grouped", ">= 12"),
    ]
    assert report["skipped"] == {"postgres": "no database named with --postgres"}
    assert all(each["ours"] > 0 and each["baseline"] > 0 for each in report["figures"])
    assert (report["rounds"], report["rows"]) == (1, 1000)


def test_the_median_of_the_rounds_decides_and_one_bad_round_does_not() -> None:
    rounds = [Pair(ours, 10.0) for ours in (70.0, 90.0, 75.0, 500.0, 60.0)]
    found = figure(figures.WHOLE_BATCHES, rounds, "microseconds")
    assert (found.ratio, found.target, found.met) == (7.5, "<= 8", True)
    found = figure(figures.WHOLE_BATCHES, [Pair(80.1, 10.0)], "microseconds")
    assert not found.met


def test_of_rates_too_low_a_ratio_is_a_miss() -> None:
    assert figure(figures.DEQUEUED, [Pair(900.0, 1000.0)], "a second").met
    assert not figure(figures.DEQUEUED, [Pair(899.0, 1000.0)], "a second").met


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(each) for each in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([3.0], 0.99)) == (51.0, 100.0, 3.0)


def test_no_request_is_a_repetition_of_another() -> None:
    templates = traffic.requests(20, DAY)
    raws = [*traffic.numbered(templates, 1), *traffic.numbered(templates, 21)]
    read = [transaction.read(raw, Direction.FROM_SERVER).transaction for raw in raws]
    assert len({tx.serial for tx in read if tx is not None}) == 40
    assert len({tx.header.case_id for tx in read if tx is not None}) == 20
    assert {str(tx.far) for tx in read if tx is not None} == {"MSC R GRINT"}
