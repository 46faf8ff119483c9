"""Take transactions back that have not set out; what came of each is told.

What waits is taken out of the line.  What is sealed into a batch can be taken out of it as long as nobody
tries the batch at that moment and no try so far has found anybody at the other end: the batch is closed, and
all else that was in it is queued again, in order, for another one.  Courier and recall cannot both win: each
locks the batch first, and a try begins only on a batch that is open.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

import msgspec
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit, cases, duties, leases, outbox, withdrawn, work
from csenet.gateway.store.outbox import HELD_WORK, IN_INDEX, chunks
from csenet.gateway.store.tables import case_file, delivery_batch, lease, outbound, work_item

_WAITING: Final = ("queued", "held")
RECALLABLE: Final = (*_WAITING, "sending")
"""In these it is worth asking; what is under way already says so."""
TAKEN_BACK: Final = "taken back"
"""Stands as the reason; why somebody did it is in timeline and audit, sealed."""

INSTEAD: Final[Mapping[str, str]] = {
    "queued": (
        "An earlier try of it may have reached the exchange. Let it leave; or hold delivery, and once it is "
        "dead again ask the exchange and withdraw it there."
    ),
    "held": (
        "An earlier try of it may have reached the exchange. Ask the exchange; if it never came there, "
        "withdraw it with csenet dead cancel."
    ),
    "sending": (
        "A try has begun, so the exchange may have it. Wait how it ends: if it arrives, tell the other state "
        "by a transaction of its own; if it is given up, withdraw it with csenet dead cancel."
    ),
    "dead": "It was tried and given up. Ask the exchange; if it never came there: csenet dead cancel.",
    "delivered": (
        "It has arrived, or lies where the exchange fetches it, which leaves no mark. Tell the other state "
        "by a transaction of its own, such as a correction."
    ),
    "refused": "The exchange refused it, so nobody has it: there is nothing to take back.",
    "cancelled": "It was withdrawn before: there is nothing to take back.",
}
"""What to do with a transaction in a status in which it cannot be taken back."""


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """Name what was taken back, what had been before, and what stays, with its status; by its number.

    ``requeued`` counts those that wait anew because they shared a batch with what was taken back.
    """

    taken: Sequence[int]
    already: Sequence[int]
    left: dict[int, str]
    requeued: int = 0


async def recall(
    conn: AsyncConnection, ids: Sequence[int], *, reason: str, actor: str, at: datetime, today: date
) -> Recalled:
    """Cancel what has not set out, each for itself; later ones of its case go on without it.

    Duties that it had met are owed again, as though it had never been decided.  Repeating it changes nothing.
    """
    free = await _free_batches(conn, ids)
    opened = await _taken_apart(conn, free, actor, at)
    taken: list[int] = []
    for part in chunks(sorted(set(ids))):
        # One statement decides and changes, so that a courier of another process cannot seal it meanwhile.
        found = await conn.execute(
            update(outbound)
            .where(
                IN_INDEX,
                outbound.c.id.in_(part),
                outbound.c.status.in_(_WAITING),
                or_(outbound.c.batch_id.is_(None), outbound.c.batch_id.in_(free)),
            )
            .values(status="cancelled", reason=TAKEN_BACK)
            .returning(outbound.c.id)
        )
        taken += [int(number) for number in found.scalars()]
    already, left = await _others(conn, sorted(set(ids) - set(taken)))
    if taken:
        await _noted(conn, sorted(taken), reason, actor, at, today)
    requeued = len(opened - set(taken))
    return Recalled(taken=sorted(taken), already=already, left=left, requeued=requeued)


async def _free_batches(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, str]:
    """Lock the batches in which some of these rows are or were, and give those that have not set out.

    By number, with their states; dead ones are those whose rows were queued again or held.
    """
    within: set[int] = set()
    for part in chunks(sorted(set(ids))):
        query = select(outbound.c.batch_id).where(
            IN_INDEX, outbound.c.id.in_(part), outbound.c.batch_id.is_not(None)
        )
        within.update(int(number) for number in (await conn.execute(query)).scalars())
    free = {}
    for number in sorted(within):
        state = await _locked(conn, number)
        # A file that is put aside may be visible by now: see ops/decisions/0035-what-can-be-taken-back.md.
        if state != "spooled" and not await withdrawn.has_set_out(conn, number, state):
            free[number] = state
    return free


async def _locked(conn: AsyncConnection, batch_id: int) -> str:
    """Keep couriers from a batch until the transaction ends; its lease comes first, as it does for them."""
    held = select(lease.c.fence).where(lease.c.kind == leases.BATCH, lease.c.number == batch_id)
    await conn.execute(held.with_for_update())
    query = select(delivery_batch.c.state).where(delivery_batch.c.id == batch_id)
    return str((await conn.execute(query.with_for_update())).scalar_one())


async def _taken_apart(
    conn: AsyncConnection, batches: Mapping[int, str], actor: str, at: datetime
) -> set[int]:
    """Close those of the batches that are open, and queue all that was in them again; return those rows."""
    queued: set[int] = set()
    for number, state in batches.items():
        if state != "composed":
            continue
        rows = [row for status, row in await outbox.rows_of(conn, number) if status == "sending"]
        await withdrawn.close(conn, number, at, actor=actor, apart=True)
        await outbox.queue_again(conn, rows)
        queued.update(row.id for row in rows)
    return queued


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
