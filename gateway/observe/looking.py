"""Ask the store what the gauges show: few queries that stay quick however much it holds."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.delivery.windows import Windows
from csenet.gateway.store import audit, destinations, leases, ledger, outbox
from csenet.gateway.store.destinations import Destination
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import (
    PARKED,
    delivery_batch,
    inbound,
    inbound_file,
    outbound,
    work_item,
)
from csenet.gateway.store.tables_duties import duty

_PROBE_SECONDS = 60.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what one look at the store found; moments are None where there is nothing of the kind."""

    waiting: dict[str, int]
    oldest_outbox: datetime | None
    parked: int
    files_waiting: int
    oldest_intake: datetime | None
    last_received: datetime | None
    last_delivered: datetime | None
    work_open: int
    work_overdue: int
    duties_open: dict[str, int]
    duties_overdue: dict[str, int]
    destination: Destination


async def look(conn: AsyncConnection, today: date) -> Seen:
    """Look at the store, in one read."""
    counts = select(outbound.c.status, func.count()).where(outbox.IN_INDEX).group_by(outbound.c.status)
    waiting = await ledger.counts(conn, counts)
    parked = select(func.count()).select_from(inbound).where(PARKED)
    files = select(func.count(), func.min(inbound_file.c.received_at)).where(
        inbound_file.c.state == "received"
    )
    unsettled, oldest_file = (await conn.execute(files)).one()
    newest = select(inbound_file.c.received_at).order_by(inbound_file.c.id.desc()).limit(1)
    arrived = (
        select(delivery_batch.c.delivered_at)
        .where(delivery_batch.c.state == "delivered")
        .order_by(delivery_batch.c.id.desc())
        .limit(1)
    )
    owed = select(duty.c.side, func.count()).where(text("closed_on IS NULL")).group_by(duty.c.side)
    tasks = select(func.count()).select_from(work_item).where(work_item.c.status == "open")
    return Seen(
        waiting=waiting,
        oldest_outbox=await outbox.oldest_waiting(conn),
        parked=int((await conn.execute(parked)).scalar_one()),
        files_waiting=int(unsettled),
        oldest_intake=oldest_file,
        last_received=(await conn.execute(newest)).scalar_one_or_none(),
        last_delivered=(await conn.execute(arrived)).scalar_one_or_none(),
        work_open=int((await conn.execute(tasks)).scalar_one()),
        work_overdue=int((await conn.execute(tasks.where(work_item.c.due < today))).scalar_one()),
        duties_open=await ledger.counts(conn, owed),
        duties_overdue=await ledger.counts(conn, owed.where(duty.c.due < today)),
        destination=await destinations.load(conn),
    )


async def size_of(conn: AsyncConnection) -> int:
    """Give the bytes that the store takes up, as the database counts them."""
    if conn.dialect.name == "postgresql":
        query = text("SELECT pg_database_size(current_database())")
    else:
        query = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
    return int((await conn.execute(query)).scalar_one())


async def server_time(conn: AsyncConnection) -> datetime | None:
    """Ask a database server for its time; an embedded database has none but ours."""
    if conn.dialect.name != "postgresql":
        return None
    found: datetime = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return found


async def try_to_write(store: Store, now: datetime) -> bool:
    """Commit something harmless, and say whether the audit trail would have taken a row.

    Raises what the database raises if nothing can be committed.
    """
    async with store.begin() as conn:
        about = (f"probe:{store.holder}"[:32], 0, store.holder)
        await leases.take(conn, *about, now=now, seconds=_PROBE_SECONDS)
        return await _audit_takes(conn, now)


async def _audit_takes(conn: AsyncConnection, now: datetime) -> bool:
    """Add a row to the audit trail and take it back before anybody can see it."""
    attempt = await conn.begin_nested()
    try:
        await audit.add(conn, [{"at": now, "actor": "gateway", "action": "audit.probe", "object": "audit"}])
        await audit.write(conn)
    except SQLAlchemyError:
        return False
    finally:
        await attempt.rollback()
    return True


def nothing_came(windows: Windows, seen: Seen, now: datetime, started: datetime) -> bool:
    """Say whether the newest expected window is over and nothing came since it opened.

    A gateway that never got a file is judged by the windows it was up for.
    """
    last = windows.last_closed(now) if windows.spans else None
    if last is None:
        return False
    if seen.last_received is None:
        return started <= last.start
    return seen.last_received < last.start


def nothing_left(windows: Windows, seen: Seen, now: datetime) -> bool:
    """Say whether what waited for the newest delivery window is still here, and nothing left in it."""
    last = windows.last_closed(now) if windows.spans else None
    if last is None or seen.oldest_outbox is None or seen.oldest_outbox >= last.start:
        return False
    return seen.last_delivered is None or seen.last_delivered < last.start
