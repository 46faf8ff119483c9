"""csenet export: take what a search finds out of the house, marked and on record."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import Unusable, config_option, example, run
from csenet.gateway.cli.search import chosen, filters
from csenet.gateway.wording import count

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk


@click.command(
    epilog=example(
        "csenet export --since 2026-01-01 --output found.csv --config gateway.toml",
        "csenet export --since 2026-01-01 --until 2099-12-31 --output found.json",
    )
)
@config_option
@filters
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="A new .csv or .json file.",
)
def export(config: Path, output: Path, **known: Any) -> None:
    """Write the transactions that a search finds to a new file, newest first, at most 10,000.

    The file says who took it out, when, by which filters, and whether it holds all; so does the audit trail.
    Only its owner can read it.  Exit 1 if nothing was found, 2 if there is such a file already.
    """
    from csenet.gateway.cli.store import call

    form = output.suffix.removeprefix(".").lower()
    if form not in ("csv", "json"):
        raise click.BadParameter("ends in .csv or .json", param_hint="--output")
    if output.exists():
        raise Unusable(f"{output} is there already")
    number, whole, body = run(call(config, lambda desk: _export(desk, chosen(known), form)))
    if not number:
        click.echo("nothing was found, nothing was written")
        click.get_current_context().exit(1)
    _write(output, body)
    rest = "" if whole else "; there are more: narrow the search down"
    click.echo(f"{output}: {count(number, 'transaction')}{rest}")


async def _export(desk: Desk, wanted: dict[str, Any], form: str) -> tuple[int, bool, bytes]:
    """Find, put it on record, and only then write."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import own, reader_at
    from csenet.gateway.console import exporting
    from csenet.gateway.desk.views_search import Search, search
    from csenet.gateway.people.looks import SHOWN, Look

    asked = own(Search(**wanted, limit=exporting.MOST))
    async with desk.store.read() as conn:
        found = await search(conn, asked, state=desk.agency.state, zone=desk.agency.zone)
    typed = {name: _typed(value) for name, value in wanted.items() if value is not None}
    if found.items:
        objects = exporting.objects(found, typed)
        look = Look(channel=f"export {form}")
        await reader_at(desk).record(acting(), "transactions.export", objects, look, outcome=SHOWN)
    now = desk.clock.now()
    body = exporting.export(found, form, filters=typed, by=acting().name, at=now)
    return len(found.items), found.next is None, body


def _typed(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _write(output: Path, body: bytes) -> None:
    """Write a file that only its owner reads, and never over another."""
    import os

    try:
        with open(output, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(body)
    except OSError as error:
        raise Unusable(f"{output}: cannot be written: {error.strerror}") from None
