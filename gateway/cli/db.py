"""csenet db: the store's schema."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from csenet.gateway.cli.common import Listing, config_option, example, run


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
            await resealing.run(store, lambda: datetime.now(UTC), index=index)
        await store.close()

    lock = DataLock(settings.gateway.data_dir)
    lock.take()
    try:
        run(migrate())
    finally:
        lock.release()
    click.echo(f"the store has schema {SCHEMA_HEAD}")
