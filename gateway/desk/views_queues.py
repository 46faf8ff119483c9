"""List what waits for somebody: stuck transactions, open work, cases; each page by page in its own order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk import views
from csenet.gateway.desk.results import WorkItemView
from csenet.gateway.store import aliases, audit_finding, outbox
from csenet.gateway.store.asked import asked
from csenet.gateway.store.cases import in_scope, work_partner
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.tables import (
    PARKED,
    WORK_IS_DONE,
    case_file,
    inbound,
    outbound,
    work_item,
)

_LATE: Final = date.max


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a transaction that waits for a person."""

    id: str
    status: str
    far: str | None
    partner: str | None
    case_id: str | None
    serial: str
    attempts: int
    reason: str | None
    since: datetime


async def stuck(
    conn: AsyncConnection,
    status: str,
    *,
    partner: str | None = None,
    code: str | None = None,
    case_id: str | None = None,
    reason: str | None = None,
    offices: frozenset[str] | None = None,
    limit: int = 1000,
) -> list[Stuck]:
    """List dead, held or parked transactions, oldest first; ``offices`` leaves out others."""
    case_id = None if case_id is None else await aliases.named(conn, case_id)
    if status == "parked":
        return await _parked(conn, partner=partner, code=code, case_id=case_id, offices=offices, limit=limit)
    query = (
        select(
            *(
                outbound.c[name]
                for name in ("id", "far", "partner", "case_id", "serial", "attempts", "reason", "created_at")
            )
        )
        .where(outbox.IN_INDEX, outbox.status_is(status))
        .where(*asked(outbound, offices, partner=partner, case_id=case_id, reason=reason))
        .order_by(outbound.c.serial)
        .limit(limit)
    )
    if code is not None:
        query = query.where(outbound.c.far.startswith(code, autoescape=True))
    return [
        Stuck(
            id=f"out-{row.id}",
            status=status,
            far=row.far,
            partner=row.partner,
            case_id=row.case_id,
            serial=str(row.serial),
            attempts=row.attempts,
            reason=row.reason,
            since=row.created_at,
        )
        for row in await conn.execute(query)
    ]


async def _parked(
    conn: AsyncConnection,
    *,
    partner: str | None,
    code: str | None,
    case_id: str | None,
    offices: frozenset[str] | None,
    limit: int,
) -> list[Stuck]:
    query = (
        select(*(inbound.c[name] for name in ("id", "far", "sender", "case_id", "serial", "received_at")))
        .where(PARKED, *asked(inbound, offices, sender=partner, case_id=case_id))
        .order_by(inbound.c.id)
        .limit(limit)
    )
    if code is not None:
        query = query.where(inbound.c.far.startswith(code, autoescape=True))
    return [
        Stuck(
            id=f"in-{row.id}",
            status="parked",
            far=row.far,
            partner=row.sender,
            case_id=row.case_id,
            serial=(row.serial or "").lstrip("0"),
            attempts=0,
            reason=None,
            since=row.received_at,
        )
        for row in await conn.execute(query)
    ]


async def reasons(conn: AsyncConnection) -> dict[str, int]:
    """Count the classes of failure of what is dead or held."""
    query = (
        select(outbound.c.reason, func.count())
        .where(outbox.IN_INDEX, outbound.c.status.in_(("dead", "held")), outbound.c.reason.is_not(None))
        .group_by(outbound.c.reason)
        .order_by(func.count().desc())
    )
    return {str(reason): int(count) for reason, count in await conn.execute(query)}


async def statuses_of(
    conn: AsyncConnection, numbers: Sequence[int], offices: frozenset[str] | None = None
) -> list[tuple[int, str, str, str | None]]:
    """Return number, code, status and reason of transactions of ours, in order."""
    found: list[tuple[int, str, str, str | None]] = []
    for part in outbox.chunks(sorted(numbers)):
        query = select(outbound.c.id, outbound.c.far, outbound.c.status, outbound.c.reason)
        query = query.where(outbound.c.id.in_(part)).order_by(outbound.c.id)
        if offices is not None:
            query = query.where(in_scope(outbound.c.case_id, offices))
        rows = await conn.execute(query)
        found += [(int(row.id), row.far, row.status, row.reason) for row in rows]
    return found


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one page of work, the most urgent first, or what was done, the newest first; ``next`` leads on.

    What was done is not counted: there is more of it every year.
    """

    items: list[WorkItemView]
    partners: dict[int, str]
    next: str | None
    total: int | None
    overdue: int


async def work_queue(
    conn: AsyncConnection,
    today: date,
    *,
    status: str = "open",
    kind: str | None = None,
    case_id: str | None = None,
    partner: str | None = None,
    due: str | None = None,
    worker: str | None = None,
    offices: frozenset[str] | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Queue:
    """List work by due date; ``due`` is ``overdue``, ``today``, ``week`` or ``none`` for what has no date.

    ``worker`` is whose it is, "-" for what nobody was given.

    ``offices`` leaves out what belongs to a case of any other office.
    """
    done = status == "completed"
    conditions: list[Any] = [WORK_IS_DONE if done else work_item.c.status == "open"]
    conditions += asked(work_item, offices, kind=kind)
    if case_id is not None:
        conditions.append(work_item.c.case_id == await aliases.named(conn, case_id))
    if partner is not None:
        conditions.append(work_partner() == partner)
    if due is not None:
        conditions.append(_due(today, due))
    if worker is not None:
        conditions.append(work_item.c.worker.is_(None) if worker == "-" else work_item.c.worker == worker)
    total, overdue = (None, 0) if done else await _counted(conn, conditions, today)
    when: Any = work_item.c.completed_on if done else func.coalesce(work_item.c.due, _LATE)
    order = (when.desc(), work_item.c.id.desc()) if done else (when, work_item.c.id)
    if after is not None and (mark := _after(after)) is not None:
        on = and_(when == mark[0], work_item.c.id < mark[1] if done else work_item.c.id > mark[1])
        conditions.append(or_(when < mark[0] if done else when > mark[0], on))
    # Which ones, from the index alone; then the whole of those.
    chosen = select(work_item.c.id, work_partner().label("with_whom")).where(*conditions)
    page = chosen.order_by(*order).limit(limit + 1).subquery()
    query = select(work_item, page.c.with_whom).join(page, page.c.id == work_item.c.id).order_by(*order)
    rows = await opened(conn, work_item, (await conn.execute(query)).mappings())
    last = rows[limit - 1] if len(rows) > limit else {}
    return Queue(
        items=[views.work_item_view(row) for row in rows[:limit]],
        partners={row["id"]: row["with_whom"] for row in rows[:limit] if row["with_whom"]},
        next=_mark(last, "completed_on" if done else "due") if last else None,
        total=total,
        overdue=overdue,
    )


async def _counted(conn: AsyncConnection, conditions: Sequence[Any], today: date) -> tuple[int, int]:
    """Count the work that conditions choose, and what of it is overdue."""
    late = func.sum(case((work_item.c.due < today, 1), else_=0))
    row = (await conn.execute(select(func.count(), late).select_from(work_item).where(*conditions))).one()
    return int(row[0]), int(row[1] or 0)


def _mark(row: Mapping[str, Any], when: str) -> str:
    return f"{(row[when] or _LATE).isoformat()}_{row['id']}"


def _after(mark: str) -> tuple[date, int] | None:
    day, _, number = mark.partition("_")
    try:
        return date.fromisoformat(day), int(number)
    except ValueError:
        return None


def _due(today: date, word: str) -> ColumnElement[bool]:
    due: ColumnElement[Any] = work_item.c.due
    if word == "overdue":
        return due < today
    if word == "today":
        return due == today
    if word == "none":
        return due.is_(None)
    return and_(due >= today, due <= date.fromordinal(today.toordinal() + 7))


async def kinds(conn: AsyncConnection) -> list[str]:
    """List the kinds of open work."""
    query = select(work_item.c.kind).where(work_item.c.status == "open").distinct().order_by(work_item.c.kind)
    return [str(kind) for kind in (await conn.execute(query)).scalars()]


async def due_by_day(conn: AsyncConnection, offices: frozenset[str] | None = None) -> list[tuple[date, int]]:
    """Count open work by due date."""
    query = (
        select(work_item.c.due, func.count())
        .where(work_item.c.status == "open", work_item.c.due.is_not(None))
        .group_by(work_item.c.due)
        .order_by(work_item.c.due)
    )
    if offices is not None:
        query = query.where(in_scope(work_item.c.case_id, offices))
    return [(day, int(count)) for day, count in await conn.execute(query)]


async def case_list(
    conn: AsyncConnection,
    *,
    starts: str | None,
    partner: str | None,
    role: str | None,
    after: str | None,
    offices: frozenset[str] | None = None,
    limit: int = 50,
) -> tuple[list[Mapping[str, Any]], str | None]:
    """List cases by their ID, without facts, each with its open work; also the mark of the next page."""
    columns = ("case_id", "role", "other_fips", "other_case_id", "version", "updated_at")
    open_work = (
        select(func.count())
        .where(work_item.c.case_id == case_file.c.case_id, work_item.c.status == "open")
        .scalar_subquery()
        .label("work")
    )
    query = (
        select(*(case_file.c[name] for name in columns), open_work)
        .where(*asked(case_file, offices, role=role))
        .order_by(case_file.c.case_id)
        .limit(limit + 1)
    )
    if starts is not None:
        query = query.where(*_begins(conn, starts))
    if partner is not None:
        query = query.where(case_file.c.other_fips.startswith(partner))
    if after is not None:
        query = query.where(case_file.c.case_id > after)
    rows: list[Mapping[str, Any]] = [dict(row) for row in (await conn.execute(query)).mappings()]
    return rows[:limit], rows[limit - 1]["case_id"] if len(rows) > limit else None


def _begins(conn: AsyncConnection, starts: str) -> list[ColumnElement[bool]]:
    """Choose the cases whose ID begins so, by the index where the database's order allows it."""
    column = case_file.c.case_id
    if conn.dialect.name == "sqlite":
        # Its order is that of the characters; LIKE would read every case.
        return [column >= starts, column < starts + "\uffff"]
    # A server may sort as a language does: only what is left out below is sure there.
    return [column >= starts, column.startswith(starts, autoescape=True)]


async def audit_list(
    conn: AsyncConnection, *, action: str | None = None, about: str | None = None, **wanted: Any
) -> list[dict[str, Any]]:
    """List the record of who did and saw what, newest first; ``action`` may be the beginning of one."""
    objects = [] if about is None else [about]
    return await audit_finding.found(
        conn, **{"limit": 100, **wanted}, actions=action, objects=objects, newest_first=True
    )


async def partner_traffic(conn: AsyncConnection, since: datetime) -> dict[str, dict[str, Any]]:
    """Count what came from and went to each partner since a moment, and when each was last heard of."""
    found: dict[str, dict[str, Any]] = {}
    for names, state, moment in (
        (("came", "heard"), inbound.c.sender, inbound.c.received_at),
        (("went", "told"), outbound.c.partner, outbound.c.delivered_at),
    ):
        # As an expression: by its column SQLite would walk along that index over all rows ever.
        partner = func.substr(state, 1, 2)
        query = select(partner, func.count(), func.max(moment)).where(moment >= since).group_by(partner)
        for fips, count, last in await conn.execute(query):
            if fips is not None:
                found.setdefault(fips, {}).update(zip(names, (count, last), strict=True))
    return found


async def last_heard(conn: AsyncConnection, partner: str) -> tuple[datetime, str] | None:
    """Return when a partner's newest transaction came, and its id."""
    query = (
        select(inbound.c.received_at, inbound.c.id)
        .where(inbound.c.sender == partner)
        .order_by(inbound.c.id.desc())
        .limit(1)
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else (row.received_at, f"in-{row.id}")
