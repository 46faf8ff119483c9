"""csenet archive: the sealed copies of the files that were taken in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.people.looks import Look
    from csenet.gateway.store.wrapping import WrappingKeys

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_OUTPUT = click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
_REASON = click.option("--reason", required=True, help="Why, in 8 to 200 characters, for the record.")
_SEAL = "csenet archive seal fixtures/transactions/col-p-cisub.from-server.txt --output copy.sealed"


@click.group(cls=Listing)
def archive() -> None:
    """Open and seal copies of files that the intake put away; they need the wrapping key and nothing else."""


@archive.command(
    "open",
    epilog=example(_SEAL, 'csenet archive open copy.sealed --output copy.txt --reason "taken in anew"'),
)
@_FILE
@_OUTPUT
@_REASON
@config_option
def open_(file: Path, output: Path, reason: str, config: Path) -> None:
    """Write what the sealed copy FILE holds to a new file that only its owner can read.

    The record of who saw what says so before anything is written. Delete the file when it has served.
    """
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import call, reader_at
    from csenet.gateway.intake.archive import opened
    from csenet.gateway.people.looks import SHOWN

    look = _look(reason)
    data = opened(_read(file), _keys(config))

    async def record(desk: Desk) -> None:
        objects = [f"archive {file.name}"]
        await reader_at(desk).record(acting(), "archive.read", objects, look, outcome=SHOWN)

    run(call(config, record))
    _write(output, data)
    click.echo(f"{output}: {len(data):,} bytes")


@archive.command(
    epilog=example('csenet archive name "#5ad1c0de93b7.txt" --reason "what came?" --config gateway.toml')
)
@click.argument("shown")
@_REASON
@config_option
@json_option
def name(shown: str, reason: str, config: Path, as_json: bool) -> None:
    """Tell the names of files that log and pages show as SHOWN, such as #5ad1c0de93b7.txt.

    A name that is not of the form of the exchange's could be a person's, so it is withheld elsewhere, and the
    record of who saw what says that it was told here. Looks among the files that were taken in, and at
    those that lie in the folder of the intake now.
    """
    from csenet.gateway.cli.store import call

    found = run(call(config, partial(_names, shown, config, _look(reason))))
    if as_json:
        print_json(found)
    else:
        columns = ("file", "came", "by", "name")
        print_table("Names", columns, [[each[column] for column in columns] for each in found])


async def _names(shown: str, config: Path, look: Look, desk: Desk) -> list[dict[str, Any]]:
    """Look for names, and put it on record before they are told."""
    from sqlalchemy import select

    from csenet.gateway import file_names
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at
    from csenet.gateway.people.looks import NOT_FOUND, SHOWN
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.store.tables import inbound_file as table

    key, found = desk.store.keyring.ring.search, []
    wanted = shown.partition(".")[0]
    query = select(table.c.id, table.c.received_at, table.c.source, table.c.name).order_by(table.c.id)
    async with desk.store.read() as conn:
        for row in (await conn.execute(query)).mappings():
            if file_names.shown(row["name"], key).partition(".")[0] == wanted:
                found.append({"file": row["id"], "came": row["received_at"], "by": row["source"], **row})
    folder = load_settings(config).intake.folder
    here = folder.path.iterdir() if folder is not None and folder.path.is_dir() else ()
    for each in sorted(here):
        if each.is_file() and file_names.shown(each.name, key).partition(".")[0] == wanted:
            found.append({"file": None, "came": None, "by": "folder", "name": each.name})
    outcome = SHOWN if found else NOT_FOUND
    await reader_at(desk).record(acting(), "archive.read", [f"name {wanted}"], look, outcome=outcome)
    return [{column: each[column] for column in ("file", "came", "by", "name")} for each in found]


@archive.command(epilog=example(_SEAL))
@_FILE
@_OUTPUT
@config_option
def seal(file: Path, output: Path, config: Path) -> None:
    """Write a sealed copy of FILE, such as one of an archive of before; FILE stays as it is.

    The running gateway seals by itself what it puts away, and at its start what it finds unsealed.
    """
    from csenet.gateway.intake.archive import closed

    _write(output, closed(_read(file), _keys(config)))
    click.echo(f"{output}: sealed")


def _look(reason: str) -> Look:
    from csenet.gateway.people.looks import Look

    if not 8 <= len(reason.strip()) <= 200:
        raise Unusable("a reason has 8 to 200 characters")
    return Look(unmask=True, purpose=reason.strip(), channel="cli")


def _keys(config: Path) -> WrappingKeys:
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import wrapping_keys_of

    keys = wrapping_keys_of(load_settings(config))
    if keys is None or keys.present() is None:
        raise Unusable("there is no wrapping key; see csenet keys status")
    return keys


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unusable(f"{file}: cannot be read: {error.strerror}") from None


def _write(output: Path, data: bytes) -> None:
    import os

    try:
        handle = os.open(output, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise Unusable(f"{output}: cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "wb") as target:
        target.write(data)
