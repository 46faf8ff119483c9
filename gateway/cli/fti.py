"""csenet fti: how federal tax information was handled, as IRS Publication 1075 wants it listed."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from csenet.gateway.cli.common import (
    Listing,
    Unusable,
    config_option,
    day_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk

_COLUMNS: Final = (
    "id",
    "at",
    "kind",
    "what",
    "case",
    "far",
    "from",
    "to",
    "handler",
    "reason",
    "disposition",
)


@click.group(cls=Listing)
def fti() -> None:
    """List how federal tax information was received, seen, disclosed and destroyed."""


@fti.command(epilog=example("csenet fti log --from 2026-01-01 --config gateway.toml"))
@day_option("--from", help="From this day on, in UTC.")
@day_option("--to", help="Up to this day, it included.")
@click.option(
    "--kind",
    type=click.Choice(["receipt", "access", "disclosure", "destruction"]),
    help="Only these.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@config_option
@json_option
def log(config: Path, kind: str | None, as_csv: bool, as_json: bool, **days: date | None) -> None:
    """Print the log that IRS Publication 1075 asks for: what, from whom, to whom, when, by whom, why.

    Content is never in it.  The records are part of the audit, so csenet audit verify proves them too.
    """
    from csenet.gateway.cli.store import call

    if as_csv and as_json:
        raise Unusable("give --csv or --json, not both")
    since, until = days["from"], days["to"]

    async def look(desk: Desk) -> list[Any]:
        from csenet.gateway.store import tax

        async with desk.store.read() as conn:
            found = await tax.log(
                conn, since=_start(since), until=_start(until and until + timedelta(days=1))
            )
        return [row for row in found if kind in (None, tax.KINDS[row["action"]])]

    rows = [_entry(row) for row in run(call(config, look))]
    if as_json:
        print_json(rows)
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        shown = [[row[name] for name in _COLUMNS if name != "id"] for row in rows]
        print_table("Federal tax information", [name for name in _COLUMNS if name != "id"], shown)


def _start(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)


def _entry(row: Any) -> dict[str, Any]:
    """Write one line of the log."""
    from csenet.gateway.store import tax

    detail = row["detail"] or {}
    objects = detail.get("objects", [row["object"]])
    cases = [each.removeprefix("case ") for each in objects if each.startswith("case ")]
    return {
        "id": row["id"],
        "at": f"{row['at']:%Y-%m-%dT%H:%M:%SZ}",
        "kind": tax.KINDS[row["action"]],
        "what": row["object"],
        "case": ", ".join(cases) or detail.get("case", ""),
        "far": detail.get("far", ""),
        "from": detail.get("from", ""),
        "to": detail.get("to", ""),
        "handler": row["actor"],
        "reason": detail.get("reason", ""),
        "disposition": detail.get("disposition", ""),
    }


@fti.command(epilog=example("csenet fti mark --config gateway.toml"))
@config_option
def mark(config: Path) -> None:
    """Mark what a store from before these marks holds; what is marked already stays as it is."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    async def go_through(desk: Desk) -> int:
        from csenet.gateway.desk.taxing import mark_older

        async with desk.store.begin() as conn:
            return await mark_older(conn, desk.clock.now(), actor())

    click.echo(f"{run(call(config, go_through))} marked")
