"""Seal content before it is written and open it after it was read: the one place where either happens.

A sealed value is ``mark, number of the data key, nonce, ciphertext with tag`` (AES-256-GCM).  Its associated
data are table, column and the record's name, so that a value moved to another place does not open.  A record
is named by columns that are known before it is written and never change afterwards (``columns.content``);
row numbers would not do, since the database gives them out with the insert.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import RowMapping, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.columns import Closed, Content, Sealed
from csenet.gateway.store.errors import SealBroken

Row = Mapping[str, Any] | RowMapping
"""A record by column names."""

OPTION: Final = "csenet_keyring"
"""The execution option of an engine under which its connections find the keys."""

MARK: Final = b"\x9fCS\x01"
# Mark and number of the key, then the nonce; 96 random bits do for 2**32 values under one key of one month.
_HEAD: Final = 8
_NONCE: Final = 12
_NONCES: Final = 256
_BETWEEN: Final = "\x1f"
_MOMENTS: Final = 128


def _written(value: Any) -> bytes:
    """Write a value as JSON, if it is not that already."""
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


_FORMS: Final[dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]]] = {
    "bytes": (bytes, bytes),
    "json": (msgspec.json.encode, msgspec.json.decode),
    "written": (_written, bytes),
}


class UnknownKey(Exception):  # noqa: N818 - names what is missing
    """Say that a value is sealed with a data key that was not loaded, perhaps because it is new."""


class Keys(Protocol):
    """Give the keys of a store, and look again for new ones."""

    ring: Ring

    async def refresh(self, conn: AsyncConnection) -> None:
        """Load the keys that others have made meanwhile."""
        ...


class Shape(msgspec.Struct, frozen=True):
    """Hold what sealing needs to know of a table."""

    table: str
    kind: str
    name: tuple[str, ...]
    columns: tuple[tuple[str, bytes, Callable[[Any], bytes], Callable[[bytes], Any]], ...]
    """Name of each sealed column, what it is sealed for but the record, and how it is written and read."""
    absent: dict[str, None]
    """The columns of the name that an insert may leave out, as nothing."""


class Ring:
    """Hold data keys ready for use; without any, content is written as it is.

    ``strict`` refuses content that is not sealed; it is set once nothing unsealed is left.  Where it is not
    ``searchable`` no search keys are written, which only a measurement wants.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.current: dict[str, int] = {}
        self.search = b""
        self.digests: dict[tuple[str, str], int] = {}
        self.strict = False
        self.searchable = True
        self._ciphers: dict[int, AESGCM] = {}
        self._nonces: list[bytes] = []

    def add(self, number: int, key: bytes) -> None:
        """Take a data key in; it seals only once ``current`` names it."""
        self._ciphers[number] = AESGCM(key)

    def keep_only(self, numbers: Container[int]) -> None:
        """Forget data keys that were destroyed."""
        for number in [each for each in self._ciphers if each not in numbers]:
            del self._ciphers[number]

    def knows(self, number: int) -> bool:
        """Tell whether a data key is loaded."""
        return number in self._ciphers

    def seal(self, kind: str, about: bytes, data: bytes, number: int | None = None) -> bytes:
        """Seal a value under the present key of its kind, or under the one named."""
        if number is None:
            if not self.current:
                return data
            number = self.current[kind]
        nonce = self._nonce()
        sealed = self._ciphers[number].encrypt(nonce, data, about)
        return b"".join((MARK, number.to_bytes(4), nonce, sealed))

    def _nonce(self) -> bytes:
        """Give random bytes, of which the system is asked for many at once."""
        if not self._nonces:
            drawn = os.urandom(_NONCE * _NONCES)
            self._nonces = [drawn[start : start + _NONCE] for start in range(0, len(drawn), _NONCE)]
        return self._nonces.pop()

    def open(self, about: bytes, data: bytes) -> bytes:
        """Open a sealed value; raises ``UnknownKey``, and ``InvalidTag`` where it was not sealed so."""
        cipher = self._ciphers.get(int.from_bytes(data[4:_HEAD]))
        if cipher is None:
            raise UnknownKey
        return cipher.decrypt(data[_HEAD : _HEAD + _NONCE], data[_HEAD + _NONCE :], about)


def shape_of(table: Table) -> Shape:
    """Return what sealing needs to know of a table; raises ``KeyError`` for one without content."""
    found: Shape | None = _SHAPES.get(table.name)
    if found is None:
        content: Content = table.info["content"]
        columns = tuple(
            (str(each.name), f"{table.name}{_BETWEEN}{each.name}{_BETWEEN}".encode(), *_FORMS[each.type.form])
            for each in table.c
            if isinstance(each.type, Sealed)
        )
        absent = {name: None for name in content.name if table.c[name].nullable}
        found = _SHAPES[table.name] = Shape(table.name, content.kind, content.name, columns, absent)
    return found


_SHAPES: Final[dict[str, Shape]] = {}


def keys_of(conn: AsyncConnection) -> Keys:
    """Return the keys of the store that a connection belongs to."""
    inner = conn.sync_connection
    if inner is None:
        raise RuntimeError("the connection is not open")
    keys: Keys = inner.get_execution_options()[OPTION]
    return keys


def sealed(conn: AsyncConnection, table: Table, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows ready to be written: content sealed, all else as it was.

    Each row has the columns that name it; raises ``KeyError`` where one is missing.
    """
    ring, shape = keys_of(conn).ring, shape_of(table)
    return [seal_row(ring, shape, row) for row in rows]


def sealed_one(conn: AsyncConnection, table: Table, row: Row) -> dict[str, Any]:
    """Return one row ready to be written."""
    return seal_row(keys_of(conn).ring, shape_of(table), row)


async def opened(conn: AsyncConnection, table: Table, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as they were before they were sealed; only content that was read is opened.

    Raises ``SealBroken`` for content that was changed, moved here from elsewhere, or never sealed.
    """
    keys, shape, given = keys_of(conn), shape_of(table), list(rows)
    try:
        return [_open_row(keys.ring, shape, row) for row in given]
    except UnknownKey:
        await keys.refresh(conn)
    try:
        return [_open_row(keys.ring, shape, row) for row in given]
    except UnknownKey:
        raise SealBroken(f"{shape.table}: a record is sealed with a data key that the store lacks") from None


async def opened_one(conn: AsyncConnection, table: Table, row: Row | None) -> dict[str, Any] | None:
    """Return one row as it was before it was sealed, None for None."""
    return None if row is None else (await opened(conn, table, [row]))[0]


def seal_row(ring: Ring, shape: Shape, row: Row, number: int | None = None) -> dict[str, Any]:
    """Seal the content of one row."""
    done: dict[str, Any] = {**row}
    name = _name(shape, {**shape.absent, **row} if shape.absent else row)
    for column, about, write, _ in shape.columns:
        value = done.get(column)
        if value is not None:
            done[column] = Closed(ring.seal(shape.kind, about + name, write(value), number))
    return done


def _open_row(ring: Ring, shape: Shape, row: Row) -> dict[str, Any]:
    done: dict[str, Any] = {**row}
    name: bytes | None = None
    for column, about, _, read in shape.columns:
        closed = done.get(column)
        if closed is None:
            continue
        value = closed.data
        if value[:4] == MARK:
            name = _name(shape, row) if name is None else name
            try:
                value = ring.open(about + name, value)
            except InvalidTag:
                place = _place(shape, column, row)
                raise SealBroken(f"{place} was changed or moved from elsewhere") from None
        elif ring.strict:
            raise SealBroken(f"{_place(shape, column, row)} is not sealed, though the store is")
        done[column] = read(value)
    return done


class Sealer:
    """Seal rows of one table that stand as lists, their columns in one order."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        """Find what has to be sealed among the columns, and what names the record."""
        self._shape = shape = shape_of(table)
        self._named = tuple(columns.index(each) for each in shape.name)
        self._closed = tuple(
            (columns.index(column), about, write)
            for column, about, write, _ in shape.columns
            if column in columns
        )

    def name(self, values: Sequence[Any]) -> bytes:
        """Name a record by its values, as they are before the database has its own form of them."""
        return _joined([values[place] for place in self._named])

    def seal(self, ring: Ring | None, name: bytes, values: list[Any]) -> None:
        """Put the sealed bytes of each content in its place."""
        if ring is None:
            raise TypeError("content is written only where there are keys to seal it")
        for place, about, write in self._closed:
            if values[place] is not None:
                values[place] = ring.seal(self._shape.kind, about + name, write(values[place]))


def is_sealed(value: bytes) -> bool:
    """Tell sealed content from what was written before the store was sealed."""
    return value[:4] == MARK


def key_number(value: bytes) -> int:
    """Return the number of the data key that a sealed value names."""
    return int.from_bytes(value[4:_HEAD])


def _name(shape: Shape, row: Row) -> bytes:
    return _joined([row[column] for column in shape.name])


def _joined(values: Sequence[Any]) -> bytes:
    return _BETWEEN.join([each if type(each) is str else _word(each) for each in values]).encode()


def _word(value: Any) -> str:
    if value is None:
        return ""
    return _moment(value) if isinstance(value, datetime) else str(value)


@lru_cache(maxsize=_MOMENTS)
def _moment(value: datetime) -> str:
    """Write a moment once: rows that are written together were written at the same one."""
    return value.astimezone(UTC).isoformat()


def _place(shape: Shape, column: str, row: Row) -> str:
    """Name a value without a word of its own, or of the case it is about."""
    number = row.get("id")
    return f"{shape.table}.{column}" + ("" if number is None else f" of row {number}")


def content_tables(tables: Sequence[Table]) -> list[Table]:
    """Return those of the tables that hold sealed content."""
    return [table for table in tables if "content" in table.info]
