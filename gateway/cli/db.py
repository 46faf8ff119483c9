"""csenet db: the store's schema."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    config_option,
    example,
    json_option,
    print_json,
    progress,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.backup import Proof
    from csenet.gateway.settings.loading import Settings


@click.group(cls=Listing)
def db() -> None:
    """Look after the store."""


@db.command(epilog=example("csenet db upgrade --config gateway.toml"))
@config_option
def upgrade(config: Path) -> None:
    """Make the store, or bring its schema up to date.

    Harmless on a store that is up to date.  Stop the gateway first: it does not know a newer schema.
    """
    from csenet.gateway.desk.indexing import index
    from csenet.gateway.lock import DataLock
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.store import resealing
    from csenet.gateway.store.engine import SCHEMA_HEAD, open_store
    from csenet.gateway.wiring import keyring_of, tell_of_new_key

    settings = load_settings(config)

    async def migrate() -> None:
        keyring = keyring_of(settings)
        store = await open_store(settings.store_location, migrate=True, keyring=keyring)
        tell_of_new_key(keyring)
        if settings.sealing.enabled:
            with progress("Sealing content") as bar:
                await resealing.run(store, lambda: datetime.now(UTC), index=index, told=bar)
        await store.close()

    lock = DataLock(settings.gateway.data_dir)
    lock.take()
    try:
        run(migrate())
    finally:
        lock.release()
    click.echo(f"the store has schema {SCHEMA_HEAD}")


@db.command(epilog=example("csenet db copy copied --config gateway.toml"))
@click.argument("target")
@config_option
@json_option
def copy(target: str, config: Path, as_json: bool) -> None:
    """Copy the whole store into TARGET: the address of an empty database, or a new folder.

    From one SQLite file to PostgreSQL or the other way: every table, sealed content as it is, numbers going
    on where they were. Stop the gateway first. Each row must come back as it was, or nothing is left in
    TARGET; then everything sealed is opened, the ledger added up and the audit walked through, and all must
    be as in the source: exit 1 names what is not. The wrapping key is not copied: keep its file. Leave the
    password out of an address: ~/.pgpass is read.
    """
    from csenet.gateway.lock import DataLock
    from csenet.gateway.settings.loading import load_settings

    settings = load_settings(config)
    lock = DataLock(settings.gateway.data_dir)
    lock.take()
    try:
        proof = run(_copy(settings, target))
    finally:
        lock.release()
    if as_json:
        print_json(proof)
    else:
        click.echo(
            f"{proof.rows:,} rows of {proof.tables} tables as they were, {proof.records:,} records with "
            f"content open, {proof.audit_records:,} audit records in one chain, the ledger "
            f"{'balances' if proof.balanced else 'does not balance, as before'}"
        )
    if proof.problems:
        raise Refused("\n".join(proof.problems))


async def _copy(settings: Settings, target: str) -> Proof:
    """Make a backup that only this process can open, and put it back in the other place."""
    import secrets
    from tempfile import TemporaryDirectory

    from csenet.gateway.backup import restore
    from csenet.gateway.cli.backup import make_backup
    from csenet.gateway.store.wrapping import HeldKeys
    from csenet.gateway.wiring import keyring_of

    keys = HeldKeys({"copy": secrets.token_bytes(32)})
    with TemporaryDirectory(prefix=".csenet-copy-", dir=settings.gateway.data_dir) as place:
        file = Path(place) / "copy"
        await make_backup(settings, file, keys)
        into = target if "://" in target else Path(target)
        with progress("Writing the copy") as bar:
            return await restore(file, into, keys, keyring_of(settings), bar)
