"""Find who saw what is kept of a person, whose name nobody has to write down for that."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit, search
from csenet.gateway.store.tables import inbound, outbound

_MOST: Final = 10_000
_TABLES: Final = {"in": inbound, "out": outbound}


class Kept(msgspec.Struct, frozen=True):
    """Hold where something is kept of a person: cases, and transactions that belong to none."""

    cases: frozenset[str]
    loose: frozenset[str] = frozenset()


async def kept_of(conn: AsyncConnection, kind: search.Kind, value: str) -> Kept:
    """Find where a person stands by SSN or name, in the facts of a case or in a transaction."""
    subjects = await search.find(conn, kind, value, limit=_MOST)
    cases = {each.removeprefix("case-") for each in subjects if each.startswith("case-")}
    loose = set()
    for way, table in _TABLES.items():
        numbers = sorted(int(each[len(way) + 1 :]) for each in subjects if each.startswith(f"{way}-"))
        for start in range(0, len(numbers), 500):
            part = numbers[start : start + 500]
            for row in await conn.execute(select(table.c.id, table.c.case_id).where(table.c.id.in_(part))):
                cases |= {row.case_id} - {None}
                loose |= set() if row.case_id else {f"{way}-{row.id}"}
    return Kept(frozenset(cases), frozenset(loose))


async def looks(
    conn: AsyncConnection,
    kept: Kept,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1_000,
) -> list[dict[str, Any]]:
    """List the records of those who looked, or tried to, oldest first."""
    objects: Collection[str] = [f"transaction {each}" for each in kept.loose]
    return await audit.found(conn, cases=kept.cases, objects=objects, since=since, until=until, limit=limit)
