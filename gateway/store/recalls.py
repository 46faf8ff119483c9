"""Take transactions back that wait and that no try has touched; what came of each is told.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit, cases, duties, work
from csenet.gateway.store.outbox import HELD_WORK, IN_INDEX, chunks
from csenet.gateway.store.tables import case_file, outbound, work_item

# What is in a batch may have left, or be about to: a try has begun, or does in the same commit.
_WAITING = ("queued", "held")
TAKEN_BACK = "taken back"
"""Stands as the reason; why somebody did it is in timeline and audit, sealed."""


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """Name what was taken back, what had been before, and what stays, with its status; by its number."""

    taken: Sequence[int]
    already: Sequence[int]
    left: dict[int, str]


async def recall(
    conn: AsyncConnection, ids: Sequence[int], *, reason: str, actor: str, at: datetime, today: date
) -> Recalled:
    """Cancel what waits, each for itself; later ones of its case go on without it.

    Duties that it had met are owed again, as though it had never been decided.  Repeating it changes nothing.
    """
    taken: list[int] = []
    for part in chunks(sorted(set(ids))):
        # One statement decides and changes, so that a courier of another process cannot seal it meanwhile.
        found = await conn.execute(
            update(outbound)
            .where(IN_INDEX, outbound.c.id.in_(part), outbound.c.status.in_(_WAITING))
            .values(status="cancelled", reason=TAKEN_BACK)
            .returning(outbound.c.id)
        )
        taken += [int(number) for number in found.scalars()]
    already, left = await _others(conn, sorted(set(ids) - set(taken)))
    if taken:
        await _noted(conn, sorted(taken), reason, actor, at, today)
    return Recalled(taken=sorted(taken), already=already, left=left)


async def _others(conn: AsyncConnection, ids: Sequence[int]) -> tuple[list[int], dict[int, str]]:
    already, left = [], {}
    for part in chunks(ids):
        query = select(outbound.c.id, outbound.c.status, outbound.c.reason).where(outbound.c.id.in_(part))
        for row in await conn.execute(query.order_by(outbound.c.id)):
            if row.status == "cancelled" and row.reason == TAKEN_BACK:
                already.append(int(row.id))
            else:
                left[int(row.id)] = str(row.status)
    return already, left


async def _noted(
    conn: AsyncConnection, taken: Sequence[int], reason: str, actor: str, at: datetime, today: date
) -> None:
    await duties.taken_back(conn, taken, today)
    for part in chunks(taken):
        about = work_item.c.outbound_id.in_(part), work_item.c.kind == HELD_WORK
        await work.complete_where(conn, *about, on=today, at=at, actor=actor)
        query = select(outbound.c.case_id, outbound.c.id.label("outbound_id")).where(
            outbound.c.id.in_(part), outbound.c.case_id.in_(select(case_file.c.case_id))
        )
        same = {"at": at, "event": "transaction.recalled", "detail": {"reason": reason}, "inbound_id": None}
        rows = (await conn.execute(query.order_by(outbound.c.id))).mappings()
        await cases.add_events(conn, [{**row, **same} for row in rows])
    about_it = {"at": at, "actor": actor, "action": "transaction.recalled", "detail": {"reason": reason}}
    await audit.add(conn, [{**about_it, "object": f"transaction out-{number}"} for number in taken])
