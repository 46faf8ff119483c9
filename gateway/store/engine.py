"""Open the store and hand out connections: one writer at a time, readers beside it.

SQLite runs with a write-ahead log and full synchronisation, so that a commit is on disk before anything is
acknowledged.  A writing transaction takes its lock at once (``BEGIN IMMEDIATE``): a lock taken later, at the
first change, can fail after the reads it was based on.  On PostgreSQL the database orders the writers itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from csenet.gateway.errors import GatewayError

# The newest step under migrations/versions; kept here because importing alembic takes a second.
SCHEMA_HEAD = "0001"

_WRITER_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")
_READER_PRAGMAS = ("busy_timeout=10000", "query_only=ON")


class StoreError(GatewayError):
    """Report a store that cannot be used as it is."""


class Store:
    """Hold the database of one jurisdiction."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        """Take the engines; ``open_store`` makes them."""
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()
        self._single = writer.dialect.name == "sqlite"

    @property
    def dialect(self) -> str:
        """Return ``sqlite`` or ``postgresql``."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Run the block as one transaction: committed, and on disk, when it ends; undone when it raises."""
        if not self._single:
            async with self._writer.begin() as connection:
                yield connection
            return
        async with self._turn, self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Read one consistent state; keep the block short, an open reader makes the log grow."""
        async with self._reader.connect() as connection:
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self._reader.dispose()
        await self._writer.dispose()


def _store_url(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite+aiosqlite", database=str(Path(url_or_path).absolute()))
    url = make_url(url_or_path)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend = url.get_backend_name()
    if backend not in drivers:
        raise StoreError(f"store.url: no store for {backend!r}; use sqlite or postgresql")
    return url.set(drivername=drivers[backend])


def _sqlite_engine(url: URL, pragmas: tuple[str, ...], begin: str, size: int) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=size, max_overflow=0, pool_reset_on_return="rollback")

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # Otherwise the driver opens transactions by its own rules, and only before some statements.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def open_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise StoreError("store.url: a store in memory would lose what it acknowledged; name a file")
        return (
            _sqlite_engine(url, _WRITER_PRAGMAS, "BEGIN IMMEDIATE", 1),
            _sqlite_engine(url, _READER_PRAGMAS, "BEGIN", 4),
        )
    engine = create_async_engine(url)
    return engine, engine.execution_options(isolation_level="REPEATABLE READ")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from .migrate import upgrade

    upgrade(connection)


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can ever read it; its log takes the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


async def open_store(url_or_path: str | Path, *, migrate: bool = True) -> Store:
    """Open the store at a path or database URL, created or brought up to date if ``migrate``.

    Raises ``StoreError`` when the schema is not the one this version works on and may not be changed.
    """
    url = _store_url(url_or_path)
    if url.get_backend_name() == "sqlite" and url.database:
        _make_private(Path(url.database))
    store = Store(*_engines(url))
    try:
        async with store.begin() as connection:
            version = await connection.run_sync(_version)
            if version != SCHEMA_HEAD and migrate:
                await connection.run_sync(_upgrade)
                version = await connection.run_sync(_version)
        if version != SCHEMA_HEAD:
            found = version or "none"
            raise StoreError(f"the store has schema {found}, needed is {SCHEMA_HEAD}; run csenet db upgrade")
    except BaseException:
        await store.close()
        raise
    return store
