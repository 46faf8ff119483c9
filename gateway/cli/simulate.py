"""csenet simulate: let an invented population live through a year."""

from __future__ import annotations

import sys
import time
from datetime import date
from typing import Any

import click

from csenet.gateway.cli.common import example, json_option, print_json, print_table, run

_ALL = 54


@click.command(epilog=example("csenet simulate --year 2026 --seed 1 --cases 2 --jurisdictions 2 --days 20"))
@click.option("--year", type=click.IntRange(2018, 2100), required=True, help="The year to live through.")
@click.option("--seed", type=int, required=True, help="The same seed gives the same year.")
@click.option(
    "--cases", type=click.IntRange(2, 2000), default=200, show_default=True, help="Case files a state."
)
@click.option(
    "--jurisdictions",
    "count",
    type=click.IntRange(2, _ALL),
    default=_ALL,
    show_default=True,
    help="How many.",
)
@click.option("--days", type=click.IntRange(1, 400), help="Live only through so many days of the year.")
@json_option
@click.pass_context
def simulate(
    ctx: click.Context, year: int, seed: int, cases: int, count: int, days: int | None, as_json: bool
) -> None:
    """Let the gateways of many states and the exchange between them live through a year.

    The gateways are the real ones, under a virtual clock, with stores in memory; the people and case systems
    are played, and do their work in time.  At the end no duty may be missed, nothing refused by the exchange,
    and all ledgers must balance; else exit 1, naming what.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from csenet.gateway.simulation.year import days_of, live, states_of

    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    began = time.perf_counter()
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task(str(year), total=days_of(year, days))

        def watch(day: date, crossed: int) -> None:
            bar.update(task, advance=1, description=f"{day} {crossed} transactions")

        found = run(live(year, seed, cases=cases, states=states_of(count), watch=watch, days=days))
    seconds = round(time.perf_counter() - began, 1)
    if as_json:
        import msgspec

        print_json({**msgspec.to_builtins(found), "good": found.good, "seconds": seconds})
    else:
        _tell(found, seconds)
    ctx.exit(0 if found.good else 1)


def _tell(found: Any, seconds: float) -> None:
    """Say for people what the year came to."""
    rows = [(code, number) for code, number in list(found.by_code.items())[:15]]
    print_table("Most frequent transactions", ["transaction", "number"], rows)
    click.echo(
        f"{found.jurisdictions} jurisdictions, {found.case_files} case files, {found.events} events, "
        f"{found.transactions} transactions, {found.work_done} pieces of work, "
        f"{sum(found.duties.values())} duties in {seconds} s (seed {found.seed}: {found.digest})"
    )
    for name, texts in (
        ("missed duties", found.missed),
        ("refused by the exchange", found.refused),
        ("mishaps", found.mishaps),
        ("not taken by a desk", found.not_taken),
        ("ledgers", found.differences),
    ):
        click.echo(f"{name}: {len(texts) or 'none'}")
        for text in texts:
            click.echo(f"  {text}", err=True)
