"""csenet status and csenet top: how things stand, once or live."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.cells import cell
from csenet.gateway.cli.common import (
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from csenet.gateway.console.today import Summary
    from csenet.gateway.desk import Desk


@click.command(epilog=example("csenet status --config gateway.toml"))
@config_option
@click.option("--all", "whole", is_flag=True, help="Every state, not only the first ones.")
@json_option
@click.pass_context
def status(ctx: click.Context, config: Path, whole: bool, as_json: bool) -> None:
    """Say in a sentence whether all is well, what is not and what to do, and show what came, went and waits.

    It reads the store, and asks the gateway how it is if one runs: clock jumps, slow commits, a store out of
    reach, the disk's reserve.  Exit 0 if nothing needs a person, 1 if something does.
    """
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: _summary(config, desk)))
    if as_json:
        print_json(_plain(found))
    else:
        click.echo(headline(found))
        for concern in found.concerns:
            click.echo(f"  * {concern.what} {concern.do}")
        click.echo("")
        print_table("Now", ["", ""], _now(found))
        print_table("Today by function", ("function", *_FLOW), _flows(found, "function"))
        states = _flows(found, "partner")
        print_table("Today by partner", ("partner", *_FLOW), states if whole else states[:_FIRST])
        if len(states) > _FIRST and not whole:
            click.echo(f"The first {_FIRST} of {len(states)} states; --all shows every one.")
    ctx.exit(1 if found.urgent else 0)


@click.command(epilog=example("csenet top --once --config gateway.toml"))
@config_option
@click.option("--every", type=click.FloatRange(0.5, 3600), default=2.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Show it once and end.")
def top(config: Path, every: float, once: bool) -> None:
    """Show live what came, goes and waits, by partner and function; Ctrl-C ends it."""
    from csenet.gateway.cli.store import call

    try:
        run(call(config, lambda desk: _live(config, desk, every, once)))
    except KeyboardInterrupt:
        raise click.exceptions.Exit(0) from None


async def _summary(config: Path, desk: Desk) -> Summary:
    """Take the figures that the console's first page shows."""
    found: Summary = await _figures(config, desk).summary()
    return found


def _figures(config: Path, desk: Desk) -> Any:
    from csenet.gateway.console.today import Concern, Figures
    from csenet.gateway.links import windows_of
    from csenet.gateway.observe.doctoring import standing
    from csenet.gateway.settings.loading import load_settings

    settings = load_settings(config)

    async def health() -> list[Concern]:
        return [
            Concern(what=f"{each.what[:1].upper()}{each.what[1:]}.", do=each.do, urgent=each.state == "bad")
            for each in await standing(settings)
            if each.state != "well"
        ]

    windows = windows_of(settings.delivery.windows, desk.agency.zone)
    return Figures(desk, desk.clock, windows, health)


async def _live(config: Path, desk: Desk, every: float, once: bool) -> None:
    """Draw again and again what the figures say."""
    import asyncio
    import sys

    from rich.console import Console
    from rich.live import Live

    figures = _figures(config, desk)
    if once:
        Console(highlight=False).print(screen(await figures.summary()))
        return
    if not sys.stdout.isatty():
        raise Unusable("csenet top needs a terminal; --once shows it once")
    console = Console(highlight=False)
    first = screen(await figures.summary(), console.height)
    with Live(first, console=console, screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(every)
            live.update(screen(await figures.summary(), console.height), refresh=True)


def headline(found: Summary) -> str:
    """Say in a sentence how things stand."""
    if found.urgent:
        return "Somebody should look:"
    return "All is well; something is worth a look:" if found.concerns else "All is well."


_FLOW = ("came", "went", "waits", "failed", "work")
_FIRST = 12
"""States shown unless all are asked for; those with failures come first."""


def _flows(found: Summary, by: str) -> list[Sequence[Any]]:
    """List how much came and went by ``partner`` or by ``function``, as the first page does."""
    from csenet.codecs.describe import state
    from csenet.gateway.console.words import FUNCTIONS
    from csenet.gateway.desk.views_today import summed

    def named(value: str | None) -> str:
        if by == "partner":
            return state(value) if value else "no state"
        return FUNCTIONS.get(value or "", value or "no transaction")

    return [
        (named(getattr(row, by)), row.came, row.went, row.waiting, row.failed, row.due)
        for row in summed(found.figures.flows, by)
    ]


def _now(found: Summary) -> list[Sequence[Any]]:
    """List what stands at this moment."""
    figures = found.figures
    waiting = ", ".join(f"{count} {status}" for status, count in sorted(figures.waiting.items()) if count)
    return [
        ("waits", waiting or "nothing"),
        ("oldest that waits", figures.oldest_waiting),
        ("files being read", figures.files_waiting),
        ("newest file", figures.last_file),
        ("newest batch", figures.last_batch),
        ("batches leave", found.window),
        ("next window", found.next_window),
        ("breaker", figures.exchange.state),
        ("on hold since", figures.exchange.held_at),
        ("open work", sum(line.count for line in figures.work)),
        ("overdue", sum(line.overdue for line in figures.work)),
        ("ledger", "balanced" if found.balanced else "does not add up"),
    ]


def screen(found: Summary, height: int | None = None) -> RenderableType:
    """Draw everything for a terminal; as many states as its ``height`` has room for."""
    from rich import box
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    def flows(by: str, most: int | None = None) -> Table:
        table = Table(by, title=f"Today by {by}", title_justify="left", box=box.SIMPLE)
        for name in _FLOW:
            table.add_column(name, justify="right")
        rows = _flows(found, by)
        for row in rows[:most]:
            table.add_row(*(cell(value) for value in row))
        if most is not None and len(rows) > most:
            table.add_row(f"and {len(rows) - most} more")
        return table

    mood = "bold white on red" if found.urgent else "bold green"
    told = [Text(f"  {each.what} {each.do}") for each in found.concerns]
    now = Table(
        "",
        "",
        "",
        "",
        title=f"Now, {cell(found.now)}",
        title_justify="left",
        box=box.SIMPLE,
        show_header=False,
    )
    standing = [(name, cell(value)) for name, value in _now(found)]
    half = (len(standing) + 1) // 2
    for left, right in zip_longest(standing[:half], standing[half:], fillvalue=("", "")):
        now.add_row(*left, *right)
    functions = flows("function")
    most = None if height is None else max(3, height - 25 - 2 * len(told) - functions.row_count)
    return Group(
        Panel(Group(Text(headline(found), style=mood), *told)), now, functions, flows("partner", most)
    )


def _plain(found: Summary) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(found)
    return {"well": not found.urgent, **plain}
