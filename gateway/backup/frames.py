"""Say what stands in a backup: tables row by row with the kinds of their columns, files, and the sums.

It names its own columns, so that a later version reads it although its tables are others, and says nothing
of the database it came from, so that any kind of database may take it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.types import TypeEngine

from csenet.gateway.backup.errors import BackupError
from csenet.gateway.store.columns import Closed, Json, Sealed, UtcDateTime

_LENGTH: Final = 4
_LONGEST: Final = 1 << 31
_WHOLE: Final = 1 << 256


class Rows(msgspec.Struct, frozen=True, tag="rows"):
    """Hold some rows of the table named before."""

    values: list[list[Any]]


class Begin(msgspec.Struct, frozen=True, tag="table"):
    """Begin a table: its name, and its columns with their kinds."""

    name: str
    columns: list[tuple[str, str]]


class File(msgspec.Struct, frozen=True, tag="file"):
    """Hold a small file that stands beside the store."""

    name: str
    data: bytes


class Sums(msgspec.Struct, frozen=True, kw_only=True, tag="sums"):
    """End a backup: what it adds up to, taken at the same moment."""

    tables: dict[str, tuple[int, str]]
    """Rows and digest of each table."""
    balanced: bool
    inbound: dict[str, int]
    outbound: dict[str, int]
    audit_records: int
    audit_hash: str


Frame = Rows | Begin | File | Sums
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Frame).decode


def packed(frame: Frame) -> bytes:
    """Write a frame with its length before it."""
    data = _ENCODE(frame)
    if len(data) >= _LONGEST:
        raise BackupError("a record is too large for a backup")
    return len(data).to_bytes(_LENGTH) + data


def unpacked(pieces: Iterable[bytes]) -> Iterator[Frame]:
    """Read frames out of pieces; each was proved to be ours, so a broken one is a mistake of ours."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= _LENGTH:
            end = _LENGTH + int.from_bytes(held[:_LENGTH])
            if len(held) < end:
                break
            yield _DECODE(held[_LENGTH:end])
            del held[:end]
    if held:
        raise BackupError("the backup ends in the middle of a record")


class Adder:
    """Add up rows, in whatever order they come: databases sort text differently."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.count = 0
        self._sum = 0

    def take(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        for row in rows:
            self._sum += int.from_bytes(hashlib.sha256(_ENCODE(row)).digest())
        self.count += len(rows)
        self._sum %= _WHOLE

    def total(self) -> tuple[int, str]:
        """Return how many rows and their digest."""
        return self.count, f"{self._sum:064x}"


_KINDS: Final[dict[str, TypeEngine[Any]]] = {
    "int": BigInteger(),
    "text": Text(),
    "bytes": LargeBinary(),
    "moment": UtcDateTime(),
    "date": Date(),
    "flag": Boolean(),
    "sealed": Sealed("bytes"),
    "sealed json": Sealed("json"),
}


def columns_of(table: Table) -> list[tuple[str, str]]:
    """Name the columns of a table and their kinds."""
    return [(str(column.name), _kind(column)) for column in table.c]


def plain(begin: Begin) -> Table:
    """Make the table as its columns say, to be read or written as it is stored, sealed values and all."""
    unknown = {kind for _, kind in begin.columns} - _KINDS.keys()
    if unknown:
        raise BackupError(f"the backup has columns of a kind that this version does not know: {unknown}")
    return Table(begin.name, MetaData(), *(Column(name, _KINDS[kind]) for name, kind in begin.columns))


def _kind(column: Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, Sealed):
        return "sealed" if kind.form == "bytes" else "sealed json"
    for known, name in _NAMES:
        if isinstance(kind, known):
            return name
    raise BackupError(f"{column}: a backup knows no such kind of column")


_NAMES: Final[tuple[tuple[type[TypeEngine[Any]], str], ...]] = (
    (UtcDateTime, "moment"),
    (Json, "text"),
    (Integer, "int"),
    (String, "text"),
    (LargeBinary, "bytes"),
    (Date, "date"),
    (Boolean, "flag"),
)


def kept(row: Iterable[Any]) -> list[Any]:
    """Write down a row as it was read."""
    return [each.data if isinstance(each, Closed) else each for each in row]


def given(begin: Begin, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Make rows ready to be written into the table of ``plain``."""
    return [
        {name: _given(kind, value) for (name, kind), value in zip(begin.columns, row, strict=True)}
        for row in rows
    ]


def _given(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "date":
        return date.fromisoformat(value)
    return Closed(value) if kind.startswith("sealed") else value
