"""csenet demo: two states and an exchange on one machine."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from csenet.gateway.cli.common import example, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from csenet.gateway.demo.story import Part
    from csenet.gateway.demo.world import World

TRAFFIC_SECONDS = 3.0


@click.command(epilog=example("csenet demo --once --json"))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where stores, files and the log are kept; made if need be, and used again by the next demo.",
)
@click.option("--once", is_flag=True, help="Play the story, report, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON report; only with --once.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning"]),
    default="info",
    show_default=True,
    help="How much goes to demo.log in the folder.",
)
@click.pass_context
def demo(
    ctx: click.Context,
    folder: Path,
    once: bool,
    as_json: bool,
    log_level: Literal["debug", "info", "warning"],
) -> None:
    """Run Minnesota's and Kansas's gateways and a simulated exchange, and play a story through them.

    Interest is asked for and answered, two cases are closed in two ways, a wrong case ID and a wrong header
    come back, and the exchange is away for a while.  Everything listens on the loopback address only.
    Without --once all of it stays up with a little traffic until Ctrl-C.  Exit 0 when all six parts held and
    the ledgers balance.
    """
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    from csenet.gateway import log
    from csenet.gateway.settings.loading import LogSection

    folder.mkdir(parents=True, exist_ok=True)
    log.configure(LogSection(level=log_level, format="json", file=folder / "demo.log"))
    ctx.exit(0 if asyncio.run(_run(folder.resolve(), once=once, as_json=as_json)) else 1)


async def _run(folder: Path, *, once: bool, as_json: bool) -> bool:
    """Play until the end or until a signal; return whether everything held."""
    from rich.console import Console

    loop = asyncio.get_running_loop()
    playing = asyncio.ensure_future(_play(folder, Console(stderr=as_json, highlight=False), once, as_json))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    try:
        return await playing
    except asyncio.CancelledError:
        return not once  # asked to stop: fine for a demo that stays up, too early for a report


async def _play(folder: Path, console: Console, once: bool, as_json: bool) -> bool:
    from csenet.gateway.demo.report import is_held, play, report
    from csenet.gateway.demo.world import opened

    async with opened(folder, usual_ports=not once) as world:
        try:
            stage = world.stage()
            with console.status("Playing the story ...") as status:
                played = await play(stage, lambda part, word: _tell(console, status, part, word))
            document = await report(world, stage, played)
            if as_json:
                print_json(document)
            else:
                _summarise(console, document)
            if once:
                return is_held(document)
            _where_to_look(console, world)
            await _stay(console, stage)
        except asyncio.CancelledError:
            await asyncio.shield(_farewell(console, world))
            raise
    raise AssertionError("a demo that stays up ends only when asked to")


def _tell(console: Console, status: Any, part: Part, word: str) -> None:
    """Show a part while it plays and keep two lines of it afterwards."""
    if word == "begins":
        status.update(f"{part.number}. {part.title} ...")
        return
    mark = "[green]held[/]  " if word == "held" else "[red]FAILED[/]"
    console.print(f"{mark} {part.number}. [bold]{part.title}[/] [dim]({part.milliseconds:.0f} ms)[/]")
    console.print(f"          {part.told}", markup=False, soft_wrap=True)


def _summarise(console: Console, document: dict[str, Any]) -> None:
    """Show the story's transactions and what the ledgers say."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for column in ("code", "from", "to", "serial", "status", "milliseconds"):
        table.add_column(column, justify="right" if column == "milliseconds" else "left")
    for row in document["transactions"]:
        took = "" if row["milliseconds"] is None else f"{row['milliseconds']:.1f}"
        table.add_row(row["far"], row["from"], row["to"], row["serial"], row["status"], took)
    console.print(table)
    console.print(f"Ledger: {document['ledger']}")
    for difference in document["differences"]:
        console.print(f"  {difference}", markup=False, soft_wrap=True)


def _where_to_look(console: Console, world: World) -> None:
    """Say where the running parts and their files are."""
    from csenet.gateway.demo.world import PERSON

    for site in world.sites.values():
        console.print(f"\n[bold]{site.office.name}[/]")
        for name, place in (
            ("console", f"{site.office.url}/"),
            ("sign in", f"as {PERSON} with the password {site.password} (for this run)"),
            ("API", f"{site.office.url}/v1/openapi.json"),
            ("files", str(site.folder)),
            ("try", f"{sys.argv[0]} work list --config {site.config}"),
        ):
            console.print(f"  {name:<12} {place}", markup=False, soft_wrap=True)
    console.print("\n[bold]Exchange[/]")
    console.print(f"  {'switch':<12} {world.switch}  (take it away, bring it back)", soft_wrap=True)
    console.print(f"\nLog: {world.folder / 'demo.log'}", markup=False, soft_wrap=True)


async def _stay(console: Console, stage: Any) -> None:
    """Keep a little traffic going until cancelled."""
    from csenet.gateway.demo.story import everyday

    console.print(f"\nNow a request every {TRAFFIC_SECONDS:.0f} seconds. Ctrl-C stops everything.\n")
    while True:
        console.print(await everyday(stage), markup=False, soft_wrap=True)
        await asyncio.sleep(TRAFFIC_SECONDS)


async def _farewell(console: Console, world: World) -> None:
    """Say what the ledgers say when asked to stop."""
    differences = await world.differences()
    console.print("\nStopping. The ledgers balance." if not differences else "\nThe ledgers do not balance:")
    for difference in differences:
        console.print(f"  {difference}", markup=False, soft_wrap=True)
