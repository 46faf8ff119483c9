"""Make a backup: everything that one moment of the store holds, whatever is written meanwhile."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from sqlalchemy import Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.backup import frames
from csenet.gateway.backup.errors import BackupError
from csenet.gateway.backup.form import Header, Writer
from csenet.gateway.durable import sync_folder
from csenet.gateway.store import audit, ledger
from csenet.gateway.store.embedded import InPlaceConnection
from csenet.gateway.store.engine import SCHEMA_HEAD, Store
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.wrapping import WrappingKeys

Told = Callable[[int, int], None]
_AT_ONCE: Final = 500
# Their rows are whole files.
_LARGE: Final = {"inbound_file": 4, "delivery_batch": 20}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what was written."""

    made_at: str
    size: int
    sha256: str
    rows: int
    balanced: bool


async def create(
    store: Store,
    target: Path,
    keys: WrappingKeys,
    *,
    jurisdiction: str,
    now: datetime,
    files: Mapping[str, Path] | None = None,
    told: Told = lambda done, total: None,
) -> Made:
    """Write a backup of a store to ``target``, whole or not at all; ``files`` stand beside the store.

    Raises ``BackupError`` where ``target`` is there already or cannot be written.
    """
    header = Header(
        made_at=now.isoformat(timespec="seconds"),
        jurisdiction=jurisdiction,
        schema=SCHEMA_HEAD,
        database=store.dialect,
    )
    # Before the moment of the copy, so that no anchor lies beyond the chain that is in it.
    beside = [frames.File(name, path.read_bytes()) for name, path in (files or {}).items() if path.exists()]
    draft = target.with_name(f".{target.name}.part")
    file = _private(draft, target)
    try:
        with file:
            writer = Writer(file, header, keys)
            for each in beside:
                writer.write(frames.packed(each))
            sums = await _moment(store, writer, told)
            writer.write(frames.packed(sums))
            sha256 = writer.finish()
            file.flush()
            os.fsync(file.fileno())
        draft.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise BackupError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return Made(
        made_at=header.made_at,
        size=writer.size,
        sha256=sha256,
        rows=sum(count for count, _ in sums.tables.values()),
        balanced=sums.balanced,
    )


async def _moment(store: Store, writer: Writer, told: Told) -> frames.Sums:
    """Write all tables as they are at one moment."""
    async with store.read() as conn:
        if store.shared:
            # The disk that the backup goes to may be slow.
            await conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        return await _copy(conn, writer, told)


async def _copy(conn: AsyncConnection, writer: Writer, told: Told) -> frames.Sums:
    report = await ledger.check(conn)
    head = await audit.head(conn)
    tables = every_table()
    counts = [
        int((await conn.execute(select(func.count()).select_from(each))).scalar_one()) for each in tables
    ]
    found: dict[str, tuple[int, str]] = {}
    done, total = 0, sum(counts)
    for table in tables:
        begin = frames.Begin(str(table.name), frames.columns_of(table))
        writer.write(frames.packed(begin))
        adder = frames.Adder()
        async for rows in read(conn, begin):
            adder.take(rows)
            writer.write(frames.packed(frames.Rows(rows)))
            told(done + adder.count, total)
        done += adder.count
        found[str(table.name)] = adder.total()
    return frames.Sums(
        tables=found,
        balanced=report.balanced,
        inbound=report.inbound,
        outbound=report.outbound,
        audit_records=head.id,
        audit_hash=head.hash,
    )


async def read(conn: AsyncConnection, begin: frames.Begin) -> AsyncIterator[list[list[Any]]]:
    """Read a table as it is stored, some rows at a time."""
    table: Table = frames.plain(begin)
    size = _LARGE.get(table.name, _AT_ONCE)
    if isinstance(conn, InPlaceConnection):
        for rows in (await conn.execute(select(table))).partitions(size):
            yield [frames.kept(row) for row in rows]
        return
    result = await conn.stream(select(table), execution_options={"yield_per": size})
    async for rows in result.partitions(size):
        yield [frames.kept(row) for row in rows]


def _private(draft: Path, target: Path) -> IO[bytes]:
    """Make a file that only its owner can ever read, for one who writes it."""
    if target.exists():
        raise BackupError(f"{target}: is there already; a backup never replaces another")
    try:
        handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise BackupError(f"{draft}: cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BackupError(f"{draft}: is being written by another command") from None
    os.ftruncate(handle, 0)
    return os.fdopen(handle, "wb")
