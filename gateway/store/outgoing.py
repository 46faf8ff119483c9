"""Queue what leaves and remember what left; the courier's own steps stand in ``outbox``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.prepared import Prepared, add_numbered, adding
from csenet.gateway.store.tables import outbound, serial_counter

_COUNTER: Final = serial_counter.c.jurisdiction == bindparam("whose")
_NEXT: Final = Prepared(select(serial_counter.c.next).where(_COUNTER).with_for_update())
_MOVE: Final = Prepared(update(serial_counter).where(_COUNTER).values(next=bindparam("to")))
_ADD: Final = adding(outbound)
_KEPT: Final = tuple(column for column in outbound.c if column.name != "raw")


async def next_serial(conn: AsyncConnection, jurisdiction: str) -> int:
    """Return the serial number to give next, and hold the counter until the transaction ends."""
    found = await _NEXT.scalar(conn, whose=jurisdiction)
    if found is None:
        await conn.execute(insert(serial_counter).values(jurisdiction=jurisdiction, next=1))
        return 1
    return int(found)


async def set_next_serial(conn: AsyncConnection, jurisdiction: str, serial: int) -> None:
    """Move the counter on."""
    await _MOVE.run(conn, whose=jurisdiction, to=serial)


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Queue transactions and return their numbers by serial."""
    if not rows:
        return {}
    ids = await add_numbered(conn, outbound, _ADD, [{"attempts": 0, **row} for row in rows])
    return {row["serial"]: each for each, row in zip(ids, rows, strict=True)}


async def by_serial(
    conn: AsyncConnection, serials: Collection[int], *, hold: bool = False
) -> dict[int, RowMapping]:
    """Return our transactions with these serial numbers, without their bytes; ``hold`` to change them."""
    if not serials:
        return {}
    query = select(*_KEPT).where(outbound.c.serial.in_(sorted(serials))).order_by(outbound.c.serial)
    found = await conn.execute(query.with_for_update() if hold else query)
    return {int(row["serial"]): row for row in found.mappings()}


async def asked_before(conn: AsyncConnection, case_id: str, codes: Collection[str]) -> list[RowMapping]:
    """Return what we asked on a case by one of these codes and did not withdraw, without the bytes."""
    query = select(*_KEPT).where(
        outbound.c.case_id == case_id,
        outbound.c.far.in_(sorted(codes)),
        outbound.c.status.not_in(("refused", "cancelled")),
    )
    return list((await conn.execute(query.order_by(outbound.c.id))).mappings())
