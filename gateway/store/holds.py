"""Keep which cases must not be purged, whatever their age: a court, an audit or a complaint needs them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.sealing import opened, opened_one, sealed_one
from csenet.gateway.store.tables_retention import legal_hold

_IN_FORCE = legal_hold.c.released_at.is_(None)


async def add(conn: AsyncConnection, case_id: str, reason: str, *, by: str, at: datetime) -> int:
    """Hold a case that is not held; return the number of the hold."""
    row = sealed_one(conn, legal_hold, {"case_id": case_id, "reason": reason, "held_by": by, "held_at": at})
    made = await conn.execute(insert(legal_hold).values(**row).returning(legal_hold.c.id))
    return int(made.scalar_one())


async def release(conn: AsyncConnection, hold: dict[str, Any], reason: str, *, by: str, at: datetime) -> None:
    """End a hold; what it was stays written down."""
    row = sealed_one(conn, legal_hold, {**hold, "release_reason": reason})
    values = {"released_by": by, "released_at": at, "release_reason": row["release_reason"]}
    await conn.execute(update(legal_hold).where(legal_hold.c.id == hold["id"]).values(**values))


async def of_case(conn: AsyncConnection, case_id: str) -> dict[str, Any] | None:
    """Return the hold on a case that is in force, or None."""
    found = await conn.execute(select(legal_hold).where(legal_hold.c.case_id == case_id, _IN_FORCE))
    return await opened_one(conn, legal_hold, found.mappings().one_or_none())


async def every(conn: AsyncConnection, *, ended: bool = False) -> list[dict[str, Any]]:
    """List holds, oldest first; those that ended too, if wanted."""
    query = select(legal_hold).order_by(legal_hold.c.id)
    found = await conn.execute(query if ended else query.where(_IN_FORCE))
    return await opened(conn, legal_hold, found.mappings())


async def held(conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
    """Return those of the cases that are held."""
    if not case_ids:
        return set()
    query = select(legal_hold.c.case_id).where(legal_hold.c.case_id.in_(sorted(case_ids)), _IN_FORCE)
    return set((await conn.execute(query)).scalars())
