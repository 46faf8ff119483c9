"""Keep who changed what; never the content of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.tables import audit


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows of ``at, actor, action, object, detail``."""
    if rows:
        await conn.execute(insert(audit), [{"detail": None, **row} for row in rows])


async def newest(conn: AsyncConnection, limit: int = 100) -> list[RowMapping]:
    """Return the newest rows, newest first."""
    return list((await conn.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))).mappings())
