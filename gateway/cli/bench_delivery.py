"""csenet bench delivery: how fast this machine takes in, decides, answers and delivers, beside plain ways."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import example, json_option, print_json, print_table, run

if TYPE_CHECKING:
    from csenet.gateway.bench.figures import Figure, Size


_PARTS = (
    "whole_way",
    "acknowledged",
    "answers",
    "sealed",
    "dequeued",
    "inserted",
    "slow_disk",
    "postgres",
    "slow_answers",
    "grouped",
)
_USUAL = _PARTS[:8]


@click.command(epilog=example("csenet bench delivery --quick"))
@click.option(
    "--quick", is_flag=True, help="Only see that everything runs: too little to believe the figures."
)
@click.option("--rounds", type=click.IntRange(1), help="Rounds of which the median counts.  [default: 5]")
@click.option("--transactions", type=click.IntRange(20), help="Transactions of a round.  [default: 1000]")
@click.option("--rows", type=click.IntRange(1000), help="Rows of the large tables.  [default: 1000000]")
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Measure this part; may be repeated.")
@click.option("--postgres", metavar="URL", help="An empty database on a server, for its figure.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Measure on the disk of this folder, not on that of temporary files.",
)
@json_option
def delivery(
    *,
    quick: bool,
    rounds: int | None,
    transactions: int | None,
    rows: int | None,
    only: tuple[str, ...],
    postgres: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Take in requests, decide and answer them, deliver the answers, and compare with plain ways.

    Everything is as in service: each commit synchronised to disk, all edits, policy and the log on, on
    SQLite, in one process; the destination is an HTTP server in it. The whole way is held against our own
    decoding of all fields of the same transactions, acknowledging against the same HTTP server without a
    journal, one answer against two appends with fdatasync, the last rows of a large table against its first.
    Each figure is the median of the rounds, that of a large table one of its commits. The part slow_disk
    runs in a second process in which each synchronisation takes 2 ms longer.
    """
    from csenet.gateway.bench import figures

    size = figures.QUICK if quick else figures.Size()
    size = size._replace(
        rounds=rounds or size.rounds,
        rows=rows or size.rows,
        transactions=transactions or size.transactions,
    )
    with tempfile.TemporaryDirectory(prefix="csenet-bench-", dir=folder) as place:
        found, skipped = _measured(Path(place), size, only or _USUAL, postgres)
    if as_json:
        print_json(_report(found, size, skipped))
        return
    _print(found, size, skipped)


def _measured(
    folder: Path, size: Size, parts: Sequence[str], postgres: str | None
) -> tuple[list[Figure], dict[str, str]]:
    """Measure one thing after the other, log and memory set up as in service; tell how far it is."""
    import structlog

    from csenet.gateway import log
    from csenet.gateway.bench.slow_disk import Skipped
    from csenet.gateway.memory import settle_in
    from csenet.gateway.settings.model import LogSection

    log.configure(LogSection(file=folder / "gateway.log", format="json"))
    events = structlog.get_logger("csenet.gateway.bench")
    settle_in()
    found: list[Figure] = []
    skipped: dict[str, str] = {}
    try:
        for number, part in enumerate(parts, start=1):
            click.echo(f"{number}/{len(parts)} {part} ...", err=True, nl=False)
            start = perf_counter()
            place = folder / part
            place.mkdir()
            try:
                figures = _part(part, place, size, postgres, events)
            except Skipped as reason:
                skipped[part] = str(reason)
                click.echo(f" skipped: {reason}", err=True)
                continue
            told = ", ".join(f"{each.name} {each.ratio:g} ({each.target})" for each in figures)
            click.echo(f" {perf_counter() - start:.0f} s: {told}", err=True)
            found += figures
    finally:
        log.reset()
    return found, skipped


def _part(part: str, place: Path, size: Size, postgres: str | None, log: Any) -> list[Figure]:
    from csenet.gateway.bench import growth, intake, slow_disk, whole_way

    if part == "slow_disk":
        return slow_disk.slow_disk(place, size)
    if part == "postgres":
        if postgres is None:
            raise slow_disk.Skipped("no database named with --postgres")
        return run(whole_way.postgres(place, postgres, size, log))
    measures = {
        "whole_way": whole_way.whole_way,
        "acknowledged": intake.acknowledged,
        "answers": whole_way.answers,
        "sealed": whole_way.sealed,
        "dequeued": growth.dequeued,
        "inserted": growth.inserted,
        "slow_answers": whole_way.slow_answers,
        "grouped": intake.grouped,
    }
    return run(measures[part](place, size, log))


def _machine() -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def _report(found: Sequence[Figure], size: Size, skipped: dict[str, str]) -> dict[str, Any]:
    from csenet.gateway.bench.figures import as_json

    return {"machine": _machine(), **size._asdict(), "figures": as_json(found), "skipped": skipped}


def _print(found: Sequence[Figure], size: Size, skipped: dict[str, str]) -> None:
    rows = [
        (
            each.label,
            f"{each.ours:,.2f}",
            f"{each.baseline:,.2f}",
            each.unit,
            f"{each.ratio:.2f}",
            "" if each.processor is None else f"{each.processor:.2f}",
            each.target,
            "met" if each.met else "missed",
        )
        for each in found
    ]
    title = f"{size.transactions:,} transactions, {size.rows:,} rows; median of {size.rounds}"
    print_table(title, ["", "ours", "baseline", "unit", "ratio", "processor", "target", "reached"], rows)
    for part, reason in skipped.items():
        click.echo(f"{part}: skipped, {reason}")
    machine = _machine()
    click.echo(f"{machine['processors']} processors, {machine['architecture']}, Python {machine['python']}")
