"""Keep who changed what; never the content of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.prepared import adding
from csenet.gateway.store.tables import audit

_ADD: Final = adding(audit, left_out=("id",))


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows of ``at, actor, action, object, detail``."""
    await _ADD.many(conn, rows)


async def newest(conn: AsyncConnection, limit: int = 100) -> list[RowMapping]:
    """Return the newest rows, newest first."""
    return list((await conn.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))).mappings())
