"""csenet outbox: what is to leave, and what has left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import config_option, example, json_option, print_json, print_table, run

_STATUSES = ("held", "queued", "sending", "delivered", "refused", "dead", "cancelled")


@click.command(epilog=example("csenet outbox --status delivered --json --config gateway.toml"))
@config_option
@click.option(
    "--status",
    "statuses",
    type=click.Choice(_STATUSES),
    multiple=True,
    help="Only this status; may be repeated.  Left out: all that have not left.",
)
@click.option("--case", "case_id", help="Only this case.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def outbox(config: Path, statuses: tuple[str, ...], case_id: str | None, limit: int, as_json: bool) -> None:
    """List outgoing transactions in the order in which they leave."""
    from csenet.gateway.cli.store import call

    wanted = statuses or ("held", "queued", "sending", "dead")
    found = run(call(config, lambda desk: _collect(desk, wanted, case_id, limit)))
    if as_json:
        print_json(found)
        return
    if not found and not statuses:
        click.echo("Nothing waits to leave; --status delivered lists what has left.")
        return
    fields = ("id", "serial", "far", "to_fips", "status", "attempts", "received_at", "reason")
    rows = [[getattr(each, field) for field in fields] for each in found]
    columns = ["id", "serial", "code", "to", "status", "tries", "since", "reason"]
    print_table("Outbox", columns, rows)


async def _collect(desk: Any, statuses: tuple[str, ...], case_id: str | None, limit: int) -> list[Any]:
    """List each wanted status and put them into one order."""
    from csenet.gateway.cli.store import own
    from csenet.gateway.desk.results import TransactionFilter

    found: list[Any] = []
    for status in statuses:
        chosen = TransactionFilter(direction="out", status=status, case_id=case_id, limit=limit)
        found += (await desk.list_transactions(own(chosen))).items
    return sorted(found, key=lambda each: int(each.serial))[:limit]
