"""Run SQLite's statements where they are asked for, and leave to a thread only what waits for a slow disk.

A statement of ours takes microseconds; handing it to a thread and its result back takes ten times as long.
What takes long is the commit, which waits for the disk.  A quick disk answers sooner than a thread would, so
commits are made in place as long as they prove to be quick, and beside the event loop when they do not.  The
log is copied into the database by a thread of its own, off the way of whoever commits.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, Final, cast

from sqlalchemy import Connection, CursorResult, event, pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from csenet.gateway.store import turns

DRIVER: Final = "sqlite+inplace"
registry.register("sqlite.inplace", __name__, "InPlaceDialect")

# Seconds that a commit may hold up everybody else; one that takes longer is made in a thread.
_QUICK: Final = 0.001
# How much the newest commit counts for what is expected of the next.
_WEIGHT: Final = 0.2
_WAIT_FOR_TURN: Final = 10.0
_BEGIN: Final = "BEGIN IMMEDIATE"
# Rows changed after which the log is copied into the database, and pages of log that call for more than that:
# a log much longer than this would eat up the reserve that is kept of the disk for work under way.
_CHANGES: Final = 8000
_LONG_LOG: Final = 2048
# In bytes: what the log's file is cut down to when it begins anew.
_LARGE_LOG: Final = 2 * _LONG_LOG * 4096

_WRITER_PRAGMAS: Final = (
    "busy_timeout=10000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # In KiB: the indexes of a year stay in memory, or each new row would fetch its pages from the disk.
    "cache_size=-65536",
    # What a statement may have to undo stays in memory too: in a file that is nearly half of all writes.
    "temp_store=MEMORY",
    # The log is copied by the thread.
    "wal_autocheckpoint=0",
    f"journal_size_limit={_LARGE_LOG}",
    # Another program's turn is waited for without blocking, by ourselves.
    "busy_timeout=0",
)

_GLANCER_PRAGMAS: Final = ("busy_timeout=10000", "query_only=ON")


class Disk:
    """Remember how quick commits are, make them accordingly, and keep the log short."""

    def __init__(self, database: str) -> None:
        """Take the path of the database."""
        self._database = database
        self._expected = 0.0
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store")
        self._before = -1
        self._changes = 0
        self._copying: asyncio.Future[int] | None = None
        self._log_is_long = False
        self._failed = False

    async def begin(self, connection: sqlite3.Connection) -> None:
        """Become the one writer; waits, without blocking, for another program that is it."""
        self.cut(connection)
        until = monotonic() + _WAIT_FOR_TURN
        pause = 0.0005
        while True:
            try:
                connection.execute(_BEGIN)
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                    raise _told(_BEGIN, error) from error
            else:
                self._before = connection.total_changes
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.02)

    async def commit(self, connection: sqlite3.Connection) -> None:
        """Commit in place, or beside the event loop when the disk is slow."""
        if not connection.in_transaction:
            return
        try:
            if connection.total_changes == self._before:
                # Nothing is written: it does not wait for the disk, and says nothing about it.
                connection.commit()
                return
            if self._expected < _QUICK:
                self._timed(connection)
            else:
                await self._beside(self._timed, connection)
        except sqlite3.Error as error:
            raise _told("COMMIT", error) from error
        await self._tidy(connection)

    def _timed(self, connection: sqlite3.Connection) -> None:
        start = perf_counter()
        try:
            connection.commit()
        except sqlite3.OperationalError:
            self._failed = True
            raise
        finally:
            self._expected += _WEIGHT * (perf_counter() - start - self._expected)

    async def _beside(self, work: Any, *given: Any) -> None:
        """Run ``work`` in a thread; a caller that is cancelled still waits until the thread is done."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise

    async def _tidy(self, connection: sqlite3.Connection) -> None:
        if self._log_is_long:
            # Whoever writes all the time never lets the log begin anew; now nobody writes.
            self._log_is_long = False
            await self._beside(_copy, connection)
        if connection.total_changes - self._changes < _CHANGES or self._copying is not None:
            return
        self._changes = connection.total_changes
        loop = asyncio.get_running_loop()
        self._copying = loop.run_in_executor(self._threads, self._copy_in_thread)
        self._copying.add_done_callback(self._copied)

    def cut(self, connection: sqlite3.Connection) -> None:
        """Give back what a transaction took that did not happen: on a full disk nothing else would go on."""
        if not self._failed:
            return
        with suppress(OSError, sqlite3.OperationalError):
            if Path(f"{self._database}-wal").stat().st_size > _LARGE_LOG:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            self._failed = False

    def _copy_in_thread(self) -> int:
        connection = sqlite3.connect(self._database, timeout=0)
        try:
            return _copy(connection)
        finally:
            connection.close()

    def _copied(self, done: asyncio.Future[int]) -> None:
        self._copying = None
        if not done.cancelled() and done.exception() is None:
            self._log_is_long = done.result() > _LONG_LOG

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.shutdown(wait=True)


def _copy(connection: sqlite3.Connection) -> int:
    """Copy the log into the database as far as nobody is in the way; return the pages of log."""
    with suppress(sqlite3.OperationalError):
        return int(connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
    return 0


class NamingIndexes(SQLiteCompiler):
    """Write hints into statements: by itself SQLite takes the key's index, and then reads long rows."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """Give the hint as it stands, ``INDEXED BY`` and a name."""
        return text


class InPlaceDialect(SQLiteDialect_pysqlite):
    """Serve an asynchronous engine with the standard library's driver."""

    driver = "inplace"
    statement_compiler = NamingIndexes
    is_async = True
    supports_statement_cache = True

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """Give the pool of asynchronous engines."""
        return pool.AsyncAdaptedQueuePool

    def do_begin(self, dbapi_connection: Any) -> None:
        """Do nothing: the engine opens transactions itself."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Do nothing: the engine commits itself."""


class InPlaceConnection(AsyncConnection):
    """Execute without the detour by which SQLAlchemy lets drivers wait: in a transaction ours does not."""

    async def execute(
        self, statement: Any, parameters: Any = None, *, execution_options: Any = None
    ) -> CursorResult[Any]:
        """Execute at once."""
        connection: Connection = self._proxied
        return connection.execute(statement, parameters, execution_options=execution_options)

    async def exec_driver_sql(
        self, statement: str, parameters: Any = None, execution_options: Any = None
    ) -> CursorResult[Any]:
        """Execute at once what is written for the driver."""
        connection: Connection = self._proxied
        return connection.exec_driver_sql(statement, parameters, execution_options)

    def run(self, sql: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
        """Run a statement on the driver itself; failures are told as SQLAlchemy tells them."""
        try:
            return self.driver.execute(sql, values)
        except sqlite3.Error as error:
            raise _told(sql, error) from error

    def run_many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Run a statement on the driver itself, once for each row."""
        try:
            self.driver.executemany(sql, rows)
        except sqlite3.Error as error:
            raise _told(sql, error) from error

    @property
    def info(self) -> dict[Any, Any]:
        """Give the notes that are kept with the connection."""
        return self._notes

    def take_up(self) -> None:
        """Look up, before each block, what its statements ask for: the connection may be another by now."""
        connection: Connection = self._proxied
        self._notes = connection.info
        self.driver = cast(sqlite3.Connection, connection.connection.driver_connection)


@contextmanager
def _undone_from_file(line: InPlaceConnection) -> Iterator[None]:
    """Let SQLite write to a file what it may have to undo; to be said outside of a transaction."""
    line.run("PRAGMA temp_store=FILE", ())
    try:
        yield
    finally:
        line.take_up()
        line.run("PRAGMA temp_store=MEMORY", ())


def _told(sql: str, error: sqlite3.Error) -> DBAPIError:
    # Without the values: they are content.
    told = DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)
    return cast(DBAPIError, told)


class InPlaceEngine(AsyncEngine):
    """Hand out connections that execute in place; one of them is kept for the one whose turn it is."""

    _connection_cls = InPlaceConnection

    def __init__(self, sync_engine: Engine, disk: Disk) -> None:
        """Open nothing yet."""
        super().__init__(sync_engine)
        self.disk = disk
        self._turn = asyncio.Lock()
        self._line: InPlaceConnection | None = None

    @asynccontextmanager
    async def writing(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Run the block as one transaction, alone.

        To take a connection and give it back takes longer than a small transaction, so it is kept, and begun
        and committed on the driver itself.  What a ``long`` one may have to undo, such as an upgrade of all
        rows, goes to a file.
        """
        async with self._turn:
            line = await self._taken_up()
            with _undone_from_file(line) if long else nullcontext():
                await self.disk.begin(line.driver)
                try:
                    turns.begin(line)
                    yield line
                    await self.disk.commit(line.driver)
                except BaseException:
                    line.driver.rollback()
                    raise

    @asynccontextmanager
    async def glancing(self) -> AsyncIterator[AsyncConnection]:
        """Run the block outside of any transaction: each statement sees what is committed by then."""
        async with self._turn:
            line = await self._taken_up()
            turns.begin(line, short=True)
            yield line

    async def _taken_up(self) -> InPlaceConnection:
        if self._line is None:
            self._line = cast(InPlaceConnection, await self.connect())
            # SQLAlchemy is to think that there is always a transaction, as it has no part in beginning one.
            await self._line.begin()
        self._line.take_up()
        return self._line

    async def dispose(self, close: bool = True) -> None:
        """Close all connections."""
        if self._line is not None:
            await self._line.close()
            self._line = None
        await super().dispose(close)


def writer(url: URL) -> tuple[AsyncEngine, Disk]:
    """Make the engine of the one writer, and its disk, to be closed after it."""
    disk = Disk(url.database or "")
    return _engine(url, disk, _WRITER_PRAGMAS), disk


def glancer(url: URL, disk: Disk) -> InPlaceEngine:
    """Make the engine of whoever reads a few rows by their keys, which a thread would only delay."""
    return _engine(url, disk, _GLANCER_PRAGMAS)


def _engine(url: URL, disk: Disk, pragmas: tuple[str, ...]) -> InPlaceEngine:
    made = create_async_engine(
        url.set(drivername=DRIVER),
        pool_size=1,
        max_overflow=0,
        # Statements are run by the loop's thread, commits by others, never two at a time.
        connect_args={"check_same_thread": False, "cached_statements": 256},
    )
    engine = InPlaceEngine(made.sync_engine, disk)

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        # Otherwise the driver opens transactions by its own rules, and only before some statements.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    return engine
