"""Keep what people and the case system have to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.prepared import Prepared, adding, among, new_ids
from csenet.gateway.store.sealing import Row, opened, opened_one, sealed_one
from csenet.gateway.store.tables import work_item

_OPEN: Final = Prepared(
    select(work_item)
    .where(among(work_item.c.case_id, "ids"), work_item.c.status == "open")
    .order_by(work_item.c.id)
)
_ADD: Final = adding(work_item)


async def open_of(conn: AsyncConnection, case_ids: Collection[str]) -> list[dict[str, Any]]:
    """Return the open work items of these cases, oldest first."""
    if not case_ids:
        return []
    return await _OPEN.mappings(conn, ids=list(case_ids))


async def by_id(conn: AsyncConnection, item_id: int) -> dict[str, Any] | None:
    """Return one work item."""
    found = await conn.execute(select(work_item).where(work_item.c.id == item_id))
    return await opened_one(conn, work_item, found.mappings().one_or_none())


async def of_group(conn: AsyncConnection, item: Row) -> list[dict[str, Any]]:
    """Return the items opened together with ``item``: same case, same group, same cause; itself too."""
    query = select(work_item).where(
        work_item.c.group == item["group"],
        work_item.c.case_id.is_not_distinct_from(item["case_id"]),
        work_item.c.inbound_id.is_not_distinct_from(item["inbound_id"]),
    )
    if not item["group"]:
        query = select(work_item).where(work_item.c.id == item["id"])
    return await opened(conn, work_item, (await conn.execute(query.order_by(work_item.c.id))).mappings())


async def open_for(conn: AsyncConnection, inbound_id: int) -> list[dict[str, Any]]:
    """Return the open work items that a transaction caused."""
    query = select(work_item).where(work_item.c.inbound_id == inbound_id, work_item.c.status == "open")
    return await opened(conn, work_item, (await conn.execute(query.order_by(work_item.c.id))).mappings())


async def of_case(conn: AsyncConnection, case_id: str, limit: int = 1000) -> list[dict[str, Any]]:
    """Return the newest work items of a case, oldest first."""
    query = select(work_item).where(work_item.c.case_id == case_id)
    found = await conn.execute(query.order_by(work_item.c.id.desc()).limit(limit))
    return (await opened(conn, work_item, found.mappings()))[::-1]


async def after(conn: AsyncConnection, item_id: int) -> list[dict[str, Any]]:
    """Return the work items opened after the one named, oldest first."""
    query = select(work_item).where(work_item.c.id > item_id).order_by(work_item.c.id)
    return await opened(conn, work_item, (await conn.execute(query)).mappings())


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Open work items and return number and kind of each."""
    if not rows:
        return []
    ids = await new_ids(conn, work_item, len(rows))
    await _ADD.many(conn, [{**row, "id": each} for each, row in zip(ids, rows, strict=True)])
    return [(each, row["kind"]) for each, row in zip(ids, rows, strict=True)]


async def complete(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Complete open items; each row has ``item``, ``on`` and ``at``."""
    if not rows:
        return
    await conn.execute(
        update(work_item)
        .where(work_item.c.id == bindparam("item"), work_item.c.status == "open")
        .values(status="completed", completed_on=bindparam("on"), completed_at=bindparam("at")),
        [dict(row) for row in rows],
    )


async def put_to_case(conn: AsyncConnection, item_id: int, case_id: str) -> None:
    """Say to which case of ours an item belongs that was opened without one."""
    item = await by_id(conn, item_id)
    if item is None:
        return
    # The case is a part of the name under which the content is sealed.
    row = sealed_one(conn, work_item, {**item, "case_id": case_id})
    moved = {name: row[name] for name in ("case_id", "reasons", "details")}
    await conn.execute(update(work_item).where(work_item.c.id == item_id).values(**moved))


async def complete_of(conn: AsyncConnection, inbound_id: int, kind: str, on: date, at: datetime) -> None:
    """Complete what was opened for an incoming transaction under ``kind``."""
    await conn.execute(
        update(work_item)
        .where(work_item.c.inbound_id == inbound_id, work_item.c.kind == kind, work_item.c.status == "open")
        .values(status="completed", completed_on=on, completed_at=at)
    )
