"""csenet archive: the sealed copies of the files that were taken in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import Listing, Unusable, config_option, example, run

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.store.wrapping import WrappingKeys

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_OUTPUT = click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
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
@click.option("--reason", required=True, help="Why, in 8 to 200 characters, for the record.")
@config_option
def open_(file: Path, output: Path, reason: str, config: Path) -> None:
    """Write what the sealed copy FILE holds to a new file that only its owner can read.

    The record of who saw what says so before anything is written. Delete the file when it has served.
    """
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import call, reader_at
    from csenet.gateway.intake.archive import opened
    from csenet.gateway.people.looks import SHOWN, Look

    if not 8 <= len(reason.strip()) <= 200:
        raise Unusable("a reason has 8 to 200 characters")
    data = opened(_read(file), _keys(config))
    look = Look(unmask=True, purpose=reason.strip(), channel="cli")

    async def record(desk: Desk) -> None:
        objects = [f"archive {file.name}"]
        await reader_at(desk).record(acting(), "archive.read", objects, look, outcome=SHOWN)

    run(call(config, record))
    _write(output, data)
    click.echo(f"{output}: {len(data):,} bytes")


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
