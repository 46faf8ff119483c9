"""Keep what has to leave: rows in order of their serial numbers, batches that never change, each try.

A row is queued by the commit that decided it, goes into one batch, and leaves with it.  A gateway has at most
one batch open at a time, and no batch gets a row of a case of which another has one still under way.  Every
function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit
from csenet.gateway.store.columns import Json, UtcDateTime
from csenet.gateway.store.tables import attempt, case_file, delivery_batch, outbound, timeline, work_item

# Word for word the condition of the partial index, or SQLite would not use it.
IN_INDEX: Final = text("outbound.status IN ('held', 'queued', 'sending', 'dead')")
_OPEN_STATES: Final = ("composed", "spooled")
# One statement may carry only so many parameters.
_CHUNK: Final = 500

T = TypeVar("T")

DEAD_WORK: Final = "dead"
HELD_WORK: Final = "held"
_TITLES: Final = {
    DEAD_WORK: "A transaction could not be delivered; send it again or settle it with the other state",
    HELD_WORK: "A transaction may not leave as things stand; later ones of this case wait behind it",
}


class OutboundRow(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one transaction on its way out, ``raw`` as it goes to the exchange."""

    id: int
    serial: int
    partner: str
    case_id: str | None
    far: str
    raw: bytes
    correlation: str
    created_at: datetime
    batch_id: int | None


class OpenBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a batch that is not settled; ``attempts`` counts the tries begun, killed ones included."""

    id: int
    name: str
    state: str
    framing: str
    payload: bytes
    sha256: str
    count: int
    attempts: int
    next_attempt_at: datetime | None


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """Name a delivered transaction, without its content, by the id that follows it from its cause."""

    id: int
    serial: int
    far: str
    correlation: str
    intake_at: datetime


class DeadRow(msgspec.Struct, frozen=True, kw_only=True):
    """Tell an operator which transaction could not leave, without its content."""

    id: int
    serial: int
    partner: str
    case_id: str | None
    far: str
    attempts: int
    reason: str | None
    batch_id: int | None
    created_at: datetime


def status_is(word: str) -> ColumnElement[bool]:
    """Compare the status of a row in the way that lets the index of waiting rows be used."""
    # As a literal: the planner picks a partial index only for values it can read.
    literal: ColumnElement[str] = literal_column(f"'{word}'")
    return outbound.c.status == literal


def row_columns() -> list[Any]:
    """List what an ``OutboundRow`` is read from."""
    return [outbound.c[name] for name in OutboundRow.__struct_fields__]


async def rows_of(conn: AsyncConnection, batch_id: int) -> list[tuple[str, OutboundRow]]:
    """Return the rows that a batch carries, in order, each behind its status."""
    query = (
        select(*row_columns(), outbound.c.status)
        .where(outbound.c.batch_id == batch_id)
        .order_by(outbound.c.serial)
    )
    found = [dict(each) for each in (await conn.execute(query)).mappings()]
    return [(each.pop("status"), OutboundRow(**each)) for each in found]


async def open_batch(conn: AsyncConnection, batch_id: int | None = None) -> OpenBatch | None:
    """Return the oldest batch that is neither delivered nor dead, or the one named if it is neither."""
    chosen = () if batch_id is None else (delivery_batch.c.id == batch_id,)
    query = open_batches().where(*chosen).order_by(delivery_batch.c.id).limit(1)
    found = (await conn.execute(query)).mappings().first()
    return None if found is None else OpenBatch(**found)


def open_batches() -> Select[Any]:
    """Select the batches that are neither delivered nor dead."""
    columns = [delivery_batch.c[name] for name in OpenBatch.__struct_fields__]
    return select(*columns).where(text("state <> 'delivered'"), delivery_batch.c.state.in_(_OPEN_STATES))


async def add_batch(
    conn: AsyncConnection,
    *,
    jurisdiction: str,
    framing: str,
    payload: bytes,
    rows: Sequence[OutboundRow],
    at: datetime,
) -> OpenBatch:
    """Seal ``rows`` into a new batch, named after the state (two digits) and its own number."""
    sha256 = hashlib.sha256(payload).hexdigest()
    highest = (await conn.execute(select(func.max(delivery_batch.c.id)))).scalar_one_or_none() or 0
    values: dict[str, Any] = {
        "id": highest + 1,
        "name": f"CSENET-{jurisdiction}-{highest + 1:012d}.txt",
        "state": "composed",
        "framing": framing,
        "payload": payload,
        "sha256": sha256,
        "count": len(rows),
        "attempts": 0,
        "next_attempt_at": None,
    }
    await conn.execute(insert(delivery_batch).values(**values, created_at=at))
    await _set_rows(conn, [row.id for row in rows], status="sending", batch_id=values["id"], reason=None)
    return OpenBatch(**values)


async def reopen_batch(conn: AsyncConnection, batch_id: int) -> OpenBatch | None:
    """Open a dead batch once more, same name and same bytes, with its tries counted anew.

    The destination may have taken the batch although every try seemed to fail; under its old name it will
    recognise it.
    """
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id, delivery_batch.c.state == "dead")
        .values(state="composed", attempts=0, next_attempt_at=None)
    )
    await conn.execute(
        update(outbound)
        .where(outbound.c.batch_id == batch_id, status_is("queued"))
        .values(status="sending", reason=None)
    )
    return await open_batch(conn, batch_id)


async def begin_attempt(conn: AsyncConnection, batch_id: int, at: datetime) -> int:
    """Note that a try begins and return its identifier; a killed one so stays in the count."""
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id)
        .values(attempts=delivery_batch.c.attempts + 1, next_attempt_at=None)
    )
    await conn.execute(
        update(outbound)
        .where(outbound.c.batch_id == batch_id, status_is("sending"))
        .values(attempts=outbound.c.attempts + 1)
    )
    done = await conn.execute(insert(attempt).values(batch_id=batch_id, at=at, outcome="started"))
    key = done.inserted_primary_key
    assert key is not None  # noqa: S101 - a single-row insert has one
    return int(key[0])


async def mark_spooled(conn: AsyncConnection, batch_id: int) -> None:
    """Note that the batch's bytes are durably put aside, so that a missing spool file means it left."""
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id, delivery_batch.c.state == "composed")
        .values(state="spooled")
    )


async def _end_attempt(conn: AsyncConnection, attempt_id: int, outcome: str, error: str) -> None:
    await conn.execute(
        update(attempt).where(attempt.c.id == attempt_id).values(outcome=outcome, detail=error or None)
    )


async def note_batch(conn: AsyncConnection, batch_id: int, action: str, at: datetime) -> None:
    """Write into the audit trail what happened to a batch."""
    query = select(delivery_batch.c.name, delivery_batch.c.count, delivery_batch.c.sha256)
    name, count, sha256 = (await conn.execute(query.where(delivery_batch.c.id == batch_id))).one()
    detail = {"count": count, "sha256": sha256}
    row = {"at": at, "actor": "courier", "action": f"delivery.{action}", "object": name, "detail": detail}
    await audit.add(conn, [row])


async def _note(conn: AsyncConnection, batch_id: int, event: str, at: datetime) -> None:
    """Write what happens to the rows of a batch on the timelines of the cases that we know."""
    found = select(
        outbound.c.case_id,
        literal(at, UtcDateTime),
        literal(event),
        literal({"batch": batch_id}, Json),
        outbound.c.id,
    ).where(
        outbound.c.batch_id == batch_id,
        status_is("sending"),
        outbound.c.case_id.in_(select(case_file.c.case_id)),
    )
    columns = ["case_id", "at", "event", "detail", "outbound_id"]
    await conn.execute(insert(timeline).from_select(columns, found))


async def settle_failed(
    conn: AsyncConnection, batch_id: int, attempt_id: int, *, error: str, next_attempt_at: datetime
) -> None:
    """Note a failed try and when the next is due."""
    await _end_attempt(conn, attempt_id, "transient", error)
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id)
        .values(last_error=error, next_attempt_at=next_attempt_at)
    )


async def settle_delivered(
    conn: AsyncConnection, batch_id: int, attempt_id: int, at: datetime
) -> list[Departure]:
    """Note that the batch has arrived and return what arrived with it.

    A row that the exchange refused before we came to note this stays refused.
    """
    await _end_attempt(conn, attempt_id, "delivered", "")
    await note_batch(conn, batch_id, "delivered", at)
    columns = [outbound.c[name] for name in Departure.__struct_fields__]
    query = select(*columns).where(outbound.c.batch_id == batch_id, status_is("sending"))
    # Locked in the order in which a file of refusals locks them, so that the two cannot block each other.
    query = query.order_by(outbound.c.serial).with_for_update()
    departures = [Departure(**found) for found in (await conn.execute(query)).mappings()]
    await _note(conn, batch_id, "transaction.delivered", at)
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id)
        .values(state="delivered", delivered_at=at, next_attempt_at=None, last_error=None)
    )
    await conn.execute(
        update(outbound)
        .where(outbound.c.batch_id == batch_id, status_is("sending"))
        .values(status="delivered", delivered_at=at, reason=None)
    )
    return departures


async def settle_dead(
    conn: AsyncConnection, batch_id: int, attempt_id: int, *, outcome: str, error: str, at: datetime
) -> None:
    """Give the batch up: its rows are dead and each opens one work item."""
    await _end_attempt(conn, attempt_id, outcome, error)
    await note_batch(conn, batch_id, "dead", at)
    rows = [row for status, row in await rows_of(conn, batch_id) if status == "sending"]
    await _note(conn, batch_id, "transaction.dead", at)
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id)
        .values(state="dead", last_error=error, next_attempt_at=None)
    )
    await bury(conn, rows, error=error, batch_id=batch_id, at=at)


async def bury(
    conn: AsyncConnection, rows: Sequence[OutboundRow], *, error: str, batch_id: int, at: datetime
) -> None:
    """Leave rows to a person, each by a work item."""
    await _set_rows(conn, [row.id for row in rows], status="dead", reason=error)
    await _open_work(conn, DEAD_WORK, rows, {"error": error, "batch": str(batch_id)}, [], at)


async def queue_again(conn: AsyncConnection, rows: Sequence[OutboundRow]) -> None:
    """Let rows leave in another batch than the one that was to carry them."""
    await _set_rows(conn, [row.id for row in rows], status="queued", batch_id=None, reason=None)


async def hold(
    conn: AsyncConnection, row: OutboundRow, *, reason: str, reasons: list[Any], at: datetime
) -> None:
    """Keep back a row that may not leave, and open a work item that says why."""
    await _set_rows(conn, [row.id], status="held", reason=reason)
    await _open_work(conn, HELD_WORK, [row], {}, reasons, at)


async def release_held(conn: AsyncConnection, ids: Sequence[int] | None, *, at: datetime, today: date) -> int:
    """Queue held rows again (all if ``ids`` is None) to be asked about once more; return how many."""
    return await _requeue(conn, "held", ids, at=at, today=today)


async def resend_dead(conn: AsyncConnection, ids: Sequence[int] | None, *, at: datetime, today: date) -> int:
    """Queue dead rows again (all if ``ids`` is None) under their own serial numbers; return how many.

    Rows that are not dead, such as those of a second resend, are left as they are.
    """
    return await _requeue(conn, "dead", ids, at=at, today=today)


async def cancel_dead(
    conn: AsyncConnection, ids: Sequence[int], *, reason: str, at: datetime, today: date
) -> int:
    """Withdraw dead or held rows for good, so that their cases go on without them; return how many."""
    found = await _moved_on(conn, "dead", ids, "cancelled", at=at, today=today)
    found += await _moved_on(conn, "held", ids, "cancelled", at=at, today=today)
    await _set_rows(conn, found, reason=reason)
    return len(found)


async def dead_rows(conn: AsyncConnection, limit: int = 1000) -> list[DeadRow]:
    """Return the dead rows in order of serial."""
    columns = [outbound.c[name] for name in DeadRow.__struct_fields__]
    query = select(*columns).where(IN_INDEX, status_is("dead")).order_by(outbound.c.serial).limit(limit)
    return [DeadRow(**found) for found in (await conn.execute(query)).mappings()]


async def _requeue(
    conn: AsyncConnection, status: str, ids: Sequence[int] | None, *, at: datetime, today: date
) -> int:
    return len(await _moved_on(conn, status, ids, "queued", at=at, today=today))


async def _moved_on(
    conn: AsyncConnection, status: str, ids: Sequence[int] | None, to: str, *, at: datetime, today: date
) -> list[int]:
    """Give the rows that still have ``status`` another one, and complete the work that asked for it."""
    query = select(outbound.c.id).where(IN_INDEX, status_is(status))
    wanted = None if ids is None else set(ids)
    found = [each for each in (await conn.execute(query)).scalars() if wanted is None or each in wanted]
    await _set_rows(conn, found, status=to)
    for part in chunks(found):
        await conn.execute(
            update(work_item)
            .where(
                work_item.c.outbound_id.in_(part),
                work_item.c.kind == status,
                work_item.c.status == "open",
            )
            .values(status="completed", completed_on=today, completed_at=at)
        )
    return found


async def _set_rows(conn: AsyncConnection, ids: Sequence[int], **values: Any) -> None:
    for part in chunks(ids):
        await conn.execute(update(outbound).where(outbound.c.id.in_(part)).values(**values))


def chunks(ids: Sequence[T]) -> list[Sequence[T]]:
    """Cut a list into parts that one statement can carry."""
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]


async def _open_work(
    conn: AsyncConnection,
    kind: str,
    rows: Sequence[OutboundRow],
    details: dict[str, str],
    reasons: list[Any],
    at: datetime,
) -> None:
    if not rows:
        return
    items = [
        {
            "kind": kind,
            "title": _TITLES[kind],
            "case_id": row.case_id,
            "group": kind,
            "status": "open",
            "reasons": reasons,
            "details": {"serial": str(row.serial), "far": row.far, "partner": row.partner, **details},
            "outbound_id": row.id,
            "opened_at": at,
        }
        for row in rows
    ]
    await conn.execute(insert(work_item), items)


async def statuses(conn: AsyncConnection) -> dict[str, int]:
    """Count the rows in each status."""
    query = select(outbound.c.status, func.count()).group_by(outbound.c.status)
    return {str(status): int(count) for status, count in await conn.execute(query)}


async def mark_refused(conn: AsyncConnection, serial: int, *, reason: str, at: datetime) -> None:
    """Note that the exchange refused what left under ``serial``; what never left cannot be refused."""
    await conn.execute(
        update(outbound)
        .where(outbound.c.serial == serial, outbound.c.status.in_(("sending", "delivered", "dead")))
        .values(status="refused", refused_at=at, reason=reason)
    )
