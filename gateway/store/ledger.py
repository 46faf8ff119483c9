"""Add up that nothing was lost, doubled or left between two statuses; true at any instant on a live store.

All sums are taken inside one read of the store, so they see one moment.  Each difference names the key it was
found at, never content.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from sqlalchemy import Select, and_, case, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.tables import (
    delivery_batch,
    inbound,
    inbound_file,
    outbound,
    serial_counter,
    transaction_key,
)
from csenet.gateway.store.tables_corrections import correction

# Enough to see what is wrong; a broken store could name millions.
_SHOWN: Final = 20
_KEYED: Final = ("decided", "parked")


class LedgerReport(msgspec.Struct, frozen=True, kw_only=True):
    """Say whether everything adds up.

    ``inbound`` counts transactions by status, ``error_records`` the exchange's refusals of ours;
    ``files_waiting`` are kept but not yet wholly settled.
    """

    balanced: bool
    files: int
    files_waiting: int
    inbound: dict[str, int]
    outbound: dict[str, int]
    differences: list[str]
    error_records: dict[str, int] = msgspec.field(default_factory=dict)


async def check(conn: AsyncConnection) -> LedgerReport:
    """Take all sums and compare them."""
    differences: list[str] = []
    for proof in _PROOFS:
        differences += await proof(conn)
    states = await counts(conn, select(inbound_file.c.state, func.count()).group_by(inbound_file.c.state))
    return LedgerReport(
        balanced=not differences,
        files=sum(states.values()),
        files_waiting=states.get("received", 0),
        inbound=await inbound_counts(conn, "transactions"),
        outbound=await outbound_counts(conn),
        error_records=await inbound_counts(conn, "errors"),
        differences=differences,
    )


async def inbound_counts(conn: AsyncConnection, kind: str) -> dict[str, int]:
    """Count what came in by status, in files of one kind."""
    query = (
        select(inbound.c.status, func.count())
        .join(inbound_file, inbound_file.c.id == inbound.c.file_id)
        .where(inbound_file.c.kind == kind)
        .group_by(inbound.c.status)
        .order_by(inbound.c.status)
    )
    return await counts(conn, query)


async def outbound_counts(conn: AsyncConnection) -> dict[str, int]:
    """Count what we sent or mean to send by status."""
    query = select(outbound.c.status, func.count()).group_by(outbound.c.status).order_by(outbound.c.status)
    return await counts(conn, query)


async def counts(conn: AsyncConnection, query: Select[Any]) -> dict[str, int]:
    """Run a query for words, each with how many there are of it."""
    return {str(word): int(count) for word, count in await conn.execute(query)}


async def _found(conn: AsyncConnection, query: Select[Any], text: str) -> list[str]:
    rows = (await conn.execute(query.limit(_SHOWN))).mappings()
    return [text.format(**row) for row in rows]


async def _files(conn: AsyncConnection) -> list[str]:
    rows, last = func.count(inbound.c.id), func.coalesce(func.max(inbound.c.position), 0)
    unsettled = func.sum(case((inbound.c.status == "received", 1), else_=0))
    short = and_(inbound_file.c.state == "settled", or_(inbound_file.c.count != rows, unsettled > 0))
    query = (
        select(inbound_file.c.id, inbound_file.c.count.label("said"), rows.label("rows"), last.label("last"))
        .outerjoin(inbound, inbound.c.file_id == inbound_file.c.id)
        .group_by(inbound_file.c.id)
        .having(or_(short, rows != last))
        .order_by(inbound_file.c.id)
    )
    return await _found(
        conn, query, "file {id}: {said} records counted, {rows} kept, the last is number {last}"
    )


async def _keys(conn: AsyncConnection) -> list[str]:
    astray = (
        select(transaction_key.c.sender, transaction_key.c.serial)
        .outerjoin(inbound, inbound.c.id == transaction_key.c.inbound_id)
        .where(
            or_(
                inbound.c.id.is_(None),
                inbound.c.status.not_in(_KEYED),
                inbound.c.sender != transaction_key.c.sender,
                inbound.c.serial != transaction_key.c.serial,
            )
        )
    )
    its_key = and_(
        transaction_key.c.sender == inbound.c.sender,
        transaction_key.c.serial == inbound.c.serial,
        transaction_key.c.inbound_id == inbound.c.id,
    )
    unmarked = (
        select(inbound.c.correlation)
        .join(inbound_file, inbound_file.c.id == inbound.c.file_id)
        .outerjoin(transaction_key, its_key)
        .where(
            inbound_file.c.kind == "transactions",
            inbound.c.status.in_(_KEYED),
            transaction_key.c.sender.is_(None),
        )
    )
    found = await _found(conn, astray, "key {sender} {serial}: marks no transaction taken in")
    return found + await _found(conn, unmarked, "{correlation}: taken in, but its key is not marked")


async def _replies(conn: AsyncConnection) -> list[str]:
    queued = func.count(outbound.c.id)
    query = (
        select(inbound.c.correlation, inbound.c.replies.label("said"), queued.label("queued"))
        .outerjoin(outbound, outbound.c.in_reply_to == inbound.c.id)
        .group_by(inbound.c.id, inbound.c.correlation, inbound.c.replies, inbound.c.status)
        .having(or_(inbound.c.replies != queued, and_(queued > 0, inbound.c.status != "decided")))
        .order_by(inbound.c.id)
    )
    return await _found(conn, query, "{correlation}: {said} replies decided, {queued} made")


async def _serials(conn: AsyncConnection) -> list[str]:
    given = (await conn.execute(select(func.coalesce(func.max(serial_counter.c.next), 1)))).scalar_one() - 1
    sums = select(func.count(), func.coalesce(func.min(outbound.c.serial), 1), func.max(outbound.c.serial))
    count, first, last = (await conn.execute(sums)).one()
    if (count, first, last or 0) == (given, 1, given):
        return []
    before = func.coalesce(func.lag(outbound.c.serial).over(order_by=outbound.c.serial), 0)
    steps = select(outbound.c.serial.label("serial"), before.label("before")).subquery()
    gaps = select(steps).where(steps.c.serial != steps.c.before + 1).order_by(steps.c.serial)
    found = await _found(conn, gaps, "serial {serial}: follows {before}")
    return [*found, f"serials: {given} given, {count} kept, the last is {last or 0}"]


async def _batches(conn: AsyncConnection) -> list[str]:
    # Rows that were refused, corrected and sent again went on in another batch.
    gone = (
        select(func.count())
        .where(correction.c.batch_id == delivery_batch.c.id)
        .correlate(delivery_batch)
        .scalar_subquery()
    )
    rows = func.count(outbound.c.id) + gone
    short = (
        select(delivery_batch.c.name, delivery_batch.c.count.label("said"), rows.label("rows"))
        .outerjoin(outbound, outbound.c.batch_id == delivery_batch.c.id)
        # Rows of a dead batch may have gone on in another one.
        .where(delivery_batch.c.state != "dead")
        .group_by(delivery_batch.c.id, delivery_batch.c.name, delivery_batch.c.count)
        .having(delivery_batch.c.count != rows)
        .order_by(delivery_batch.c.id)
    )
    return await _found(conn, short, "batch {name}: {said} transactions sealed, {rows} kept")


async def _statuses(conn: AsyncConnection) -> list[str]:
    state = func.coalesce(delivery_batch.c.state, literal_column("'none'"))
    # A refusal may come back before we noted that the batch arrived.
    wrong = or_(
        and_(outbound.c.status == "delivered", state != "delivered"),
        and_(outbound.c.status == "refused", state == "none"),
        and_(outbound.c.status == "sending", state.not_in(("composed", "spooled"))),
        and_(outbound.c.status == "dead", state != "dead"),
    )
    query = (
        select(outbound.c.serial, outbound.c.status, state.label("state"))
        .outerjoin(delivery_batch, delivery_batch.c.id == outbound.c.batch_id)
        .where(wrong)
        .order_by(outbound.c.serial)
    )
    return await _found(conn, query, "serial {serial}: is {status}, its batch is {state}")


_PROOFS: Final[tuple[Callable[[AsyncConnection], Awaitable[list[str]]], ...]] = (
    _files,
    _keys,
    _replies,
    _serials,
    _batches,
    _statuses,
)
