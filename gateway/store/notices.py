"""Keep the notices that leave by e-mail, and count what they tell: numbers, nothing about anybody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.rows import add_row, change_row
from csenet.gateway.store.tables import work_item
from csenet.gateway.store.tables_notices import notice

Kind = Literal["office", "worker"]
_AT_ONCE: Final = 100


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Count the open work of an office or a worker; ``newly_overdue`` is what ran out since a day."""

    new: int
    overdue: int
    newly_overdue: int
    newest: int


async def counts(
    conn: AsyncConnection, kind: Kind, name: str, *, after: int, since: date | None, today: date
) -> Counts:
    """Count the open items above a number, the overdue ones, and those overdue only since a day."""
    column = work_item.c.office if kind == "office" else work_item.c.worker
    late = work_item.c.due < today
    fresh = late if since is None else late & (work_item.c.due >= since)
    query = select(
        func.count().filter(work_item.c.id > after),
        func.count().filter(late),
        func.count().filter(fresh),
        func.max(work_item.c.id),
    ).where(column == name, work_item.c.status == "open")
    new, overdue, newly, newest = (await conn.execute(query)).one()
    return Counts(new=new, overdue=overdue, newly_overdue=newly, newest=max(newest or 0, after))


async def work_of(
    conn: AsyncConnection, row: Mapping[str, Any], today: date, limit: int
) -> list[dict[str, Any]]:
    """List what a notice counts, oldest first: open items, new since the one before it or overdue."""
    column = work_item.c.office if row["kind"] == "office" else work_item.c.worker
    before = select(func.max(notice.c.up_to)).where(
        notice.c.kind == row["kind"], notice.c.name == row["name"], notice.c.id < row["id"]
    )
    new = work_item.c.id.between(func.coalesce(before.scalar_subquery(), 0) + 1, row["up_to"])
    names = ("id", "case_id", "kind", "title", "opened_at", "due")
    query = select(*(work_item.c[name] for name in names)).where(
        column == row["name"], work_item.c.status == "open", new | (work_item.c.due < today)
    )
    found = await conn.execute(query.order_by(work_item.c.id).limit(limit))
    return [dict(row) for row in found.mappings()]


async def newest_of(conn: AsyncConnection, kind: Kind, name: str) -> RowMapping | None:
    """Return the newest notice to an office or a worker, whatever became of it."""
    query = select(notice).where(notice.c.kind == kind, notice.c.name == name)
    return (await conn.execute(query.order_by(notice.c.id.desc()).limit(1))).mappings().first()


async def add(conn: AsyncConnection, values: dict[str, Any]) -> int:
    """Keep a notice that is to leave and return its number."""
    return await add_row(conn, notice, {"state": "waiting", "attempts": 0, **values})


async def due(conn: AsyncConnection, now: datetime) -> list[dict[str, Any]]:
    """Return the notices whose time to be tried has come, oldest first."""
    ready = notice.c.next_attempt_at.is_(None) | (notice.c.next_attempt_at <= now)
    query = select(notice).where(notice.c.state == "waiting", ready).order_by(notice.c.id).limit(_AT_ONCE)
    return [dict(row) for row in (await conn.execute(query)).mappings()]


async def change(conn: AsyncConnection, number: int, **values: Any) -> None:
    """Change columns of a notice."""
    await change_row(conn, notice, number, values)


async def give_up_interrupted(conn: AsyncConnection) -> int:
    """Leave alone what a crash interrupted: it may have arrived, and the next notice counts again anyway."""
    query = update(notice).where(notice.c.state == "sending").values(state="unknown")
    return (await conn.execute(query)).rowcount


async def listed(conn: AsyncConnection, limit: int) -> list[dict[str, Any]]:
    """List the newest notices, newest first."""
    query = select(notice).order_by(notice.c.id.desc()).limit(limit)
    return [dict(row) for row in (await conn.execute(query)).mappings()]
