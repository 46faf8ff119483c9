"""csenet notify: what left by e-mail, and what waits to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk

_COLUMNS = ("id", "made_at", "to", "new", "overdue", "state", "attempts", "next_attempt_at", "last_error")


@click.group(cls=Listing)
def notify() -> None:
    """See the notices of new and overdue work that leave by e-mail."""


@notify.command("list", epilog=example("csenet notify list --config gateway.toml"))
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@config_option
@json_option
def list_(limit: int, config: Path, as_json: bool) -> None:
    """List the newest notices: to whom, which numbers, and what became of each; newest first."""
    from csenet.gateway.cli.store import call

    async def look(desk: Desk) -> list[dict[str, Any]]:
        from csenet.gateway.store import notices

        async with desk.store.read() as conn:
            return await notices.listed(conn, limit)

    rows = [{**row, **row["counts"], "to": f"{row['kind']} {row['name']}"} for row in run(call(config, look))]
    if as_json:
        print_json([{name: row[name] for name in (*_COLUMNS, "sent_at")} for row in rows])
        return
    print_table("Notices by e-mail", _COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])
