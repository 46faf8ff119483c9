"""Let one of several gateways on a database do a thing, and take over when that one is gone.

A lease runs for a time and is prolonged by who holds it.  Each taking raises its fencing token, and who holds
it shows the token inside each commit that the lease is about: one that was stopped, lost its lease meanwhile
and wakes up again, can then change nothing.  Clocks that differ only change how soon a lease passes on.

A lease is named by kind and number: ``settle`` 0, ``batch`` 12, or a job that is due every so often.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.errors import GatewayError
from csenet.gateway.store.tables import lease

SETTLE = "settle"
BATCH = "batch"


class Fenced(GatewayError):  # noqa: N818 - names what happened
    """Report that another gateway has taken over what this one was doing."""


async def take(
    conn: AsyncConnection, kind: str, number: int, holder: str, *, now: datetime, seconds: float
) -> int | None:
    """Take a lease that nobody else holds and return its fencing token, or None.

    ``holder`` may take its own lease again, as it does after a restart.
    """
    free = or_(lease.c.until.is_(None), lease.c.until <= now, lease.c.holder == holder)
    return await _take(conn, kind, number, holder, now + timedelta(seconds=seconds), free)


async def is_due(conn: AsyncConnection, job: str, holder: str, *, now: datetime, every: float) -> bool:
    """Say whether a job, done ``every`` so many seconds, is this gateway's to do now; only one is told so.

    The turn is over when the time has passed, whether the job was done or not.
    """
    free = or_(lease.c.until.is_(None), lease.c.until <= now)
    return await _take(conn, job, 0, holder, now + timedelta(seconds=every), free) is not None


async def _take(
    conn: AsyncConnection, kind: str, number: int, holder: str, until: datetime, free: Any
) -> int | None:
    insert: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    first = insert(lease).values(kind=kind, number=number, holder=holder, fence=1, until=until)
    query = first.on_conflict_do_update(
        index_elements=[lease.c.kind, lease.c.number],
        set_={"holder": holder, "fence": lease.c.fence + 1, "until": until},
        where=free,
    ).returning(lease.c.fence)
    found = (await conn.execute(query)).scalar_one_or_none()
    return None if found is None else int(found)


async def prolong(
    conn: AsyncConnection, kind: str, number: int, holder: str, fence: int, *, now: datetime, seconds: float
) -> None:
    """Show the token and prolong the lease from now; raises ``Fenced`` if it is not the newest any more.

    A lease that ran out and that nobody took is still this one's.
    """
    done = await conn.execute(
        update(lease).where(_held(kind, number, holder, fence)).values(until=now + timedelta(seconds=seconds))
    )
    if done.rowcount == 0:
        raise Fenced(f"another gateway has taken over {kind} {number}")


async def release(conn: AsyncConnection, kind: str, number: int, holder: str, fence: int) -> None:
    """Let others take the lease at once; harmless if it is lost already."""
    await conn.execute(update(lease).where(_held(kind, number, holder, fence)).values(until=None))


async def finish(conn: AsyncConnection, kind: str, number: int, holder: str, fence: int) -> None:
    """Forget the lease on something that is done for good; harmless if it is lost already."""
    await conn.execute(delete(lease).where(_held(kind, number, holder, fence)))


def _held(kind: str, number: int, holder: str, fence: int) -> ColumnElement[bool]:
    return and_(
        lease.c.kind == kind, lease.c.number == number, lease.c.holder == holder, lease.c.fence == fence
    )


async def holder_of(conn: AsyncConnection, kind: str, number: int, now: datetime) -> str | None:
    """Return who holds a lease that still runs, for people to see."""
    query = select(lease.c.holder).where(lease.c.kind == kind, lease.c.number == number, lease.c.until > now)
    return (await conn.execute(query)).scalar_one_or_none()
