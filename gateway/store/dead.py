"""Keep what a person has to decide about: transactions that could not leave, or may not.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import work
from csenet.gateway.store.asked import asked
from csenet.gateway.store.outbox import IN_INDEX, chunks, set_rows, status_is
from csenet.gateway.store.tables import outbound, work_item


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


class DeadFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Choose dead transactions; what is None does not matter.

    ``reason`` is the beginning of it; ``before`` leaves out those queued since, ``offices`` the
    cases of all others.
    """

    partner: str | None = None
    far: str | None = None
    reason: str | None = None
    batch_id: int | None = None
    before: datetime | None = None
    offices: frozenset[str] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Say it as conditions on the rows."""
        found = asked(outbound, self.offices, partner=self.partner, far=self.far, batch_id=self.batch_id)
        if self.reason is not None:
            found.append(outbound.c.reason.startswith(self.reason, autoescape=True))
        if self.before is not None:
            found.append(outbound.c.created_at < self.before)
        return found


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
    await set_rows(conn, found, reason=reason)
    return len(found)


async def dead_rows(
    conn: AsyncConnection, wanted: DeadFilter | None = None, limit: int | None = 1000
) -> list[DeadRow]:
    """Return the dead rows that are wanted, in order of serial."""
    columns = [outbound.c[name] for name in DeadRow.__struct_fields__]
    chosen = [] if wanted is None else wanted.conditions()
    query = (
        select(*columns).where(IN_INDEX, status_is("dead"), *chosen).order_by(outbound.c.serial).limit(limit)
    )
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
    await set_rows(conn, found, status=to)
    for part in chunks(found):
        about = work_item.c.outbound_id.in_(part), work_item.c.kind == status
        await work.complete_where(conn, *about, on=today, at=at)
    return found
