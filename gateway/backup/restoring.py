"""Put a backup back where no store is yet, and prove that what came back is what was there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, Integer, Table, func, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.backup import form, frames
from csenet.gateway.backup.errors import BackupError
from csenet.gateway.backup.form import Header
from csenet.gateway.backup.making import Told, read
from csenet.gateway.durable import sync_folder
from csenet.gateway.people import anchors
from csenet.gateway.store import audit, ledger, resealing
from csenet.gateway.store.chain import Mark
from csenet.gateway.store.engine import SCHEMA_HEAD, Store, open_store, store_at, store_url
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.wrapping import WrappingKeys

ANCHORS: Final = "audit.anchors"
_STORE: Final = "gateway.db"
_SHOWN: Final = 20


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what was found in a backup that was put back."""

    made_at: str
    jurisdiction: str
    tables: int
    rows: int
    records: int
    """How many records with content opened."""
    audit_records: int
    balanced: bool
    problems: list[str]


async def verify(
    backup: Path, keys: WrappingKeys, keyring: Keyring, told: Told = lambda done, total: None
) -> Proof:
    """Put a backup back into a folder of its own, compare, open all of it, add it up, and throw it away."""
    with tempfile.TemporaryDirectory(prefix=".csenet-verify-", dir=backup.parent) as place:
        return await restore(backup, Path(place) / "store", keys, keyring, told)


async def restore(
    backup: Path,
    target: Path | str,
    keys: WrappingKeys,
    keyring: Keyring,
    told: Told = lambda done, total: None,
    *,
    anchors_file: Path | None = None,
) -> Proof:
    """Put a backup into a new folder, or a database without tables; nothing is left of a try that fails.

    Rows that come back otherwise end the try; what the proof names as problems was so before.  ``keys`` open
    the backup, ``keyring`` what is sealed in it; a wrong key raises ``SealingError``.  The anchors of the
    audit come back beside a store in a folder, for a database into ``anchors_file``, unless there are some.
    """
    if isinstance(target, str):
        return await _into(backup, target, anchors_file, keys, keyring, told)
    store = target / _STORE
    _make_room(store)
    draft = target / f".{_STORE}.restoring"
    beside = [draft.with_name(draft.name + end) for end in ("-wal", "-shm", "-journal")]
    _remove(draft, *beside)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        proof = await _into(backup, draft, target / ANCHORS, keys, keyring, told)
        await asyncio.to_thread(_settle, draft)
        draft.rename(store)
        sync_folder(target)
    except BaseException:
        _remove(target / ANCHORS)
        raise
    finally:
        _remove(draft, *beside)
    return proof


async def _into(
    backup: Path,
    location: Path | str,
    marks_file: Path | None,
    keys: WrappingKeys,
    keyring: Keyring,
    told: Told,
) -> Proof:
    try:
        source = backup.open("rb")
    except OSError as error:
        raise BackupError(f"{backup}: cannot be read: {error.strerror}") from None
    with source:
        header, bound = form.read_header(source)
        _judge(header)
        stream = frames.unpacked(form.pieces(source, header, bound, keys))
        store = store_at(store_url(location))
        try:
            async with store.begin(long=True) as conn:
                await conn.run_sync(_make_tables, header.schema)
                back = _Back(conn, told)
                for frame in stream:
                    await back.take(frame)
                sums = await back.end()
        finally:
            await store.close()
    marks = _lay_anchors(back.files.get(ANCHORS), marks_file)
    return await _prove(location, header, sums, keyring, marks)


def _make_room(store: Path) -> None:
    if store.exists():
        raise BackupError(f"{store} is there already; restore into a new folder")
    try:
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BackupError(f"{store.parent}: cannot be made: {error.strerror}") from None


def _judge(header: Header) -> None:
    if header.schema > SCHEMA_HEAD:
        raise BackupError(
            f"the backup has schema {header.schema}, this version knows up to {SCHEMA_HEAD}; "
            "take the version that made it"
        )


def _make_tables(connection: Connection, schema: str) -> None:
    from csenet.gateway.store.migrate import upgrade

    if inspect(connection).get_table_names():
        raise BackupError("the database has tables already; restore into one that is empty")
    upgrade(connection, schema)


class _Back:
    """Take the frames of a backup in their order, inside one transaction."""

    def __init__(self, conn: AsyncConnection, told: Told) -> None:
        self.files: dict[str, bytes] = {}
        self._conn, self._told = conn, told
        self._table: tuple[frames.Begin, Table] | None = None
        self._begun: dict[str, frames.Begin] = {}
        self._done = 0
        self._sums: frames.Sums | None = None

    async def take(self, frame: frames.Frame) -> None:
        """Write what a frame holds."""
        if isinstance(frame, frames.File):
            self.files[frame.name] = frame.data
        elif isinstance(frame, frames.Begin):
            table = frames.plain(frame)
            self._table = frame, table
            self._begun[frame.name] = frame
            # What a step of the schema put there.
            await self._conn.execute(table.delete())
        elif isinstance(frame, frames.Rows):
            await self._add(frame)
        else:
            self._sums = frame

    async def _add(self, frame: frames.Rows) -> None:
        if self._table is None:
            raise BackupError("the backup has rows of no table")
        begin, table = self._table
        await self._conn.execute(insert(table), frames.given(begin, frame.values))
        self._done += len(frame.values)
        self._told(self._done, 0)

    async def end(self) -> frames.Sums:
        """Read back what was written and compare it with the sums; return them."""
        if self._sums is None:
            raise BackupError("the backup has no end")
        for name, expected in self._sums.tables.items():
            adder = frames.Adder()
            async for rows in read(self._conn, self._begun[name]):
                adder.take(rows)
            if adder.total() != expected:
                raise BackupError(f"{name}: came back with {adder.count} rows, not with those that were kept")
        if self._conn.dialect.name == "postgresql":
            await _set_sequences(self._conn)
        return self._sums


async def _set_sequences(conn: AsyncConnection) -> None:
    """Let numbers go on from the highest there is."""
    for table in every_table():
        keys = list(table.primary_key)
        if len(keys) != 1 or not isinstance(keys[0].type, Integer):
            continue
        name = keys[0].name
        has = text("SELECT pg_get_serial_sequence(:table, :column)")
        sequence = (await conn.execute(has, {"table": table.name, "column": name})).scalar_one()
        highest = (await conn.execute(select(func.max(keys[0])))).scalar_one()
        if sequence is not None and highest is not None:
            await conn.execute(text("SELECT setval(:sequence, :to)"), {"sequence": sequence, "to": highest})


def _lay_anchors(data: bytes | None, kept: Path | None) -> list[Mark]:
    """Read the anchors of the backup, and put them where they are kept unless others are there."""
    if data is None:
        return []
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / ANCHORS
        file.write_bytes(data)
        found = anchors.read(file)
    if kept is not None:
        with contextlib.suppress(FileExistsError):
            number = os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
            with os.fdopen(number, "wb") as target:
                target.write(data)
    return found


async def _prove(
    location: Path | str, header: Header, sums: frames.Sums, keyring: Keyring, marks: Sequence[Mark]
) -> Proof:
    """Open everything in a store that was put back, add it up, and walk along the chain of its audit."""
    store = await open_store(location, keyring=keyring)
    problems: list[str] = []
    records = 0
    try:
        async for _, count, wrong in resealing.verify(store):
            records += count
            problems += wrong[:_SHOWN]
        problems += await _differences(store, sums, marks)
    finally:
        await store.close()
    return Proof(
        made_at=header.made_at,
        jurisdiction=header.jurisdiction,
        tables=len(sums.tables),
        rows=sum(count for count, _ in sums.tables.values()),
        records=records,
        audit_records=sums.audit_records,
        balanced=sums.balanced,
        problems=problems,
    )


async def _differences(store: Store, sums: frames.Sums, marks: Sequence[Mark]) -> list[str]:
    found = []
    async with store.read() as conn:
        report = await ledger.check(conn)
        head = await audit.head(conn)
        _, fault = await audit.verify(conn, marks)
    if (report.balanced, report.inbound, report.outbound) != (sums.balanced, sums.inbound, sums.outbound):
        found.append("the ledger adds up to something else")
    if (head.id, head.hash) != (sums.audit_records, sums.audit_hash):
        found.append("the audit ends elsewhere")
    if fault is not None:
        found.append(f"audit record {fault.record} {fault.what}")
    return found


def _settle(draft: Path) -> None:
    """Bring a database into one file that is on disk."""
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        raise BackupError("the database that was put back does not hold together")


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
