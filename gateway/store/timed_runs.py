"""Keep when each timed job ran, for all gateways that share the store."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.tables_jobs import timed_job

LEDGER_CHECK: Final = "ledger_check"


class TimedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Say how a timed job fared: its newest try, the newest one that ended, and the newest result.

    ``result`` holds numbers and keys, never content; a run that failed leaves the result before it.
    """

    name: str
    begun_at: datetime
    holder: str
    ran_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    duration_ms: int | None
    error: str | None
    result: Any
    result_at: datetime | None


async def of(conn: AsyncConnection, name: str) -> TimedRun | None:
    """Return how one job fared, or None if it never began."""
    row = (await conn.execute(select(timed_job).where(timed_job.c.name == name))).mappings().one_or_none()
    return None if row is None else TimedRun(**row)


async def every(conn: AsyncConnection) -> dict[str, TimedRun]:
    """Return how each job fared that ever began, by its name."""
    rows = (await conn.execute(select(timed_job).order_by(timed_job.c.name))).mappings()
    return {row["name"]: TimedRun(**row) for row in rows}


async def begin(conn: AsyncConnection, name: str, holder: str, at: datetime) -> None:
    """Note that a try begins."""
    insert: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    first = insert(timed_job).values(name=name, begun_at=at, holder=holder)
    await conn.execute(
        first.on_conflict_do_update(
            index_elements=[timed_job.c.name], set_={"begun_at": at, "holder": holder}
        )
    )


async def end(
    conn: AsyncConnection, name: str, *, began: datetime, at: datetime, result: Any, error: str | None
) -> None:
    """Note how a try ended: well with its result, or with an error."""
    values: dict[str, Any] = {
        "ran_at": began,
        "ended_at": at,
        "outcome": "done" if error is None else "failed",
        "duration_ms": int((at - began).total_seconds() * 1000),
        "error": error,
    }
    if error is None:
        values |= {"result": result, "result_at": at}
    await conn.execute(update(timed_job).where(timed_job.c.name == name).values(**values))
