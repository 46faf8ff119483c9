"""Remember a resend of many dead transactions, so that it can be paused, and goes on after a kill.

A resend goes through the dead rows that it is about in order of their serial numbers and keeps how far it
is: a row that dies once more meanwhile is not taken again.  With a row goes what shared its batch, so that a
batch that is all to go again goes as it was: the destination, which may have it, knows it by its name.  Every
function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit, dead
from csenet.gateway.store.dead import DeadFilter
from csenet.gateway.store.outbox import IN_INDEX, status_is
from csenet.gateway.store.rows import change_row
from csenet.gateway.store.tables import attempt, outbound
from csenet.gateway.store.tables_delivery import resend_run

_UNFINISHED: Final = ("running", "paused")


class ResendRun(msgspec.Struct, frozen=True, kw_only=True):
    """Tell of one resend: what it is about, how fast it goes, how far it is; the rate is rows a minute."""

    id: int
    actor: str
    started_at: datetime
    state: str
    per_minute: int | None
    chosen: dict[str, Any]
    after: int
    up_to: int
    total: int
    count: int
    ended_at: datetime | None = None

    @property
    def wanted(self) -> DeadFilter:
        """Give the filter by which the rows were chosen."""
        return msgspec.convert(self.chosen["filter"], DeadFilter)

    @property
    def ids(self) -> list[int] | None:
        """Give the rows that were named one by one, if they were."""
        named: list[int] | None = self.chosen.get("ids")
        return named


async def begin(
    conn: AsyncConnection,
    wanted: DeadFilter,
    ids: Sequence[int] | None,
    per_minute: int | None,
    *,
    actor: str,
    at: datetime,
) -> ResendRun:
    """Write down a resend of what is dead now and chosen; nothing is queued yet."""
    conditions = _about(wanted, ids)
    sums = select(func.count(), func.max(outbound.c.serial)).where(IN_INDEX, status_is("dead"), *conditions)
    total, last = (await conn.execute(sums)).one()
    highest = (await conn.execute(select(func.max(resend_run.c.id)))).scalar_one_or_none() or 0
    run = ResendRun(
        id=highest + 1,
        actor=actor,
        started_at=at,
        state="running",
        per_minute=per_minute,
        chosen={
            "filter": msgspec.to_builtins(wanted),
            "ids": None if ids is None else sorted(set(ids)),
            "tried": await _last_try(conn),
        },
        after=0,
        up_to=int(last or 0),
        total=int(total),
        count=0,
    )
    await conn.execute(insert(resend_run).values(**msgspec.structs.asdict(run)))
    return run


async def _last_try(conn: AsyncConnection) -> int:
    """Return the number of the newest try of any batch."""
    return int((await conn.execute(select(func.max(attempt.c.id)))).scalar_one() or 0)


def _about(wanted: DeadFilter, ids: Sequence[int] | None) -> list[ColumnElement[bool]]:
    named = [] if ids is None else [outbound.c.id.in_(sorted(set(ids)))]
    return [*wanted.conditions(), *named]


async def newest(conn: AsyncConnection, *, unfinished: bool = False) -> ResendRun | None:
    """Return the newest resend, or the newest that has not come to its end."""
    query = select(*(resend_run.c[name] for name in ResendRun.__struct_fields__))
    if unfinished:
        query = query.where(resend_run.c.state.in_(_UNFINISHED))
    found = (await conn.execute(query.order_by(resend_run.c.id.desc()).limit(1))).mappings().first()
    return None if found is None else ResendRun(**found)


async def by_id(conn: AsyncConnection, number: int) -> ResendRun:
    """Return one resend."""
    query = select(*(resend_run.c[name] for name in ResendRun.__struct_fields__))
    return ResendRun(**(await conn.execute(query.where(resend_run.c.id == number))).mappings().one())


async def set_state(conn: AsyncConnection, number: int, state: str, *, actor: str, at: datetime) -> None:
    """Pause a resend, or let it go on."""
    await conn.execute(update(resend_run).where(resend_run.c.id == number).values(state=state))
    row = {"at": at, "actor": actor, "action": f"dead.resend_{state}", "object": f"resend {number}"}
    await audit.add(conn, [row])


def _ahead(run: ResendRun) -> Select[tuple[int, int, int | None]]:
    """Choose what a resend has still to take."""
    again = exists().where(
        attempt.c.batch_id == outbound.c.batch_id, attempt.c.id > int(run.chosen.get("tried", 0))
    )
    return select(outbound.c.id, outbound.c.serial, outbound.c.batch_id).where(
        IN_INDEX,
        status_is("dead"),
        outbound.c.serial > run.after,
        outbound.c.serial <= run.up_to,
        *_about(run.wanted, run.ids),
        *([~again] if "tried" in run.chosen else []),
    )


async def step(
    conn: AsyncConnection, number: int, limit: int, *, at: datetime, today: date
) -> tuple[ResendRun, int]:
    """Queue the next rows of a resend and move its mark; a paused or finished one does nothing."""
    locked = select(resend_run.c.id).where(resend_run.c.id == number).with_for_update()
    await conn.execute(locked)
    run = await by_id(conn, number)
    if run.state != "running":
        return run, 0
    query = _ahead(run).order_by(outbound.c.serial)
    rows = (await conn.execute(query.limit(limit))).all()
    beside = {row.batch_id for row in rows if row.batch_id is not None}
    together = (await conn.execute(query.where(outbound.c.batch_id.in_(beside)))).all() if beside else []
    ids = {row.id for row in (*rows, *together)}
    count = await dead.resend_dead(conn, sorted(ids), at=at, today=today)
    values: dict[str, Any] = {"count": run.count + count}
    if rows:
        values["after"] = rows[-1].serial
    if len(rows) < limit:
        values |= {"state": "done", "ended_at": at}
    await change_row(conn, resend_run, number, values)
    return msgspec.structs.replace(run, **values), count
