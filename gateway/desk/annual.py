"""Tell the yearly interest of all cases that owe it, a hundred cases to a commit, each once a year.

A run can be cut off at any moment and begun again: what a commit told stands in the same commit as told. It
goes by case ID; a case that gets a smaller one meanwhile is looked at in the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.plan import Cause
from csenet.gateway.desk.results import Rejected
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store.sealing import sealed
from csenet.gateway.store.tables import case_file, idempotency, outbound
from csenet.gateway.store.tables_aliases import case_alias
from csenet.handlers import annual
from csenet.handlers.interest import GSTAI

_GONE = ("queued", "sending", "delivered", "held")
"""What counts as told: it left, or waits to leave."""
_LATEST_COMMIT = timedelta(hours=1)
"""A new ID has the moment at which it was told; that its commit is seen may take until then."""


class AnnualLine(msgspec.Struct, frozen=True, kw_only=True):
    """Say what was done about one case: `sent`, or `work` for a person; `last` is the notice before."""

    case_id: str
    outcome: str
    last: date | None
    due: date | None
    serial: str | None = None


class AnnualPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the outcome of one commit: `looked` cases were looked at.

    `next` leads on, None at the end: when the run began, and the case that was looked at last.
    """

    looked: int
    lines: list[AnnualLine]
    next: str | None = None


async def count(conn: AsyncConnection) -> int:
    """Count the cases that have to be looked at."""
    query = select(func.count()).where(case_file.c.role == "initiating")
    return int((await conn.execute(query)).scalar_one())


async def step(
    conn: AsyncConnection,
    workset: WorkingSet,
    year: int,
    after: str,
    limit: int,
    actor: str,
    *,
    dry_run: bool,
) -> AnnualPage:
    """Look at the next cases and tell those whose notice fell due in or before ``year``."""
    this = workset.today.year
    if not this - 1 <= year <= this:
        why = "has not begun" if year > this else f"is long over: ask for {this} or {this - 1}"
        raise Rejected([("year", f"the year {year} {why}")])
    last_day = min(workset.today, date(year, 12, 31))
    began, _, last = after.partition(" ") if after else (workset.now.isoformat(), "", "")
    query = select(case_file.c.case_id).where(case_file.c.role == "initiating", case_file.c.case_id > last)
    found = await conn.execute(query.order_by(case_file.c.case_id).limit(limit))
    case_ids = [str(each) for each in found.scalars()]
    following = f"{began} {case_ids[-1]}" if len(case_ids) == limit else None
    if following is None:
        renamed = await _renamed(conn, datetime.fromisoformat(began))
        case_ids += sorted(renamed.difference(case_ids))
    done = await _done(conn, year, case_ids)
    told = await _last_notices(conn, case_ids)
    await workset.load(conn, [case_id for case_id in case_ids if case_id not in done])
    lines = []
    for case_id in case_ids:
        line = _one(workset, case_id, told.get(case_id), last_day, actor)
        if line is not None:
            lines.append(line)
    if not dry_run:
        await workset.flush(conn)
        await _keep(conn, year, lines, workset)
    return AnnualPage(looked=len(case_ids), lines=lines, next=following)


async def _renamed(conn: AsyncConnection, began: datetime) -> set[str]:
    """Return the cases that got another ID while the run was under way."""
    since = case_alias.c.since >= began - _LATEST_COMMIT
    ours = case_file.c.role == "initiating"
    query = select(case_file.c.case_id).join(case_alias, case_alias.c.case_id == case_file.c.case_id)
    return set((await conn.execute(query.where(since, ours))).scalars())


def _one(
    workset: WorkingSet, case_id: str, last: date | None, last_day: date, actor: str
) -> AnnualLine | None:
    """Decide on one case; nothing where no notice is owed."""
    record = workset.cases.record(case_id)
    if record is None or not annual.owes_notice(record, workset.agency.state):
        return None
    context = workset.context(case_id, workset.today)
    due = annual.due_on(last, context)
    if due is not None and due > last_day:
        return None
    digest = hashlib.sha256(f"{last_day.year} {case_id}".encode()).hexdigest()
    plan = workset.plan(annual.notice(last, context), Cause(f"annual-{digest[:16]}", workset.now, actor))
    workset.adopt(plan)
    serial = f"{plan.queued[0].serial:012d}" if plan.queued else None
    return AnnualLine(
        case_id=case_id, outcome="sent" if serial else "work", last=last, due=due, serial=serial
    )


def _key(year: int, case_id: str) -> str:
    return f"annual-interest:{year}:{case_id}"


async def _done(conn: AsyncConnection, year: int, case_ids: Collection[str]) -> set[str]:
    """Return the cases that an earlier run of the year, or this one, has settled under any of their IDs."""
    former = select(case_alias.c.alias, case_alias.c.case_id).where(
        case_alias.c.case_id.in_(sorted(case_ids))
    )
    named = {case_id: case_id for case_id in case_ids}
    named |= {str(alias): str(case_id) for alias, case_id in await conn.execute(former)}
    keys = {_key(year, case_id): current for case_id, current in named.items()}
    query = select(idempotency.c.key).where(idempotency.c.key.in_(sorted(keys)))
    return {keys[str(key)] for key in (await conn.execute(query)).scalars()}


async def _last_notices(conn: AsyncConnection, case_ids: Collection[str]) -> dict[str, date]:
    """Return the day of each case's last notice, for whatever reason it was sent."""
    query = (
        select(outbound.c.case_id, func.max(outbound.c.transaction_date))
        .where(
            outbound.c.case_id.in_(sorted(case_ids)),
            outbound.c.far == str(GSTAI),
            outbound.c.status.in_(_GONE),
        )
        .group_by(outbound.c.case_id)
    )
    return {str(case_id): day for case_id, day in await conn.execute(query) if day is not None}


async def _keep(conn: AsyncConnection, year: int, lines: Sequence[AnnualLine], workset: WorkingSet) -> None:
    rows: list[dict[str, Any]] = [
        {
            "key": _key(year, line.case_id),
            "request_sha256": hashlib.sha256(_key(year, line.case_id).encode()).hexdigest(),
            "result": msgspec.to_builtins(line),
            "created_at": workset.now,
        }
        for line in lines
    ]
    if rows:
        await conn.execute(insert(idempotency), sealed(conn, idempotency, rows))
