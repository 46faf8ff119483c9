"""Keep which cases must not be purged, whatever their age: a court, an audit or a complaint needs them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import aliases
from csenet.gateway.store.rows import add_row, change_row
from csenet.gateway.store.sealing import opened, opened_one, sealed_one
from csenet.gateway.store.tables_retention import legal_hold

_IN_FORCE = legal_hold.c.released_at.is_(None)


async def add(conn: AsyncConnection, case_id: str, reason: str, *, by: str, at: datetime) -> int:
    """Hold a case that is not held; return the number of the hold."""
    row = sealed_one(conn, legal_hold, {"case_id": case_id, "reason": reason, "held_by": by, "held_at": at})
    return await add_row(conn, legal_hold, row)


async def release(conn: AsyncConnection, hold: dict[str, Any], reason: str, *, by: str, at: datetime) -> None:
    """End a hold; what it was stays written down."""
    row = sealed_one(conn, legal_hold, {**hold, "release_reason": reason})
    values = {"released_by": by, "released_at": at, "release_reason": row["release_reason"]}
    await change_row(conn, legal_hold, hold["id"], values)


async def of_case(conn: AsyncConnection, case_id: str) -> dict[str, Any] | None:
    """Return the oldest hold in force on a case, also one on an ID that it had, or None."""
    its = or_(legal_hold.c.case_id == case_id, legal_hold.c.case_id.in_(aliases.ids_of(case_id)))
    query = select(legal_hold).where(its, _IN_FORCE).order_by(legal_hold.c.id).limit(1)
    return await opened_one(conn, legal_hold, (await conn.execute(query)).mappings().first())


def in_force() -> Select[Any]:
    """Ask for the IDs of all held cases, for use within another question."""
    return aliases.with_current(select(legal_hold.c.case_id).where(_IN_FORCE))


async def every(conn: AsyncConnection, *, ended: bool = False) -> list[dict[str, Any]]:
    """List holds, oldest first; those that ended too, if wanted."""
    query = select(legal_hold).order_by(legal_hold.c.id)
    found = await conn.execute(query if ended else query.where(_IN_FORCE))
    return await opened(conn, legal_hold, found.mappings())
