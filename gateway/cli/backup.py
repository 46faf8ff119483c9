"""csenet backup: a sealed copy of the store, made in service, proved, and put back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    progress,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.backup import Made, Proof
    from csenet.gateway.settings.loading import Settings
    from csenet.gateway.store.wrapping import WrappingKeys

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_PASSPHRASE = click.option(
    "--passphrase-file",
    "passphrase",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Seal or open the backup with the first line of this file instead of the wrapping key.",
)


@click.group(cls=Listing)
def backup() -> None:
    """Make a sealed copy of the store, prove it, and put it back.

    It holds the whole store of one moment, the data keys in wrapped form among it, and the anchors of the
    audit. It does not hold the wrapping key: keep a copy of that in another place, or nobody can read it.
    """


@backup.command(epilog=example("csenet backup create monday.backup --config gateway.toml"))
@_FILE
@_PASSPHRASE
@config_option
@json_option
def create(file: Path, passphrase: Path | None, config: Path, as_json: bool) -> None:
    """Copy the store as it is at this moment into FILE, beside the running gateway.

    FILE is whole or not there, and one that is there is not written over. Exit 1 when the copy was made but
    the ledger of the store does not balance.
    """
    from csenet.gateway.settings.loading import load_settings

    settings = load_settings(config)
    keys = _keys(settings, passphrase)
    made = run(make_backup(settings, file, keys))
    if as_json:
        print_json(made)
    else:
        click.echo(f"{file}: {made.rows:,} rows, {made.size:,} bytes, sha256 {made.sha256}")
        click.echo(f"sealed with {keys.where}, which is not in it")
    if not made.balanced:
        raise Refused("the copy is whole, but the ledger does not balance: see csenet ledger check")


async def make_backup(settings: Settings, file: Path, keys: WrappingKeys) -> Made:
    """Copy the store that the settings name into a file, with a bar."""
    from datetime import UTC, datetime

    from csenet.gateway.backup import create as make
    from csenet.gateway.backup.restoring import ANCHORS
    from csenet.gateway.store.engine import open_store
    from csenet.gateway.wiring import keyring_of, refuse_missing

    refuse_missing(settings)
    store = await open_store(settings.store_location, migrate=False, keyring=keyring_of(settings))
    try:
        with progress("Copying the store") as bar:
            return await make(
                store,
                file,
                keys,
                jurisdiction=settings.gateway.jurisdiction,
                now=datetime.now(UTC),
                files={ANCHORS: settings.audit_anchors},
                told=bar,
            )
    finally:
        await store.close()


@backup.command(
    epilog=example(
        "csenet backup create tuesday.backup --config gateway.toml",
        "csenet backup verify tuesday.backup --config gateway.toml",
    )
)
@_FILE
@_PASSPHRASE
@config_option
@json_option
def verify(file: Path, passphrase: Path | None, config: Path, as_json: bool) -> None:
    """Put FILE back into a folder of its own, prove it as restore does, and throw that away again.

    The folder lies beside FILE, as large as the store, for as long as it takes; the store is not touched.
    """
    from csenet.gateway.backup import verify as prove
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import keyring_of

    settings = load_settings(config)
    with progress("Putting it back") as bar:
        proof = run(prove(_there(file), _keys(settings, passphrase), keyring_of(settings), bar))
    _tell(file, proof, as_json=as_json)


@backup.command(
    epilog=example(
        "csenet backup create friday.backup --config gateway.toml",
        "csenet backup restore friday.backup --into restored --config gateway.toml",
    )
)
@_FILE
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder, to be named as gateway.data_dir by the gateway that goes on with it.",
)
@click.option("--into-store", is_flag=True, help="The store that the settings name; it must not exist yet.")
@_PASSPHRASE
@config_option
@json_option
def restore(
    file: Path, folder: Path | None, into_store: bool, passphrase: Path | None, config: Path, as_json: bool
) -> None:
    """Put FILE back where no store is yet, of either kind of database, and prove it.

    Each row must come back as it was, or nothing is left of the try. Then all sealed content is opened, the
    ledger added up, the chain of the audit compared with its anchors; exit 1 names what is wrong, and was so
    when the backup was made. What came or went since is not in it: ask the exchange before anything leaves.
    """
    from csenet.gateway.backup import restore as put_back
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import keyring_of

    if (folder is None) == (not into_store):
        raise click.UsageError("say --into FOLDER or --into-store")
    settings = load_settings(config)
    target = folder or _place(settings)
    with progress("Putting it back") as bar:
        keys, kept = _keys(settings, passphrase), settings.audit_anchors
        proof = run(put_back(_there(file), target, keys, keyring_of(settings), bar, anchors_file=kept))
    _tell(file, proof, as_json=as_json)
    if not as_json:
        where = "the database" if isinstance(target, str) else target / "gateway.db"
        click.echo(f"{where}: the store of {proof.made_at}; read ops/disaster.md before it sends anything")


def _tell(file: Path, proof: Proof, *, as_json: bool) -> None:
    if as_json:
        print_json(proof)
    else:
        click.echo(
            f"{file}: made at {proof.made_at} for jurisdiction {proof.jurisdiction}; {proof.rows:,} rows of "
            f"{proof.tables} tables as they were, {proof.records:,} records with content open, "
            f"{proof.audit_records:,} audit records in one chain"
        )
    if proof.problems:
        raise Refused("\n".join(proof.problems))
    if not proof.balanced:
        raise Refused("the ledger did not balance when the backup was made; it is as it was then")


def _place(settings: Settings) -> Path | str:
    """Name the folder of the embedded store, or the database."""
    location = settings.store_location
    if isinstance(location, Path):
        return location.parent
    if location.startswith("sqlite"):
        raise Unusable("store.url names a file of its own: use --into FOLDER and move gateway.db there")
    return location


def _keys(settings: Settings, passphrase: Path | None) -> WrappingKeys:
    from csenet.gateway.backup.passphrase import Passphrase
    from csenet.gateway.wiring import wrapping_keys_of

    if passphrase is not None:
        return Passphrase(passphrase, approved=settings.gateway.fips)
    keys = wrapping_keys_of(settings)
    if keys is None or keys.present() is None:
        raise Unusable("there is no wrapping key to seal a backup with; name a --passphrase-file")
    return keys


def _there(file: Path) -> Path:
    if not file.is_file():
        raise Unusable(f"{file}: no such file")
    return file
