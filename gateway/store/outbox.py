"""Keep what has to leave: rows in order of their serial numbers, and batches that never change.

A row is queued by the commit that decided it, goes into one batch, and leaves with it.  No batch gets a row
of a case of which another has one still under way.  What comes of each try stands in ``outcomes``, what a
person does about a failure in ``dead``.  Every function works inside the caller's transaction and commits
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import work
from csenet.gateway.store.prepared import Prepared, adding
from csenet.gateway.store.sealing import opened_one
from csenet.gateway.store.tables import delivery_batch, outbound

# Word for word the condition of the partial index, or SQLite would not use it.
IN_INDEX: Final = text("outbound.status IN ('held', 'queued', 'sending', 'dead')")
OPEN_STATES: Final = ("composed", "spooled")
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


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Hold of a batch what never changes: its name, the digest of its bytes, how many transactions it has."""

    id: int
    name: str
    sha256: str
    count: int


class OpenBatch(Batch, frozen=True, kw_only=True):
    """Hold a batch that is not settled; ``attempts`` counts the tries begun, killed ones included."""

    state: str
    framing: str
    payload: bytes
    attempts: int
    next_attempt_at: datetime | None


class Draft(msgspec.Struct, frozen=True):
    """Hold what is to become a batch: its bytes and the rows in them."""

    payload: bytes
    rows: Sequence[OutboundRow]


async def oldest_waiting(conn: AsyncConnection) -> datetime | None:
    """Return when the oldest transaction was made that still has to leave."""
    # By status: PostgreSQL would look for a minimum of all along the moments of all rows there ever were.
    query = select(func.min(outbound.c.created_at)).where(IN_INDEX, outbound.c.status != "dead")
    found = (await conn.execute(query.group_by(outbound.c.status))).scalars()
    return min(found, default=None)


def status_is(word: str) -> ColumnElement[bool]:
    """Compare the status of a row in the way that lets the index of waiting rows be used."""
    # As a literal: the planner picks a partial index only for values it can read.
    literal: ColumnElement[str] = literal_column(f"'{word}'")
    return outbound.c.status == literal


def row_columns() -> list[Any]:
    """List what an ``OutboundRow`` is read from."""
    return [outbound.c[name] for name in OutboundRow.__struct_fields__]


_HIGHEST: Final = Prepared(select(func.max(delivery_batch.c.id)))
_ADD: Final = adding(delivery_batch)
_SEND: Final = Prepared(
    update(outbound)
    .where(outbound.c.id == bindparam("row"))
    .values(
        status="sending",
        batch_id=bindparam("batch"),
        reason=None,
        attempts=outbound.c.attempts + bindparam("tries"),
    )
)
_CARRIED: Final = Prepared(
    select(*row_columns(), outbound.c.status)
    .where(outbound.c.batch_id == bindparam("batch"))
    .order_by(outbound.c.serial)
)


async def rows_of(conn: AsyncConnection, batch_id: int) -> list[tuple[str, OutboundRow]]:
    """Return the rows that a batch carries, in order, each behind its status."""
    found = await _CARRIED.mappings(conn, batch=batch_id)
    return [(each.pop("status"), OutboundRow(**each)) for each in found]


async def open_batch(conn: AsyncConnection, batch_id: int | None = None) -> OpenBatch | None:
    """Return the oldest batch that is neither delivered nor dead, or the one named if it is neither."""
    chosen = () if batch_id is None else (delivery_batch.c.id == batch_id,)
    return await read_batch(conn, open_batches().where(*chosen).limit(1))


async def read_batch(conn: AsyncConnection, query: Select[Any]) -> OpenBatch | None:
    """Return the first batch that a query of ``open_batches`` finds."""
    found = await opened_one(conn, delivery_batch, (await conn.execute(query)).mappings().first())
    return None if found is None else OpenBatch(**found)


def open_batches() -> Select[Any]:
    """Select the batches that are neither delivered nor dead, oldest first."""
    columns = [delivery_batch.c[name] for name in OpenBatch.__struct_fields__]
    return (
        select(*columns)
        .where(text("state <> 'delivered'"), delivery_batch.c.state.in_(OPEN_STATES))
        .order_by(delivery_batch.c.id)
    )


async def add_batches(
    conn: AsyncConnection,
    drafts: Sequence[Draft],
    *,
    jurisdiction: str,
    framing: str,
    at: datetime,
    begun: bool = False,
) -> list[OpenBatch]:
    """Seal each draft into a new batch, named after the state (two digits) and its own number.

    Where their first tries are ``begun`` in the same transaction, these are counted here.
    """
    highest = await _HIGHEST.scalar(conn) or 0
    batches = [
        OpenBatch(
            id=number,
            name=f"CSENET-{jurisdiction}-{number:012d}.txt",
            state="composed",
            framing=framing,
            payload=draft.payload,
            sha256=hashlib.sha256(draft.payload).hexdigest(),
            count=len(draft.rows),
            attempts=0,
            next_attempt_at=None,
        )
        for number, draft in enumerate(drafts, start=highest + 1)
    ]
    tries = {"attempts": int(begun), "created_at": at}
    await _ADD.many(conn, [{**msgspec.structs.asdict(each), **tries} for each in batches])
    sent = [(row, batch) for batch, draft in zip(batches, drafts, strict=True) for row in draft.rows]
    await _SEND.many(conn, [{"row": row.id, "batch": batch.id, "tries": int(begun)} for row, batch in sent])
    return batches


async def add_batch(
    conn: AsyncConnection,
    *,
    jurisdiction: str,
    framing: str,
    payload: bytes,
    rows: Sequence[OutboundRow],
    at: datetime,
) -> OpenBatch:
    """Seal ``rows`` into one new batch."""
    drafts = [Draft(payload, rows)]
    return (await add_batches(conn, drafts, jurisdiction=jurisdiction, framing=framing, at=at))[0]


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


async def count_in(conn: AsyncConnection, batch_id: int) -> int:
    """Return how many transactions were sealed into a batch, wherever they are now."""
    query = select(delivery_batch.c.count).where(delivery_batch.c.id == batch_id)
    return int((await conn.execute(query)).scalar_one())


async def bury(
    conn: AsyncConnection, rows: Sequence[OutboundRow], *, error: str, batch_id: int, at: datetime
) -> None:
    """Leave rows to a person, each by a work item."""
    await set_rows(conn, [row.id for row in rows], status="dead", reason=error)
    await _open_work(conn, DEAD_WORK, rows, {"error": error, "batch": str(batch_id)}, [], at)


async def queue_again(conn: AsyncConnection, rows: Sequence[OutboundRow]) -> None:
    """Let rows leave in another batch than the one that was to carry them."""
    await set_rows(conn, [row.id for row in rows], status="queued", batch_id=None, reason=None)


async def hold(
    conn: AsyncConnection, row: OutboundRow, *, reason: str, reasons: list[Any], at: datetime
) -> None:
    """Keep back a row that may not leave, and open a work item that says why."""
    await set_rows(conn, [row.id], status="held", reason=reason)
    await _open_work(conn, HELD_WORK, [row], {}, reasons, at)


async def set_rows(conn: AsyncConnection, ids: Sequence[int], **values: Any) -> None:
    """Change rows."""
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
            "inbound_id": None,
            "outbound_id": row.id,
            "partner": row.partner[:2],
            "function": row.far[:3],
            "opened_at": at,
        }
        for row in rows
    ]
    await work.add(conn, items, ["courier"] * len(items))


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
