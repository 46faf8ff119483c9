"""csenet bench delivery: how fast this machine takes in, decides, answers and delivers, beside plain ways."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import example, json_option, print_json, print_table, run

if TYPE_CHECKING:
    from csenet.gateway.bench.figures import Figure, Size


@click.command(epilog=example("csenet bench delivery --quick"))
@click.option(
    "--quick", is_flag=True, help="Only see that everything runs: too little to believe the figures."
)
@click.option("--rounds", type=click.IntRange(1), help="Rounds of which the median counts.  [default: 5]")
@click.option("--rows", type=click.IntRange(1000), help="Rows of the large tables.  [default: 1000000]")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Measure on the disk of this folder, not on that of temporary files.",
)
@json_option
def delivery(quick: bool, rounds: int | None, rows: int | None, folder: Path | None, as_json: bool) -> None:
    """Take in requests, decide and answer them, deliver the answers, and compare with plain ways.

    Everything is as in service: each commit synchronised to disk, all edits, policy and the log on, on
    SQLite, in one process; the destination is an HTTP server in it. The whole way is held against our own
    decoding of all fields of the same transactions, acknowledging against the same HTTP server without a
    journal, one answer against two appends with fdatasync, the last rows of a large table against its first.
    Each figure is the median of the rounds, that of a large table one of its commits.
    """
    from csenet.gateway.bench import figures

    size = figures.QUICK if quick else figures.Size()
    size = size._replace(rounds=rounds or size.rounds, rows=rows or size.rows)
    with tempfile.TemporaryDirectory(prefix="csenet-bench-", dir=folder) as place:
        found = _measured(Path(place), size)
    if as_json:
        print_json(_report(found, size))
        return
    _print(found, size)


def _measured(folder: Path, size: Size) -> list[Figure]:
    """Measure one thing after the other, the log going to a file as in service."""
    import structlog

    from csenet.gateway import log
    from csenet.gateway.bench import growth, intake, whole_way
    from csenet.gateway.settings_model import LogSection

    measures = (
        whole_way.whole_way,
        intake.acknowledged,
        whole_way.answers,
        growth.dequeued,
        growth.inserted,
    )
    log.configure(LogSection(file=folder / "gateway.log", format="json"))
    events = structlog.get_logger("csenet.gateway.bench")
    found = []
    try:
        for work in measures:
            place = folder / work.__name__
            place.mkdir()
            found += run(work(place, size, events))
    finally:
        log.reset()
    return found


def _machine() -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def _report(found: Sequence[Figure], size: Size) -> dict[str, Any]:
    from csenet.gateway.bench.figures import as_json

    return {"machine": _machine(), **size._asdict(), "figures": as_json(found)}


def _print(found: Sequence[Figure], size: Size) -> None:
    rows = [
        (
            each.label,
            f"{each.ours:,.2f}",
            f"{each.baseline:,.2f}",
            each.unit,
            f"{each.ratio:.2f}",
            each.target,
            "met" if each.met else "missed",
        )
        for each in found
    ]
    title = f"{size.transactions:,} transactions, {size.rows:,} rows; median of {size.rounds}"
    print_table(title, ["", "ours", "baseline", "unit", "ratio", "target", "reached"], rows)
    machine = _machine()
    click.echo(f"{machine['processors']} processors, {machine['architecture']}, Python {machine['python']}")
