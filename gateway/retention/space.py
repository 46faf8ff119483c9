"""Give the space of what was destroyed back, and look whether the database's files hold a trace of it."""

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

from csenet.gateway.retention.destroying import HEAD
from csenet.gateway.store.engine import Store
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.sealing import MARK

_PIECE: Final = 8 << 20
_TRIES: Final = 50
_PAUSE: Final = 0.1
_BUSY_SECONDS: Final = 30.0


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how large the store was and is, and what was looked for in its files."""

    bytes_before: int
    bytes_after: int
    rewritten: bool
    """The database was written anew, so that nothing is left of what was deleted or changed at any time."""
    log_emptied: bool
    looked_for: int
    """Values that were sealed, by their beginnings, which no other value has."""
    found: int | None
    """How many of them are left in the files; None where the files are a server's."""
    why_not: str = ""


async def settle(store: Store, heads: Collection[bytes], *, rewrite: bool, path: Path | None) -> Space:
    """Rewrite the store without what is free, empty its log, and look for what was destroyed."""
    if path is None:
        return await _on_a_server(store, heads)
    async with store.quiet():
        return await asyncio.to_thread(_in_files, path, set(heads), rewrite=rewrite)


def _in_files(path: Path, heads: set[bytes], *, rewrite: bool) -> Space:
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
    found = sum(_count(file, heads) for file in files) if heads else 0
    return Space(
        bytes_before=before,
        bytes_after=_size(files),
        rewritten=not why,
        log_emptied=emptied,
        looked_for=len(heads),
        found=found,
        why_not=why,
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


def _count(file: Path, heads: set[bytes]) -> int:
    """Count the places at which one of the values begins."""
    if not file.exists():
        return 0
    found, kept = 0, b""
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            data = kept + piece
            place = data.find(MARK)
            while 0 <= place <= len(data) - HEAD:
                found += data[place : place + HEAD] in heads
                place = data.find(MARK, place + 1)
            kept = data[-(HEAD - 1) :]
    return found


def _size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.exists())


async def _on_a_server(store: Store, heads: Collection[bytes]) -> Space:
    """Let the server take the space back for its own use; its files are not ours to look into."""
    sizes = text("SELECT pg_database_size(current_database())")
    async with store.apart() as conn:
        before = int((await conn.execute(sizes)).scalar_one())
        for table in every_table():
            await conn.execute(text(f'VACUUM (ANALYZE) "{table.name}"'))
        after = int((await conn.execute(sizes)).scalar_one())
    return Space(
        bytes_before=before,
        bytes_after=after,
        rewritten=False,
        log_emptied=False,
        looked_for=len(heads),
        found=None,
        why_not="the files are the server's; what it deleted is overwritten as it writes on",
    )
