"""Queue what leaves and remember what left; the courier's own steps stand in ``outbox``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.tables import outbound, serial_counter

_KEPT = tuple(column for column in outbound.c if column.name != "raw")


async def next_serial(conn: AsyncConnection, jurisdiction: str) -> int:
    """Return the serial number to give next, and hold the counter until the transaction ends."""
    query = select(serial_counter.c.next).where(serial_counter.c.jurisdiction == jurisdiction)
    found = (await conn.execute(query.with_for_update())).scalar_one_or_none()
    if found is None:
        await conn.execute(insert(serial_counter).values(jurisdiction=jurisdiction, next=1))
        return 1
    return int(found)


async def set_next_serial(conn: AsyncConnection, jurisdiction: str, serial: int) -> None:
    """Move the counter on."""
    await conn.execute(
        update(serial_counter).where(serial_counter.c.jurisdiction == jurisdiction).values(next=serial)
    )


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Queue transactions and return their numbers by serial."""
    if not rows:
        return {}
    keys = insert(outbound).returning(outbound.c.id, outbound.c.serial)
    made = await conn.execute(keys, [dict(row) for row in rows])
    return {int(row.serial): int(row.id) for row in made}


async def by_serial(
    conn: AsyncConnection, serials: Collection[int], *, hold: bool = False
) -> dict[int, RowMapping]:
    """Return our transactions with these serial numbers, without their bytes; ``hold`` to change them."""
    if not serials:
        return {}
    query = select(*_KEPT).where(outbound.c.serial.in_(sorted(serials))).order_by(outbound.c.serial)
    found = await conn.execute(query.with_for_update() if hold else query)
    return {int(row["serial"]): row for row in found.mappings()}
