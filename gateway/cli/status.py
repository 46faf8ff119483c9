"""csenet status and csenet top: how things stand, once or live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Unusable,
    cell,
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
@json_option
@click.pass_context
def status(ctx: click.Context, config: Path, as_json: bool) -> None:
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
        print_table("Transactions today", _FLOW, _flows(found))
        print_table("Now", ["", ""], _now(found))
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
    with Live(screen(await figures.summary()), screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(every)
            live.update(screen(await figures.summary()), refresh=True)


def headline(found: Summary) -> str:
    """Say in a sentence how things stand."""
    if found.urgent:
        return "Somebody should look:"
    return "All is well; something is worth a look:" if found.concerns else "All is well."


_FLOW = ("partner", "function", "came", "went", "waits", "failed", "work")


def _flows(found: Summary) -> list[Sequence[Any]]:
    """List who sent and got how much, the busiest first."""
    from csenet.codecs.describe import state
    from csenet.gateway.console.words import FUNCTIONS

    rows = sorted(
        found.figures.flows, key=lambda row: (-(row.came + row.went + row.waiting), row.partner or "")
    )
    return [
        (
            state(row.partner) if row.partner else "",
            FUNCTIONS.get(row.function or "", row.function),
            row.came,
            row.went,
            row.waiting,
            row.failed,
            row.due,
        )
        for row in rows
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


def screen(found: Summary) -> RenderableType:
    """Draw everything for a terminal."""
    from rich import box
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    mood = "bold white on red" if found.urgent else "bold green"
    told = [Text(f"  {each.what} {each.do}") for each in found.concerns]
    flows = Table(*_FLOW, title="Today", title_justify="left", box=box.SIMPLE)
    for row in _flows(found):
        flows.add_row(*(cell(value) for value in row))
    now = Table(
        "", "", title=f"Now, {cell(found.now)}", title_justify="left", box=box.SIMPLE, show_header=False
    )
    for name, value in _now(found):
        now.add_row(name, cell(value))
    return Group(Panel(Group(Text(headline(found), style=mood), *told)), flows, now)


def _plain(found: Summary) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(found)
    return {"well": not found.urgent, **plain}
