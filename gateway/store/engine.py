"""Open the store and hand out connections: one writer at a time, readers beside it.

SQLite runs with a write-ahead log and full synchronisation, so that a commit is on disk before anything is
acknowledged.  A writing transaction takes its lock at once (``BEGIN IMMEDIATE``): a lock taken later, at the
first change, can fail after the reads it was based on.  On PostgreSQL an advisory lock, held until the
transaction ends, does the same among all processes that work on the database.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from csenet.gateway.store import audit, embedded, postgres
from csenet.gateway.store.committer import Committer, T, Work
from csenet.gateway.store.embedded import Disk, InPlaceEngine
from csenet.gateway.store.errors import StoreDamaged, StoreError
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.sealing import OPTION
from csenet.gateway.store.sleepers import Watch

__all__ = ["SCHEMA_HEAD", "Store", "StoreError", "open_store"]

# The newest step under migrations/versions; kept here because importing alembic takes a second.
SCHEMA_HEAD = "0030"

_READER_PRAGMAS = ("busy_timeout=10000", "query_only=ON")
_READERS = 4


class Store:
    """Hold the database of one jurisdiction."""

    def __init__(
        self,
        writer: AsyncEngine,
        reader: AsyncEngine,
        holder: str = "",
        disk: Disk | None = None,
        keyring: Keyring | None = None,
        glancer: InPlaceEngine | None = None,
    ) -> None:
        """Take the engines, the disk of an embedded database, and the keys; ``open_store`` makes them."""
        self.keyring = keyring or Keyring()
        """Holds the keys that seal content; without one, none is sealed."""
        for engine in (writer, reader, glancer or reader):
            engine.sync_engine.update_execution_options(**{OPTION: self.keyring})
        self.holder = holder or secrets.token_hex(8)
        """Names this gateway among those that share the database."""
        self._writer = writer
        self._reader = reader
        self._glancer = glancer
        self._disk = disk
        self._turn = asyncio.Lock()
        self.shared = writer.dialect.name == "postgresql"
        """Says that other gateways may work on the same database; an embedded one has a single owner."""
        self._committer = Committer(lambda: self.begin())
        self.anchors: audit.Anchors | None = None
        """Keeps the head of the audit's chain outside, where whoever opens the store wants that."""
        self.watch = Watch()
        """Ends, on a server that does not, what a stopped process keeps locked."""

    @property
    def dialect(self) -> str:
        """Return ``sqlite`` or ``postgresql``."""
        return self._writer.dialect.name

    @property
    def busy(self) -> bool:
        """Say whether somebody waits for a commit."""
        return self._committer.busy

    @asynccontextmanager
    async def begin(self, *, alone: bool = True, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Run the block as one transaction: committed, and on disk, when it ends; undone when it raises.

        Nobody else's block runs meanwhile, in this process or another, so what it reads stays true.  A block
        that locks the few rows it is about by itself need not be ``alone`` and does not wait for the others;
        an embedded database takes one writer at a time all the same.  A server ends a transaction that is not
        ``long`` after 15 seconds, as it is that of a process which was stopped.
        """
        if self.shared and not alone:
            if self.keyring.is_due():
                async with self._turn:
                    await self._prepare_keys()
            async with self._writer.begin() as connection:
                await postgres.limit(connection)
                async with audit.gathered(connection) as written:
                    yield connection
            self._note(written)
            return
        async with self._turn:
            if self.keyring.is_due():
                await self._prepare_keys()
            async with self._in_turn(long=long) as connection:
                yield connection

    @asynccontextmanager
    async def _in_turn(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        if isinstance(self._writer, InPlaceEngine):
            async with self._writer.writing(long=long) as connection, audit.gathered(connection) as written:
                yield connection
            self._note(written)
            return
        async with self._writer.begin() as connection:
            if self.shared:
                await postgres.wait_for_turn(connection, long=long)
            async with audit.gathered(connection) as written:
                yield connection
        self._note(written)

    def _note(self, written: audit.Written) -> None:
        """Tell of the records of a commit, now that it is on disk."""
        if self.anchors is not None and written.head is not None:
            self.anchors.note(written.head, weighty=written.weighty)

    async def start_keys(self) -> None:
        """Load the keys that seal content, or make the first ones; raises ``SealingError``."""
        async with self._turn, self._in_turn() as connection:
            await self.keyring.start(connection)

    async def _prepare_keys(self) -> None:
        """Make the month's keys in a commit of their own, before anything is sealed with them."""
        async with self._in_turn() as connection:
            await self.keyring.prepare(connection)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Read one consistent state; keep the block short, an open reader makes the log grow."""
        async with self._reader.connect() as connection:
            yield connection

    def glance(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Read a few rows by their keys; in place on an embedded database, where a thread takes longer."""
        return self.read() if self._glancer is None else self._glancer.glancing()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Keep whoever writes in this process waiting for the length of the block."""
        async with self._turn:
            yield

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[AsyncConnection]:
        """Give a server's connection whose statements are no part of a transaction."""
        async with self._writer.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def server(self) -> str:
        """Name the software that keeps the store, with the version of a server."""
        if not self.shared:
            return "SQLite"
        return "PostgreSQL " + ".".join(map(str, postgres.version(self._writer.dialect)))

    async def together(self, work: Work[T]) -> T:
        """Run ``work`` like a ``begin`` block, in one commit with all else that waits; see ``Committer``."""
        return await self._committer.run(work)

    async def close(self) -> None:
        """Finish the commit under way and close all connections."""
        await self._committer.close()
        if self.anchors is not None:
            await self.anchors.close()
        await self.watch.end()
        await self._reader.dispose()
        if self._glancer is not None:
            await self._glancer.dispose()
        await self._writer.dispose()
        if self._disk is not None:
            self._disk.close()


def store_url(url_or_path: str | Path) -> URL:
    """Turn what the settings name into a URL; raises ``StoreError`` for what can be no store."""
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite+aiosqlite", database=str(Path(url_or_path).absolute()))
    try:
        url = make_url(url_or_path)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        # Its own words would quote the password.
        raise StoreError("store.url: is no address of a database") from None
    if backend in ("postgresql", "postgres"):
        return postgres.url_for_driver(url)
    if backend != "sqlite":
        raise StoreError(f"store.url: no store for {backend!r}; use sqlite or postgresql")
    if url.database in (None, "", ":memory:"):
        raise StoreError("store.url: a store in memory would lose what it acknowledged; name a file")
    return url.set(drivername="sqlite+aiosqlite")


def _reader(url: URL) -> AsyncEngine:
    """Make the engine of readers, in threads: what people ask for may take long."""
    engine = create_async_engine(url, pool_size=_READERS, max_overflow=0)
    engine.dialect.statement_compiler = embedded.NamingIndexes

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _READER_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def open_transaction(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def store_at(url: URL, holder: str = "", keyring: Keyring | None = None) -> Store:
    """Make the engines for a database, whatever tables it has or is to get."""
    if url.get_backend_name() == "postgresql":
        return Store(*postgres.engines(url), holder, keyring=keyring)
    writer, disk = embedded.writer(url)
    return Store(writer, _reader(url), holder, disk, keyring, embedded.glancer(url, disk))


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from csenet.gateway.store.migrate import upgrade

    upgrade(connection)


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can ever read it; its log takes the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


async def open_store(
    url_or_path: str | Path,
    *,
    migrate: bool = True,
    unsafe_server: bool = False,
    holder: str = "",
    keyring: Keyring | None = None,
) -> Store:
    """Open the store at a path or database URL, created or brought up to date if ``migrate``.

    Raises ``StoreError`` when the schema is not the one this version works on and may not be changed, and for
    a database server that cannot be reached or is set to lose what it confirmed, and for a file that is
    damaged; ``unsafe_server`` takes such
    a one all the same, for tests.  ``holder`` names this gateway among those that share the database; one
    that keeps its name takes its own leases again at once after a restart.  ``keyring`` seals content;
    without one content is written as it is, and a sealed store is refused with ``SealingError``.
    """
    url = store_url(url_or_path)
    if url.get_backend_name() == "sqlite" and url.database:
        _make_private(Path(url.database))
    store = store_at(url, holder, keyring)
    try:
        if store.dialect == "postgresql":
            await postgres.check_server(store._writer, unsafe=unsafe_server)
            store.watch.begin(url, store._writer.dialect)
        async with store.begin(long=True) as connection:
            version = await connection.run_sync(_version)
            if version != SCHEMA_HEAD and migrate:
                await connection.run_sync(_upgrade)
                version = await connection.run_sync(_version)
        if version != SCHEMA_HEAD:
            found = version or "none"
            raise StoreError(f"the store has schema {found}, needed is {SCHEMA_HEAD}; run csenet db upgrade")
        await store.start_keys()
    except BaseException as error:
        await store.close()
        # SQLite says so of a file that is damaged or none of its own; what may pass is another kind.
        if type(error) is DatabaseError and store.dialect == "sqlite":
            told = f"{url.database}: is damaged, or no store at all; see ops/disaster.md"
            raise StoreDamaged(told) from error
        raise
    return store
