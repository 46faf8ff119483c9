"""csenet audit: who did and saw what, and the proof that nobody changed the record of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    Unusable,
    config_option,
    day_option,
    example,
    json_option,
    print_json,
    print_table,
    progress,
    run,
)
from csenet.gateway.wording import count as counted

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from csenet.gateway.desk import Desk

_COLUMNS = ("id", "at", "who", "did", "to", "from", "outcome", "purpose", "unmasked")


@click.group(cls=Listing)
def audit() -> None:
    """Ask who did and saw what; prove that the record is whole."""


@audit.command(epilog=example("csenet audit verify --config gateway.toml"))
@config_option
@click.option(
    "--anchors",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Compare with this file of anchors, not with the one that is set.",
)
@json_option
def verify(config: Path, anchors: Path | None, as_json: bool) -> None:
    """Walk along the whole chain and name the first record that was edited, removed, moved or cut off.

    Exit 1 if there is one.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.people.anchors import read
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.store import audit as records

    kept = read(anchors or load_settings(config).audit_anchors)

    async def look(desk: Desk) -> Any:
        async with desk.store.read() as conn:
            with progress("Walking along the chain") as bar:
                return await records.verify(conn, kept, bar)

    count, fault = run(call(config, look))
    if as_json:
        print_json({"records": count, "anchors": len(kept), "fault": fault})
    elif fault is None:
        click.echo(f"{counted(count, 'record')}, {counted(len(kept), 'anchor')}: whole")
        if count and not kept:
            click.echo("without an anchor nobody can tell whether its end was cut off", err=True)
    if fault is not None:
        raise Refused(f"record {fault.record} {fault.what}")


@audit.command(epilog=example("csenet audit anchor --config gateway.toml"))
@config_option
def anchor(config: Path) -> None:
    """Write the head of the chain into the file of anchors now, not only when it is due."""
    from csenet.gateway.cli.store import call
    from csenet.gateway.people.anchors import write
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.store import audit as records

    file = load_settings(config).audit_anchors

    async def look(desk: Desk) -> Any:
        async with desk.store.read() as conn:
            return await records.head(conn), desk.clock.now()

    head, now = run(call(config, look))
    write(file, head, now)
    click.echo(f"{file}: up to record {head.id}")


@audit.command("list", epilog=example("csenet audit list --limit 20 --config gateway.toml"))
@config_option
@click.option("--who", help="Only what this account, token or system user did, such as ada or os:root.")
@click.option("--action", help="Only this, such as case.read.")
@day_option("--from", help="From this day on (UTC).")
@day_option("--to", help="Up to and with this day (UTC).")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True)
@json_option
def list_(
    config: Path, who: str | None, action: str | None, limit: int, as_json: bool, **days: date | None
) -> None:
    """List records, oldest first."""
    chosen: dict[str, Any] = {"actor": who, "action": action, "limit": limit, **_span(days)}

    async def found(conn: AsyncConnection) -> Sequence[Any]:
        from csenet.gateway.store import audit as records

        return await records.found(conn, **chosen)

    _show(config, "Audit", found, about="audit", as_json=as_json)


@audit.command("who-saw", epilog=example("csenet audit who-saw 2701 --config gateway.toml"))
@click.argument("case", metavar="[CASE]", required=False)
@click.option("--by", type=click.Choice(["ssn", "name"]), help="Of a person; asked for, never typed here.")
@config_option
@day_option("--from", help="From this day on (UTC).")
@day_option("--to", help="Up to and with this day (UTC).")
@click.option("--limit", type=click.IntRange(1, 100_000), default=10_000, show_default=True)
@json_option
def who_saw(
    case: str | None, by: str | None, config: Path, limit: int, as_json: bool, **days: date | None
) -> None:
    """List who looked at CASE, or tried to, when, from where, why, and what they saw in clear.

    With --by instead of CASE it is about a person: their number or name is asked for, or read from a pipe,
    because arguments stand in histories.  That counts all cases and transactions in which the person stands.
    """
    from csenet.gateway.cli.search import asked_person
    from csenet.gateway.people import who_saw

    if (case is None) == (by is None):
        raise Unusable("give a case, or --by ssn or --by name for a person")
    value = "" if by is None else asked_person(by)

    async def found(conn: AsyncConnection) -> Sequence[Any]:
        kept = who_saw.Kept(frozenset(((case or "").strip().upper(),)))
        if by is not None:
            kept = await who_saw.kept_of(conn, "ssn" if by == "ssn" else "name", value)
        return await who_saw.looks(conn, kept, limit=limit, **_span(days))

    about = f"case {case.strip().upper()}" if case else f"a person by {by}"
    shown = _show(config, "Who saw it", found, about=about, as_json=as_json)
    if by is None and not shown:
        click.echo("a case is looked for as it is written; a person is asked for with --by", err=True)


def _span(days: dict[str, date | None]) -> dict[str, datetime | None]:
    """Turn two days into moments; the second day counts whole."""
    first, last = days.get("from"), days.get("to")
    return {
        "since": None if first is None else datetime.combine(first, time.min, UTC),
        "until": None if last is None else datetime.combine(last + timedelta(days=1), time.min, UTC),
    }


def _show(
    config: Path,
    title: str,
    find: Callable[[AsyncConnection], Awaitable[Sequence[Any]]],
    *,
    about: str,
    as_json: bool,
) -> bool:
    """Look records up, write down that somebody did, print them, and say whether there are any."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import call, reader_at
    from csenet.gateway.people.looks import SHOWN, Look

    async def look(desk: Desk) -> Sequence[Any]:
        async with desk.store.read() as conn:
            found = await find(conn)
        # Of what there is no record somebody may have typed anything, a number of somebody too.
        known = bool(found) or not about.startswith("case ")
        look, told = Look(channel="cli"), [f"record of {about}"]
        await reader_at(desk).record(acting(), "audit.read", told, look, outcome=SHOWN, known=known)
        return found

    rows = run(call(config, look))
    if as_json:
        print_json([dict(row) for row in rows])
    else:
        print_table(title, _COLUMNS, [_cells(row) for row in rows])
    return bool(rows)


def _cells(row: Any) -> tuple[Any, ...]:
    """Write one record as cells."""
    detail = row["detail"] if isinstance(row["detail"], dict) else {}
    told = [detail.get(name, "") for name in ("source", "outcome", "purpose")]
    unmasked = ", ".join(detail.get("unmasked", ()))
    return (row["id"], row["at"], row["actor"], row["action"], row["object"], *told, unmasked)
