"""Write down what comes of each try to deliver a batch: before it is made, and after.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit, cases, tax
from csenet.gateway.store.outbox import Batch, bury, rows_of, status_is
from csenet.gateway.store.prepared import Prepared, add_numbered, adding
from csenet.gateway.store.tables import attempt, case_file, delivery_batch, outbound


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """Name a delivered transaction, without its content, by the id that follows it from its cause.

    ``case_id`` is that of a case we know.
    """

    id: int
    case_id: str | None
    serial: int
    far: str
    correlation: str
    intake_at: datetime


_THE_BATCH: Final = delivery_batch.c.id == bindparam("batch")
_ON_ITS_WAY: Final = (outbound.c.batch_id == bindparam("batch"), status_is("sending"))
_COUNT_TRY: Final = Prepared(
    update(delivery_batch)
    .where(_THE_BATCH)
    .values(attempts=delivery_batch.c.attempts + 1, next_attempt_at=None)
)
_COUNT_ROWS_TRY: Final = Prepared(
    update(outbound).where(*_ON_ITS_WAY).values(attempts=outbound.c.attempts + 1)
)
_ADD_TRY: Final = adding(attempt)
_END_TRY: Final = Prepared(
    update(attempt)
    .where(attempt.c.id == bindparam("try"))
    .values(outcome=bindparam("end"), detail=bindparam("error"))
)
_ABOUT: Final = Prepared(
    select(*(delivery_batch.c[name] for name in Batch.__struct_fields__)).where(_THE_BATCH)
)
_IS_KNOWN: Final = outbound.c.case_id.in_(select(case_file.c.case_id))
_OF_KNOWN_CASES: Final = Prepared(
    select(outbound.c.case_id, outbound.c.id.label("outbound_id")).where(*_ON_ITS_WAY, _IS_KNOWN)
)
# Locked in the order in which a file of refusals locks them, so that the two cannot block each other.
_DEPARTING: Final = Prepared(
    select(
        *(outbound.c[name] for name in Departure.__struct_fields__ if name != "case_id"),
        case((_IS_KNOWN, outbound.c.case_id)).label("case_id"),
    )
    .where(*_ON_ITS_WAY)
    .order_by(outbound.c.serial)
    .with_for_update()
)
_ARRIVED: Final = Prepared(
    update(delivery_batch)
    .where(_THE_BATCH)
    .values(state="delivered", delivered_at=bindparam("at"), next_attempt_at=None, last_error=None)
)
_ROWS_ARRIVED: Final = Prepared(
    update(outbound).where(*_ON_ITS_WAY).values(status="delivered", delivered_at=bindparam("at"), reason=None)
)


async def begin_attempt(conn: AsyncConnection, batch_id: int, at: datetime) -> int:
    """Note that a try begins and return its identifier; a killed one so stays in the count."""
    await _COUNT_TRY.run(conn, batch=batch_id)
    await _COUNT_ROWS_TRY.run(conn, batch=batch_id)
    return (await add_attempts(conn, [batch_id], at))[0]


async def add_attempts(conn: AsyncConnection, batch_ids: Sequence[int], at: datetime) -> Sequence[int]:
    """Note tries of batches that were counted when the batches were sealed."""
    if not batch_ids:
        return ()
    begun = [{"batch_id": each, "at": at, "outcome": "started"} for each in batch_ids]
    return await add_numbered(conn, attempt, _ADD_TRY, begun)


async def mark_spooled(conn: AsyncConnection, batch_id: int) -> None:
    """Note that the batch's bytes are durably put aside, so that a missing spool file means it left."""
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id, delivery_batch.c.state == "composed")
        .values(state="spooled")
    )


async def note_batch(
    conn: AsyncConnection, batch_id: int, action: str, at: datetime, *, actor: str = "courier"
) -> None:
    """Write into the audit trail what happened to a batch."""
    found = await _ABOUT.structs(conn, Batch, batch=batch_id)
    await _note(conn, found[0], action, at, actor)


async def _note(conn: AsyncConnection, batch: Batch, action: str, at: datetime, actor: str) -> None:
    detail = {"count": batch.count, "sha256": batch.sha256}
    row = {"at": at, "actor": actor, "action": f"delivery.{action}", "object": batch.name, "detail": detail}
    await audit.add(conn, [row])


async def note_rows(conn: AsyncConnection, batch_id: int, event: str, at: datetime) -> None:
    """Write what happens to the rows of a batch on the timelines of the cases that we know."""
    rows = await _OF_KNOWN_CASES.mappings(conn, batch=batch_id)
    await _tell_cases(conn, batch_id, rows, event, at)


async def _tell_cases(
    conn: AsyncConnection, batch_id: int, rows: Iterable[Mapping[str, Any]], event: str, at: datetime
) -> None:
    same = {"at": at, "event": event, "detail": {"batch": batch_id}, "inbound_id": None}
    await cases.add_events(conn, [{**row, **same} for row in rows])


async def settle_failed(
    conn: AsyncConnection, batch_id: int, attempt_id: int, *, error: str, next_attempt_at: datetime
) -> None:
    """Note a failed try and when the next is due."""
    await _END_TRY.run(conn, **{"try": attempt_id, "end": "transient", "error": error or None})
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id)
        .values(last_error=error, next_attempt_at=next_attempt_at)
    )


async def settle_delivered(
    conn: AsyncConnection, batch: Batch, attempt_id: int, at: datetime
) -> list[Departure]:
    """Note that the batch has arrived and return what arrived with it.

    A row that the exchange refused before we came to note this stays refused.
    """
    await _END_TRY.run(conn, **{"try": attempt_id, "end": "delivered", "error": None})
    await _note(conn, batch, "delivered", at, "courier")
    departures = await _DEPARTING.structs(conn, Departure, batch=batch.id)
    known = ({"case_id": each.case_id, "outbound_id": each.id} for each in departures if each.case_id)
    await _tell_cases(conn, batch.id, known, "transaction.delivered", at)
    await _ARRIVED.run(conn, batch=batch.id, at=at)
    await _ROWS_ARRIVED.run(conn, batch=batch.id, at=at)
    await tax.disclosed(conn, ((each.id, each.far) for each in departures), str(batch.id), at)
    return departures


async def settle_dead(
    conn: AsyncConnection, batch_id: int, attempt_id: int, *, outcome: str, error: str, at: datetime
) -> None:
    """Give the batch up: its rows are dead and each opens one work item."""
    await _END_TRY.run(conn, **{"try": attempt_id, "end": outcome, "error": error or None})
    await note_batch(conn, batch_id, "dead", at)
    rows = [row for status, row in await rows_of(conn, batch_id) if status == "sending"]
    await note_rows(conn, batch_id, "transaction.dead", at)
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id)
        .values(state="dead", last_error=error, next_attempt_at=None)
    )
    await bury(conn, rows, error=error, batch_id=batch_id, at=at)
