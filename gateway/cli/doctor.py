"""csenet doctor: is everything there that a gateway needs?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import config_option, example, json_option, print_json, print_table, run

if TYPE_CHECKING:
    from csenet.gateway.observe.doctoring import Finding


@click.command(epilog=example("csenet doctor --config gateway.toml"))
@config_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, config: Path, as_json: bool) -> None:
    """Check settings, permissions, disk, certificates, partners, clock and store, and say what to do.

    It changes nothing but a mark in the store that shows that a commit is possible.  Exit 0 if nothing is
    bad, 1 if something is.
    """
    found = run(_all(config))
    if as_json:
        print_json(found)
    else:
        rows = [(each.part, each.state, each.what, each.do) for each in found]
        print_table("What was looked at", ["part", "state", "what", "what to do"], rows)
        bad = sum(each.state == "bad" for each in found)
        click.echo("nothing is bad" if not bad else f"bad: {bad}; each line says what to do")
    ctx.exit(1 if any(each.state == "bad" for each in found) else 0)


async def _all(config: Path) -> list[Finding]:
    from csenet.gateway.observe.doctoring import examine

    return [finding async for finding in examine(config)]
