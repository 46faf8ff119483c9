"""Keep the duties: opened, warned of, overdue, closed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, Select, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.asked import asked
from csenet.gateway.store.cases import in_scope
from csenet.gateway.store.prepared import Prepared, adding, among
from csenet.gateway.store.tables import outbound
from csenet.gateway.store.tables_duties import duty


class DutyFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Choose duties; ``after`` is the ``next`` of an earlier page."""

    side: str | None = None
    kind: str | None = None
    case_id: str | None = None
    partner: str | None = None
    office: str | None = None
    open_only: bool = True
    due_by: date | None = None
    overdue_on: date | None = None
    offices: frozenset[str] | None = None
    after: int | None = None
    limit: int = 100


_IS_OPEN: Final = duty.c.closed_on.is_(None)
_OF_CASES: Final = Prepared(select(duty).where(among(duty.c.case_id, "ids"), _IS_OPEN))
_OF_TRANSACTIONS: Final = Prepared(select(duty).where(among(duty.c.inbound_id, "ids"), _IS_OPEN))
_ADD: Final = adding(duty, left_out=("id",))


async def open_of(
    conn: AsyncConnection, case_ids: Collection[str], inbound_ids: Collection[int] = ()
) -> list[dict[str, Any]]:
    """Return the open duties of these cases, and those that these transactions opened, oldest first."""
    found = await _OF_CASES.mappings(conn, ids=sorted(case_ids)) if case_ids else []
    if inbound_ids:
        known = {row["id"] for row in found}
        more = await _OF_TRANSACTIONS.mappings(conn, ids=sorted(inbound_ids))
        found += [row for row in more if row["id"] not in known]
    return sorted(found, key=lambda row: row["id"])


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Open duties; one that was answered in the same commit comes closed."""
    await _ADD.many(conn, rows)


async def close(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Close open duties; each row has ``number, on, by, outbound, outcome``."""
    if rows:
        await conn.execute(
            update(duty)
            .where(duty.c.id == bindparam("number"), duty.c.closed_on.is_(None))
            .values(
                closed_on=bindparam("on"),
                closed_by=bindparam("by"),
                closed_outbound_id=bindparam("outbound"),
                outcome=bindparam("outcome"),
            ),
            [dict(row) for row in rows],
        )


async def mark(conn: AsyncConnection, numbers: Collection[int], **moments: Any) -> None:
    """Note when something was done about duties, by the name of the column."""
    if numbers:
        await conn.execute(update(duty).where(duty.c.id.in_(sorted(numbers))).values(**moments))


async def taken_back(conn: AsyncConnection, outbound_ids: Collection[int], on: date) -> None:
    """Undo what transactions of ours did that did not get through.

    What they answered is owed again, with the clock it had; what they opened is owed by nobody.
    """
    if not outbound_ids:
        return
    numbers = select(outbound.c.id).where(
        outbound.c.id.in_(sorted(outbound_ids)), outbound.c.status.in_(("refused", "cancelled"))
    )
    again = {"closed_on": None, "closed_by": None, "closed_outbound_id": None, "outcome": None}
    await conn.execute(update(duty).where(duty.c.closed_outbound_id.in_(numbers)).values(**again))
    gone = {"closed_on": on, "closed_by": "not sent", "outcome": "not sent"}
    still = duty.c.closed_on.is_(None)
    await conn.execute(update(duty).where(duty.c.outbound_id.in_(numbers), still).values(**gone))


async def put_to_case(
    conn: AsyncConnection, inbound_ids: Collection[int], case_id: str, office: str | None
) -> None:
    """Put the duties that transactions opened to the case that was found for them, and to its office."""
    if inbound_ids:
        chosen = duty.c.inbound_id.in_(sorted(inbound_ids))
        await conn.execute(update(duty).where(chosen).values(case_id=case_id, office=office))


async def give_office(conn: AsyncConnection, case_id: str, office: str | None) -> None:
    """Put the open duties of a case to the office that answers for it now."""
    other = duty.c.office.is_distinct_from(office)
    await conn.execute(update(duty).where(duty.c.case_id == case_id, _IS_OPEN, other).values(office=office))


async def count_open(conn: AsyncConnection) -> int:
    """Count the open duties."""
    return int((await conn.execute(select(func.count()).select_from(duty).where(_IS_OPEN))).scalar_one())


async def open_after(conn: AsyncConnection, number: int, limit: int) -> list[RowMapping]:
    """Return open duties by number, from the one after ``number`` on."""
    query = select(duty).where(_IS_OPEN, duty.c.id > number).order_by(duty.c.id).limit(limit)
    return list((await conn.execute(query)).mappings())


async def give(conn: AsyncConnection, number: int, office: str | None) -> None:
    """Put an open duty to an office."""
    await conn.execute(update(duty).where(duty.c.id == number, _IS_OPEN).values(office=office))


async def without_case(conn: AsyncConnection, partner: str) -> set[int]:
    """Return the transactions of a state that opened duties still open for which no case is known."""
    query = select(duty.c.inbound_id).where(
        duty.c.case_id.is_(None), _IS_OPEN, duty.c.partner == partner, duty.c.inbound_id.is_not(None)
    )
    return set((await conn.execute(query)).scalars())


async def not_done(conn: AsyncConnection, by: str) -> None:
    """Owe again what was closed by something that is taken back, with the clock it had."""
    again = {"closed_on": None, "closed_by": None, "outcome": None}
    await conn.execute(update(duty).where(duty.c.closed_by == by).values(**again))


async def by_id(conn: AsyncConnection, number: int) -> RowMapping | None:
    """Return one duty."""
    return (await conn.execute(select(duty).where(duty.c.id == number))).mappings().one_or_none()


async def listed(conn: AsyncConnection, wanted: DutyFilter) -> list[RowMapping]:
    """Return duties, first due first; one more than the limit tells that there are more."""
    query = select(duty).order_by(duty.c.due, duty.c.id).limit(wanted.limit + 1)
    if wanted.open_only:
        query = query.where(duty.c.closed_on.is_(None))
    chosen = {name: getattr(wanted, name) for name in ("side", "kind", "case_id", "partner", "office")}
    query = query.where(*asked(duty, wanted.offices, **chosen))
    if wanted.due_by is not None:
        query = query.where(duty.c.due <= wanted.due_by)
    if wanted.overdue_on is not None:
        query = query.where(duty.c.due < wanted.overdue_on)
    if wanted.after is not None:
        query = await _after(conn, query, wanted.after)
    return list((await conn.execute(query)).mappings())


async def _after(conn: AsyncConnection, query: Select[Any], number: int) -> Select[Any]:
    last = await by_id(conn, number)
    if last is None:
        return query.where(duty.c.id < 0)
    later = or_(duty.c.due > last["due"], (duty.c.due == last["due"]) & (duty.c.id > number))
    return query.where(later)


async def to_warn(conn: AsyncConnection, due_by: date, today: date, limit: int) -> list[RowMapping]:
    """Return open duties of ours that fall due soon and were not warned of."""
    return await _picked(
        conn,
        limit,
        duty.c.side == "we-owe",
        duty.c.warned_at.is_(None),
        duty.c.due <= due_by,
        duty.c.due >= today,
    )


async def to_mark_overdue(conn: AsyncConnection, today: date, limit: int) -> list[RowMapping]:
    """Return open duties whose time has run and that are not marked so."""
    return await _picked(conn, limit, duty.c.overdue_at.is_(None), duty.c.due < today)


async def to_act_on(conn: AsyncConnection, today: date, limit: int) -> list[RowMapping]:
    """Return open duties at whose limit the gateway acts by itself and has not yet."""
    return await _picked(conn, limit, duty.c.acted_at.is_(None), duty.c.act_on <= today)


async def overdue_at_partners(
    conn: AsyncConnection, kinds: Collection[str], since: datetime, limit: int
) -> list[RowMapping]:
    """Return overdue duties of other states, of these kinds, of which nobody was reminded after a moment."""
    return await _picked(
        conn,
        limit,
        duty.c.side == "they-owe",
        duty.c.overdue_at.is_not(None),
        duty.c.kind.in_(sorted(kinds)),
        or_(duty.c.reminded_at.is_(None), duty.c.reminded_at <= since),
    )


async def _picked(conn: AsyncConnection, limit: int, *where: Any) -> list[RowMapping]:
    query = select(duty).where(duty.c.closed_on.is_(None), *where)
    return list((await conn.execute(query.order_by(duty.c.due, duty.c.id).limit(limit))).mappings())


async def judged_in(
    conn: AsyncConnection, first: date, following: date, offices: frozenset[str] | None = None
) -> list[RowMapping]:
    """Return what was closed in time, and what ran out of time, from ``first`` up to before ``following``.

    ``offices`` leaves out the cases of all others.
    """
    kept = (duty.c.closed_on >= first) & (duty.c.closed_on < following) & (duty.c.closed_on <= duty.c.due)
    late = or_(duty.c.closed_on.is_(None), duty.c.closed_on > duty.c.due)
    missed = (duty.c.due >= first) & (duty.c.due < following) & late
    query = select(duty).where(or_(kept, missed)).order_by(duty.c.due, duty.c.id)
    if offices is not None:
        query = query.where(in_scope(duty.c.case_id, offices))
    return list((await conn.execute(query)).mappings())


async def reminded_since(conn: AsyncConnection, case_id: str, far: str, since: datetime) -> bool:
    """Tell whether a case's partner was asked for the same after a moment, by us or by a person."""
    asked = select(outbound.c.id).where(
        outbound.c.case_id == case_id, outbound.c.far == far, outbound.c.created_at > since
    )
    tried = select(duty.c.id).where(duty.c.case_id == case_id, duty.c.reminded_at > since)
    for query in (asked, tried):
        if (await conn.execute(query.limit(1))).first() is not None:
            return True
    return False


async def every(conn: AsyncConnection) -> list[RowMapping]:
    """Return all duties, oldest first; only for stores that are small, such as those of a simulation."""
    return list((await conn.execute(select(duty).order_by(duty.c.id))).mappings())
