"""csenet run: work over all cases at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.desk.annual import AnnualLine

_SHOWN = 20


@click.group("run", cls=Listing)
def runs() -> None:
    """Do what is owed for all cases at once."""


@runs.command("annual-interest", epilog=example("csenet run annual-interest --dry-run --config gateway.toml"))
@click.option("--year", type=int, metavar="YEAR", help="Notices that fall due in it; this year if left out.")
@click.option("--dry-run", is_flag=True, help="Show whom it would tell; keep and send nothing.")
@config_option
@json_option
def annual_interest(year: int | None, dry_run: bool, config: Path, as_json: bool) -> None:
    """Tell the other states the interest owed in each case of ours that they enforce (45 CFR 303.7(c)(7)).

    A notice goes out for each open case with an order of ours whose last notice is a year old, or that never
    had one.  What a notice lacks becomes a work item.  The run can be broken off and started again: each case
    is told once a year.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import Rejected

    try:
        looked, lines = run(call(config, lambda desk: _all(desk, year, dry_run)))
    except Rejected as error:
        raise Refused(str(error)) from None
    counts = Counter(line.outcome for line in lines)
    if as_json:
        print_json(
            {"year": year, "dry_run": dry_run, "looked": looked, "counts": dict(counts), "cases": lines}
        )
        return
    shown = [(line.case_id, line.outcome, line.last or "never", line.serial) for line in lines[:_SHOWN]]
    title = "Would be told" if dry_run else "Told"
    print_table(title, ["case", "outcome", "last notice", "serial"], shown)
    if len(lines) > _SHOWN:
        click.echo(f"... and {len(lines) - _SHOWN} more; --json lists all")
    click.echo(f"{looked} cases looked at, {counts['sent']} notices, {counts['work']} for a person")


async def _all(desk: Desk, year: int | None, dry_run: bool) -> tuple[int, list[AnnualLine]]:
    """Go through all cases, showing how far it has come."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from csenet.gateway.cli.acting import actor

    console = Console(stderr=True)
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    chosen = year or desk.clock.today().year
    looked, lines, after = 0, list["AnnualLine"](), ""
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("Cases", total=await desk.annual_count())
        while True:
            page = await desk.annual_interest(chosen, after, dry_run=dry_run, actor=actor())
            looked, lines = looked + page.looked, lines + page.lines
            bar.advance(task, page.looked)
            if page.next is None:
                return looked, lines
            after = page.next
