"""csenet hold: keep a case from being purged, whatever its age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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

_CASE = click.argument("case", metavar="CASE")
_REASON = click.option("--reason", required=True, help="Why, in 8 to 500 characters; kept sealed.")
_ADD = 'csenet hold add 2701 --reason "Subpoena of 2026-11-18" --config gateway.toml'


@click.group(cls=Listing)
def hold() -> None:
    """Keep cases that a court, an audit or a complaint needs from being purged."""


@hold.command(epilog=example(_ADD))
@_CASE
@_REASON
@config_option
def add(case: str, reason: str, config: Path) -> None:
    """Keep CASE, and all that came and went on it, until it is released; exit 2 if it is held already."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    text = _checked(reason)
    made = run(call(config, lambda desk: desk.hold_case(case, text, actor=actor())))
    click.echo(f"hold {made.id}: case {made.case_id} is kept")


@hold.command(
    epilog=example(_ADD, 'csenet hold release 2701 --reason "The court is done" --config gateway.toml')
)
@_CASE
@_REASON
@config_option
def release(case: str, reason: str, config: Path) -> None:
    """Let CASE go when its time is over, which may have been long ago; exit 2 if it is not held."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    text = _checked(reason)
    ended = run(call(config, lambda desk: desk.release_case(case, text, actor=actor())))
    click.echo(f"hold {ended.id}: case {ended.case_id} is kept no longer than others")


@hold.command("list", epilog=example("csenet hold list --config gateway.toml"))
@click.option("--all", "ended", is_flag=True, help="Those that ended too.")
@config_option
@json_option
def list_(ended: bool, config: Path, as_json: bool) -> None:
    """List the cases that are kept, why, by whom and since when."""
    from csenet.gateway.cli.store import call

    async def found(desk: Any) -> Any:
        return await desk.list_holds(ended=ended)

    holds = run(call(config, found))
    if as_json:
        print_json(holds)
        return
    columns = ["hold", "case", "reason", "by", "since", "released by", "released", "why"]
    rows = [
        (
            each.id,
            each.case_id,
            each.reason,
            each.held_by,
            each.held_at,
            each.released_by,
            each.released_at,
            each.release_reason,
        )
        for each in holds
    ]
    print_table("Holds", columns, rows)


def _checked(reason: str) -> str:
    from csenet.gateway.desk.reasons import LONGEST_REASON, SHORTEST_REASON, is_reason

    if not is_reason(reason):
        raise Refused(f"a reason has {SHORTEST_REASON} to {LONGEST_REASON} characters")
    return reason.strip()
