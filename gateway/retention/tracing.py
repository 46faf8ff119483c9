"""Look for what was destroyed: in the columns of a server's tables, and byte by byte in files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import LargeBinary, Text, cast, column, func, literal, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.retention.destroying import HEAD
from csenet.gateway.store.sealing import MARK

_PIECE: Final = 8 << 20
_DIGEST: Final = 64
_TEXTS: Final = ("text", "character varying", "character", "json", "jsonb")
_COLUMNS: Final = text(
    "SELECT table_name, column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND data_type IN ('bytea', 'text', 'character varying',"
    " 'character', 'json', 'jsonb') ORDER BY table_name, ordinal_position"
)


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """Say where how many values were looked for, and how many were found."""

    what: str
    looked_for: int
    found: int


class NotSearched(msgspec.Struct, frozen=True, kw_only=True):
    """Say where nobody looked, and why."""

    what: str
    why: str


def in_files(files: Iterable[Path], heads: Collection[bytes]) -> int:
    """Count the places in files at which one of the sealed values begins; a file that is gone holds none."""
    known = frozenset(heads)
    return sum(_in_file(file, known) for file in files) if known else 0


def _in_file(file: Path, heads: frozenset[bytes]) -> int:
    found, kept = 0, b""
    try:
        with file.open("rb") as source:
            while piece := source.read(_PIECE):
                data = kept + piece
                place = data.find(MARK)
                while 0 <= place <= len(data) - HEAD:
                    found += data[place : place + HEAD] in heads
                    place = data.find(MARK, place + 1)
                kept = data[-(HEAD - 1) :]
    except FileNotFoundError:
        return found
    return found


async def in_columns(
    conn: AsyncConnection, heads: Collection[bytes], digests: Collection[str]
) -> list[Searched]:
    """Look into all columns that can hold bytes or text, of all tables of the schema, known to us or not.

    Bytes are searched for sealed values, text for digests of what was destroyed.
    """
    columns = [(str(name), str(held), str(form)) for name, held, form in await conn.execute(_COLUMNS)]
    held = [(name, each) for name, each, form in columns if form == "bytea"]
    told = [(name, each) for name, each, form in columns if form in _TEXTS]
    sealed = sum([await _sealed_in(conn, *each, frozenset(heads)) for each in held])
    digested = sum([await _digests_in(conn, *each, frozenset(digests)) for each in told])
    return [
        Searched(what=f"{len(held)} columns of bytes", looked_for=len(heads), found=sealed),
        Searched(what=f"{len(told)} columns of text", looked_for=len(digests), found=digested),
    ]


async def _sealed_in(conn: AsyncConnection, name: str, column_name: str, heads: frozenset[bytes]) -> int:
    """Count values that begin like one of those, and those that have one further in."""
    if not heads:
        return 0
    found, held = 0, column(column_name, LargeBinary)
    begins = func.substr(held, 1, HEAD)
    starting = select(begins).select_from(table(name)).where(func.substr(held, 1, len(MARK)) == MARK)
    async with conn.stream(starting) as rows:
        async for (head,) in rows:
            found += bytes(head) in heads
    rest = func.substr(held, 2)
    anywhere = literal(b"%" + MARK + b"%", LargeBinary)
    within = select(rest).select_from(table(name)).where(rest.op("LIKE")(anywhere))
    async with conn.stream(within) as rows:
        async for (value,) in rows:
            found += any(head in value for head in heads)
    return found


async def _digests_in(conn: AsyncConnection, name: str, column_name: str, digests: frozenset[str]) -> int:
    if not digests:
        return 0
    found, told = 0, cast(column(column_name), Text)
    long = select(told).select_from(table(name)).where(func.length(told) >= _DIGEST)
    async with conn.stream(long) as rows:
        async for (value,) in rows:
            found += value in digests if len(value) == _DIGEST else any(each in value for each in digests)
    return found
