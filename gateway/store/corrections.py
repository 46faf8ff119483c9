"""Queue a refused transaction again as it was corrected, and keep what it was before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import work
from csenet.gateway.store.rows import change_row
from csenet.gateway.store.sealing import Row, opened_one, sealed_one
from csenet.gateway.store.tables import outbound, work_item
from csenet.gateway.store.tables_corrections import correction

REFUSED_WORK = "refused_by_exchange"


async def whole(conn: AsyncConnection, outbound_id: int) -> dict[str, Any] | None:
    """Return a transaction of ours with its bytes, held until the end of the commit."""
    query = select(outbound).where(outbound.c.id == outbound_id).with_for_update()
    return await opened_one(conn, outbound, (await conn.execute(query)).mappings().one_or_none())


async def send_again(
    conn: AsyncConnection,
    row: Row,
    raw: bytes,
    fields: list[str],
    *,
    at: datetime,
    day: date,
    actor: str,
) -> None:
    """Keep what a refused row was, queue it as it is now under its own number, and end the work on it."""
    kept = {name: row[name] for name in ("raw", "batch_id", "reason", "refused_at")}
    kept |= {"outbound_id": row["id"], "at": at, "actor": actor, "fields": fields}
    await conn.execute(insert(correction).values(**sealed_one(conn, correction, kept)))
    fresh: dict[str, Any] = dict.fromkeys(("batch_id", "reason", "refused_at", "delivered_at"))
    fresh |= {"raw": raw, "status": "queued", "transaction_date": day, "attempts": 0}
    values = sealed_one(conn, outbound, {**fresh, "serial": row["serial"]})
    await change_row(conn, outbound, row["id"], values)
    about = work_item.c.outbound_id == row["id"], work_item.c.kind == REFUSED_WORK
    await work.complete_where(conn, *about, on=day, at=at, actor=actor)


async def of(conn: AsyncConnection, outbound_id: int) -> list[RowMapping]:
    """Return the corrections of a transaction, the first one first, without what it was."""
    columns = [column for column in correction.c if column.name != "raw"]
    query = select(*columns).where(correction.c.outbound_id == outbound_id).order_by(correction.c.id)
    return list((await conn.execute(query)).mappings())


async def latest(conn: AsyncConnection, serials: Collection[int]) -> dict[int, datetime]:
    """Return when the transactions with these serial numbers were last corrected."""
    if not serials:
        return {}
    query = (
        select(outbound.c.serial, func.max(correction.c.at).label("at"))
        .join(outbound, outbound.c.id == correction.c.outbound_id)
        .where(outbound.c.serial.in_(sorted(serials)))
        .group_by(outbound.c.serial)
    )
    return {int(row.serial): row.at for row in await conn.execute(query)}
