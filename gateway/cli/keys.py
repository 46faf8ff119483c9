"""csenet keys: the keys that seal what the store holds of people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    progress,
    run,
)

_SHOWN = ("number", "kind", "period", "generation", "wrapped_by")

if TYPE_CHECKING:
    from csenet.gateway.settings.loading import Settings
    from csenet.gateway.store.engine import Store


@click.group(cls=Listing)
def keys() -> None:
    """Look after the keys that seal what the store holds of people."""


@keys.command(epilog=example("csenet keys status --config gateway.toml"))
@config_option
@json_option
def status(config: Path, as_json: bool) -> None:
    """Show the wrapping key, the data keys of each month, and how far each table is sealed."""
    told = run(_status(config))
    if as_json:
        print_json(told)
        return
    click.echo(f"wrapping key {told['wrapping_key']}, in {told['where']}")
    print_table(
        "Data keys",
        ["number", "kind", "period", "generation", "made", "wrapped by"],
        [
            (
                each["number"],
                each["kind"],
                each["period"],
                each["generation"],
                each["made"],
                each["wrapped_by"],
            )
            for each in told["data_keys"]
        ],
    )
    print_table(
        "Tables",
        ["table", "sealed", "rows sealed anew", "under way"],
        [(each["table"], each["sealed"], each["rows"], each["under_way"]) for each in told["tables"]],
    )


@keys.command(epilog=example("csenet keys rotate --wrapping --config gateway.toml"))
@config_option
@click.option("--wrapping", is_flag=True, help="Make a new wrapping key and wrap the data keys with it.")
@click.option("--data", is_flag=True, help="Make new data keys, seal everything anew, destroy the old ones.")
@click.option("--batch", type=click.IntRange(1, 5000), default=200, help="Rows sealed anew in one commit.")
def rotate(config: Path, wrapping: bool, data: bool, batch: int) -> None:
    """Change keys, beside the running gateway; what was interrupted is gone on with by running it again.

    A new wrapping key takes a moment and has to be backed up; earlier ones stay in the key file, because
    backups made before need them. New data keys mean that each record is written once: the running gateway
    takes them up within a minute, and only then are old records sealed anew.
    """
    if wrapping == data:
        raise click.UsageError("say --wrapping or --data")
    run(_rotate_wrapping(config) if wrapping else _rotate_data(config, batch))


@keys.command(epilog=example("csenet keys verify --config gateway.toml"))
@config_option
@json_option
def verify(config: Path, as_json: bool) -> None:
    """Open everything that is sealed and name what does not open; exit code 1 if anything does not."""
    told = run(_verify(config))
    if as_json:
        print_json(told)
    else:
        print_table(
            "Opened",
            ["table", "records", "wrong"],
            [(e["table"], e["records"], len(e["wrong"])) for e in told],
        )
    wrong = [each for table in told for each in table["wrong"]]
    if wrong:
        raise Refused("\n".join(wrong))


@keys.command(epilog=example("csenet keys init --config gateway.toml"))
@config_option
def init(config: Path) -> None:
    """Make the first wrapping key where the settings say: in the key file, or on the token.

    The first start does so too; this is for trying a token before. Where there is a key it stays the one.
    """
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import wrapping_keys_of

    provider = wrapping_keys_of(load_settings(config))
    if provider is None:
        raise Refused("sealing.enabled is false: content is written as it is, there are no keys")
    there = provider.present()
    if there is not None:
        click.echo(f"wrapping key {there} is there; csenet keys rotate --wrapping makes the next one")
        return
    click.echo(f"wrapping key {provider.make()} made; back up {provider.where} now")


@keys.command(epilog=example("csenet keys make"))
def make() -> None:
    """Print a new wrapping key, as a line for a file that systemd-creds is to encrypt."""
    from csenet.gateway.store.wrapping import new_line

    click.echo(new_line(), nl=False)


@asynccontextmanager
async def _opened(config: Path) -> AsyncIterator[tuple[Settings, Store]]:
    """Open the store of a settings file, also beside a running gateway."""
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.store.engine import open_store
    from csenet.gateway.wiring import keyring_of, refuse_missing

    settings = load_settings(config)
    refuse_missing(settings)
    if not settings.sealing.enabled:
        raise Refused("sealing.enabled is false: content is written as it is, there are no keys")
    store = await open_store(settings.store_location, migrate=False, keyring=keyring_of(settings))
    try:
        yield settings, store
    finally:
        await store.close()


async def _status(config: Path) -> dict[str, Any]:
    import msgspec
    from sqlalchemy import select

    from csenet.gateway.store import resealing
    from csenet.gateway.store.tables_sealing import data_key

    async with _opened(config) as (_, store), store.read() as conn:
        rows = (await conn.execute(select(data_key).order_by(data_key.c.number))).mappings().all()
        provider = store.keyring.provider
        return {
            "wrapping_key": provider.present() if provider else None,
            "where": provider.where if provider else None,
            "data_keys": [
                {**{name: row[name] for name in _SHOWN}, "made": row["created_at"]} for row in rows
            ],
            "tables": [msgspec.to_builtins(each) for each in await resealing.progress(conn)],
        }


async def _rotate_wrapping(config: Path) -> None:
    from csenet.gateway.store import resealing

    async with _opened(config) as (_, store):
        name, count = await resealing.rotate_wrapping(store)
        where = store.keyring.provider.where if store.keyring.provider else ""
    click.echo(f"wrapping key {name} wraps {count} data keys; back up {where} now")


async def _rotate_data(config: Path, batch: int) -> None:
    from csenet.gateway.store import resealing

    async with _opened(config) as (_, store):
        made = await resealing.begin_rotation(store, _now())
        click.echo(f"{made} data keys made" if made else "going on with a rotation that has begun")
        async with store.read() as conn:
            ready = await resealing.ready_at(conn)
        wait = 0.0 if ready is None else (ready - _now()).total_seconds()
        if wait > 0 and _is_running(config):
            click.echo(f"a gateway is running: waiting {wait:.0f} s until it has taken them up")
            await asyncio.sleep(wait)
            ready = None
        with progress("Sealing anew") as bar:
            await resealing.run(store, lambda: ready or _now(), limit=batch, told=bar)
    click.echo("everything is sealed with the new keys; the old ones are destroyed")


def _now() -> datetime:
    return datetime.now(UTC)


def _is_running(config: Path) -> bool:
    """Tell whether a gateway may be sealing: on a database server nobody can tell from here."""
    from csenet.gateway.errors import AlreadyRunning
    from csenet.gateway.lock import DataLock
    from csenet.gateway.settings.loading import load_settings

    settings = load_settings(config)
    if not isinstance(settings.store_location, Path):
        return True
    lock = DataLock(settings.gateway.data_dir)
    try:
        lock.take()
    except AlreadyRunning:
        return True
    lock.release()
    return False


async def _verify(config: Path) -> list[dict[str, Any]]:
    from csenet.gateway.store import resealing

    async with _opened(config) as (_, store):
        with progress("Opening what is sealed") as bar:
            return [
                {"table": table, "records": count, "wrong": wrong}
                async for table, count, wrong in resealing.verify(store, told=bar)
            ]
