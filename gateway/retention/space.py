"""Give the space of what was destroyed back, and look whether a trace of it is left.

An embedded store is searched byte by byte. On a server all columns are, and its own files where they are on
this machine and may be read; where not, the certificate says so.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.retention.servers import files_of
from csenet.gateway.retention.tracing import NotSearched, Searched, in_columns, in_files
from csenet.gateway.store.engine import Store
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.server_log import kept_in_log

_TRIES: Final = 50
_PAUSE: Final = 0.1
_BUSY_SECONDS: Final = 30.0
_LARGEST: Final = 256 << 20
"""A table of more bytes is not written anew while a gateway may work: everybody else waits for it."""
_LOCK: Final = "5s"
_WITH: Final = frozenset(("search_key", "transaction_key", "inbound_problem"))
"""Tables that lose rows together with those that are counted."""


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how large the store was and is, and where traces were looked for."""

    bytes_before: int
    bytes_after: int
    rewritten: bool
    """What was touched was written anew, so that nothing is left of what was deleted or changed in it."""
    log_emptied: bool
    looked_for: int
    """Values that were sealed, by their beginnings, which no other value has."""
    found: int
    """How many traces are left in tables and their files."""
    why_not: str = ""
    searched: list[Searched] = []
    not_searched: list[NotSearched] = []


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Say what to look for: beginnings of sealed values, digests of transactions; and which tables had it."""

    heads: frozenset[bytes]
    digests: frozenset[str]
    tables: frozenset[str]


async def settle(store: Store, gone: Gone, *, rewrite: bool, path: Path | None) -> Space:
    """Rewrite the store without what is free, empty its log, and look for what was destroyed."""
    if path is None:
        return await _on_a_server(store, gone, rewrite=rewrite)
    async with store.quiet():
        return await asyncio.to_thread(_in_files, path, gone.heads, rewrite=rewrite)


def _in_files(path: Path, heads: Collection[bytes], *, rewrite: bool) -> Space:
    files = [path, path.with_name(path.name + "-wal")]
    before = _size(files)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        emptied = _empty_log(connection)
        why = _why_not(path, connection) if rewrite else "not asked for"
        if not why:
            try:
                connection.execute("VACUUM")
            except sqlite3.OperationalError as error:
                why = f"the database is in use: {error.sqlite_errorname}"
            emptied = _empty_log(connection)
    found = in_files(files, heads)
    return Space(
        bytes_before=before,
        bytes_after=_size(files),
        rewritten=not why,
        log_emptied=emptied,
        looked_for=len(heads),
        found=found,
        why_not=why,
        searched=[Searched(what="the database's file and its log", looked_for=len(heads), found=found)],
    )


def _empty_log(connection: sqlite3.Connection) -> bool:
    """Copy the log into the database and cut it to nothing; whoever reads meanwhile is waited for."""
    for _ in range(_TRIES):
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
            return True
        time.sleep(_PAUSE)
    return False


def _why_not(path: Path, connection: sqlite3.Connection) -> str:
    """Say why the database cannot be written anew now; empty if it can."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    # Once in the log, and once as a file in between.
    needed = 2 * (pages - free) * size
    room = shutil.disk_usage(path.parent).free
    return "" if room > needed else f"it takes {needed} bytes of disk, {room} are free"


def _size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.exists())


async def _on_a_server(store: Store, gone: Gone, *, rewrite: bool) -> Space:
    """Have the server clear what it deleted away, and look wherever we may."""
    sizes = text("SELECT pg_database_size(current_database())")
    async with store.apart() as conn:
        before = int((await conn.execute(sizes)).scalar_one())
        stay = await _cleared(conn, gone.tables | _WITH, rewrite=rewrite)
        after = int((await conn.execute(sizes)).scalar_one())
        in_server, not_searched = await _in_server_files(conn, gone.heads)
    async with store.read() as conn:
        searched = await in_columns(conn, gone.heads, gone.digests)
    # What the server keeps in its log it overwrites by itself; it is told, and is nothing that we left.
    left = [*searched, *in_server[:1]]
    return Space(
        bytes_before=before,
        bytes_after=after,
        rewritten=not stay,
        log_emptied=False,
        looked_for=len(gone.heads),
        found=sum(each.found for each in left),
        why_not="; ".join(stay),
        searched=[*searched, *in_server],
        not_searched=not_searched,
    )


async def _cleared(conn: AsyncConnection, names: Collection[str], *, rewrite: bool) -> list[str]:
    """Write the tables that were touched anew, or have their space used again; say why where not anew."""
    stay: list[str] = []
    await conn.execute(text(f"SET lock_timeout = '{_LOCK}'"))
    try:
        for table in sorted(each.name for each in every_table()):
            full = rewrite and table in names
            why = await _written_anew(conn, table) if full else ""
            if why:
                stay.append(f"{table}: {why}")
            if why or not full:
                await conn.execute(text(f'VACUUM (ANALYZE) "{table}"'))
    finally:
        await conn.execute(text("RESET lock_timeout"))
    return stay if rewrite else ["not asked for"]


async def _written_anew(conn: AsyncConnection, table: str) -> str:
    """Write a table anew; say why not, empty if it was."""
    size = text("SELECT pg_total_relation_size(to_regclass(:name))")
    large = int((await conn.execute(size, {"name": f'"{table}"'})).scalar_one())
    if large > _LARGEST:
        return f"has {large:,} bytes, and all would wait: VACUUM (FULL) it when no gateway runs"
    try:
        await conn.execute(text(f'VACUUM (FULL, ANALYZE) "{table}"'))
    except SQLAlchemyError as error:
        return f"the server did not ({type(error.__cause__ or error).__name__})"
    return ""


async def _in_server_files(
    conn: AsyncConnection, heads: Collection[bytes]
) -> tuple[list[Searched], list[NotSearched]]:
    found = await files_of(conn)
    tables, log = "the server's files of this database", "the server's write-ahead log"
    kept = ", ".join(await kept_in_log(conn)) or "no values of ours"
    missing = [
        NotSearched(what="archived logs, standbys and backups", why="the server does not name them"),
        NotSearched(what="the server's log of statements and errors", why=f"it is told to keep {kept}"),
    ]
    if isinstance(found, str):
        return [], [NotSearched(what=tables, why=found), NotSearched(what=log, why=found), *missing]
    count = await asyncio.to_thread(in_files, found.data, heads)
    searched = [Searched(what=tables, looked_for=len(heads), found=count)]
    if found.packed:
        return searched, [NotSearched(what=log, why="it is compressed (wal_compression)"), *missing]
    count = await asyncio.to_thread(in_files, found.log, heads)
    return [*searched, Searched(what=log, looked_for=len(heads), found=count)], missing
