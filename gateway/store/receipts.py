"""Keep the receipts for our batches, and say of each what it means beside what we know.

*Good*: it proves the batch.  *Late*: it does, after its time.  *Repeated*: one had proved it before.
*Contradicting*: it names other bytes, another count, or says the opposite of an earlier one; that is for a
person.  *Missing* is no receipt but the lack of one: a batch whose receipt is due and has not come.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import work
from csenet.gateway.store.outbox import Batch
from csenet.gateway.store.prepared import Prepared, add_numbered, adding
from csenet.gateway.store.tables import delivery_batch, work_item
from csenet.gateway.store.tables_delivery import RECEIPT_STATES, delivery_receipt, receipt_expected

MISSING: Final = "missing"
CONTRADICTING: Final = "contradicting"
STATES: Final = (MISSING, *RECEIPT_STATES)
WORK: Final = "receipt_contradicts"
_TITLE: Final = "A receipt contradicts what was sent; ask the exchange what it has under {name}"
_PROOF: Final = ("good", "late", "repeated")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a receipt says; what it does not say is None."""

    way: str
    signed: bool = False
    outcome: str | None = None
    sha256: str | None = None
    count: int | None = None
    stated_at: datetime | None = None


class ReceiptLine(msgspec.Struct, frozen=True, kw_only=True):
    """Tell of one receipt, or of one that is missing; ``at`` is when it came, or when it was due."""

    batch: str
    state: str
    at: datetime
    way: str | None = None
    signed: bool = False
    outcome: str | None = None
    count: int | None = None
    stated_at: datetime | None = None


_EARLIER: Final = Prepared(
    select(delivery_receipt.c.state, delivery_receipt.c.outcome)
    .where(delivery_receipt.c.batch_id == bindparam("batch"))
    .order_by(delivery_receipt.c.id)
)
_DUE: Final = Prepared(
    select(receipt_expected.c.due_at).where(receipt_expected.c.batch_id == bindparam("batch"))
)
_ADD: Final = adding(delivery_receipt)


async def batch_named(conn: AsyncConnection, key: str) -> Batch | None:
    """Find a batch of ours by its key, or by the name of its file."""
    query = select(*(delivery_batch.c[name] for name in Batch.__struct_fields__))
    found = (
        (await conn.execute(query.where(delivery_batch.c.name == f"{key.removesuffix('.txt')}.txt")))
        .mappings()
        .first()
    )
    return None if found is None else Batch(**found)


async def take(conn: AsyncConnection, batch: Batch, told: Told, at: datetime) -> str:
    """Keep a receipt and say what it means; one that contradicts opens work for a person, once a batch."""
    earlier = await _EARLIER.mappings(conn, batch=batch.id)
    due = await _DUE.scalar(conn, batch=batch.id)
    state = _meaning(batch, told, earlier, late=due is not None and due < at)
    row = {"batch_id": batch.id, "at": at, "state": state, **msgspec.structs.asdict(told)}
    await add_numbered(conn, delivery_receipt, _ADD, [row])
    if state == CONTRADICTING:
        await _ask(conn, batch, at)
    elif due is not None:
        await conn.execute(delete(receipt_expected).where(receipt_expected.c.batch_id == batch.id))
    return state


def _meaning(batch: Batch, told: Told, earlier: Sequence[Any], *, late: bool) -> str:
    differs = (
        told.sha256 not in (None, batch.sha256),
        told.count not in (None, batch.count),
        told.outcome == "refused",
    )
    if any(differs):
        return CONTRADICTING
    if any(each["state"] in _PROOF for each in earlier):
        return "repeated"
    return "late" if late else "good"


async def _ask(conn: AsyncConnection, batch: Batch, at: datetime) -> None:
    stem = batch.name.removesuffix(".txt")
    is_open = exists().where(
        work_item.c.kind == WORK, work_item.c.group == stem, work_item.c.status == "open"
    )
    if (await conn.execute(select(is_open))).scalar_one():
        return
    item: dict[str, Any] = {
        "kind": WORK,
        "title": _TITLE.format(name=stem),
        "group": stem,
        "case_id": None,
        "inbound_id": None,
        "outbound_id": None,
        "status": "open",
        "reasons": [],
        "details": {"batch": batch.name, "count": str(batch.count), "sha256": batch.sha256},
        "opened_at": at,
    }
    await work.add(conn, [item], ["courier"])


async def expect(conn: AsyncConnection, batch_id: int, due_at: datetime) -> None:
    """Note that a receipt has to come by then, unless one is awaited already or has proved the batch."""
    earlier = await _EARLIER.mappings(conn, batch=batch_id)
    if any(each["state"] in _PROOF for each in earlier):
        return
    insert_new: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = {"batch_id": batch_id, "due_at": due_at, "missed_at": None}
    await conn.execute(insert_new(receipt_expected).values(**row).on_conflict_do_nothing())


async def missed(conn: AsyncConnection, at: datetime, limit: int = 100) -> list[str]:
    """Note that somebody is told of the receipts that are due and have not come; return their batches."""
    query = (
        select(receipt_expected.c.batch_id, delivery_batch.c.name)
        .join(delivery_batch, delivery_batch.c.id == receipt_expected.c.batch_id)
        .where(receipt_expected.c.due_at <= at, receipt_expected.c.missed_at.is_(None))
        .order_by(receipt_expected.c.batch_id)
        .limit(limit)
    )
    found = (await conn.execute(query)).all()
    numbers = [row.batch_id for row in found]
    noted = update(receipt_expected).where(receipt_expected.c.batch_id.in_(numbers))
    await conn.execute(noted.values(missed_at=at))
    return [str(row.name) for row in found]


async def counts(conn: AsyncConnection, at: datetime) -> dict[str, int]:
    """Count the receipts in each state, and those that are missing now."""
    by_state = select(delivery_receipt.c.state, func.count()).group_by(delivery_receipt.c.state)
    unusual = by_state.where(delivery_receipt.c.state != "good")
    found = {str(state): int(count) for state, count in await conn.execute(unusual)}
    told = {state: found.get(state, 0) for state in STATES if state != "good"}
    return told | {MISSING: await missing(conn, at)}


async def missing(conn: AsyncConnection, at: datetime) -> int:
    """Count the receipts that have not come by their time."""
    lacking = select(func.count()).select_from(receipt_expected).where(receipt_expected.c.due_at <= at)
    return int((await conn.execute(lacking)).scalar_one())


async def listing(
    conn: AsyncConnection, at: datetime, *, state: str | None = None, limit: int = 100
) -> list[ReceiptLine]:
    """List receipts, the newest first, and before them what is missing; ``state`` chooses one kind."""
    found: list[ReceiptLine] = []
    if state in (None, MISSING):
        query = select(delivery_batch.c.name, receipt_expected.c.due_at).join(
            receipt_expected, receipt_expected.c.batch_id == delivery_batch.c.id
        )
        late = query.where(receipt_expected.c.due_at <= at).order_by(receipt_expected.c.due_at).limit(limit)
        found += [
            ReceiptLine(batch=row.name, state=MISSING, at=row.due_at) for row in await conn.execute(late)
        ]
    if state != MISSING:
        names = ("state", "at", "way", "signed", "outcome", "count", "stated_at")
        came = select(delivery_batch.c.name.label("batch"), *(delivery_receipt.c[name] for name in names))
        came = came.join(delivery_batch, delivery_batch.c.id == delivery_receipt.c.batch_id)
        if state is not None:
            came = came.where(delivery_receipt.c.state == state)
        rows = await conn.execute(came.order_by(delivery_receipt.c.id.desc()).limit(limit))
        found += [ReceiptLine(**row) for row in rows.mappings()]
    return found[:limit]
