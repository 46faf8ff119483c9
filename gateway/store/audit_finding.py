"""Find records of the audit: newest or oldest first, in the same time however long the record is.

Who acted, what was done and about what each have an index without what every transaction writes, so that it
costs the traffic nothing; of that each page of the record is full. Days are looked for by number, as records
are numbered in the order of their time.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import aliases
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.tables import inbound, outbound
from csenet.gateway.store.tables_audit import (
    BESIDE_TRAFFIC,
    BY_OTHERS,
    TRAFFIC,
    TRAFFIC_ACTOR,
    audit,
    audit_case,
)

_ASTRAY: Final = timedelta(days=1)
"""How far a clock may have been wrong for its records to be found by their day all the same."""

_ARRIVAL: Final = re.compile(r"in-(\d{1,18})-(\d{1,18})")
_SERIAL: Final = re.compile(r"serial (\d{1,12})")


async def found(
    conn: AsyncConnection,
    *,
    cases: Collection[str] | None = None,
    objects: Collection[str] = (),
    actor: str | None = None,
    action: str | None = None,
    actions: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    newest_first: bool = False,
    limit: int = 1_000,
) -> list[dict[str, Any]]:
    """Find records, oldest first: of cases or objects as seen, of one who acted, of a kind, of a time.

    A case is meant by any ID that it has or had.  ``action`` is the whole name of what was done, ``actions``
    how it begins; ``before`` leaves out the record of that number and all after it.
    """
    conditions = await _span(conn, since, until)
    if before is not None:
        conditions.append(audit.c.id < before)
    if cases is not None:
        conditions.append(audit.c.id.in_(await _of_cases(conn, cases, objects)))
    elif objects:
        conditions.append(audit.c.id.in_(await _about(conn, objects)))
    if actor is not None:
        conditions += [audit.c.actor == actor, *([] if actor == TRAFFIC_ACTOR else [BY_OTHERS])]
    order = audit.c.id.desc() if newest_first else audit.c.id.asc()
    if action is not None or actions is not None:
        names = [action] if action is not None else await _named(conn, actions or "")
        if not names:
            return []
        conditions = [audit.c.id.in_(_newest_of(names, conditions, order, limit))]
    query = select(audit).where(*conditions).order_by(order).limit(limit)
    return await opened(conn, audit, (await conn.execute(query)).mappings())


def _newest_of(names: list[str], conditions: list[Any], order: Any, limit: int) -> Select[Any]:
    """Ask for the numbers of the first records of each action: each follows its own part of the index."""
    parts = []
    for name in names:
        of_kind: list[Any] = [audit.c.action == name, *([] if name in TRAFFIC else [BESIDE_TRAFFIC])]
        part = select(audit.c.id).where(*of_kind, *conditions).order_by(order).limit(limit).subquery()
        parts.append(select(part.c.id))
    return select(union_all(*parts).subquery().c.id)


async def _named(conn: AsyncConnection, beginning: str) -> list[str]:
    """List the actions on record that begin so, one step of the index for each there is."""
    names, last = [name for name in TRAFFIC if name.startswith(beginning)], ""
    while True:
        query = select(func.min(audit.c.action)).where(BESIDE_TRAFFIC, audit.c.action > last)
        name = (await conn.execute(query)).scalar_one()
        if name is None:
            return names
        names += [name] if name.startswith(beginning) else []
        last = name


async def _of_cases(conn: AsyncConnection, cases: Collection[str], objects: Collection[str]) -> Any:
    names = await aliases.family(conn, cases)
    seen = select(audit_case.c.audit_id).where(audit_case.c.case_id.in_(sorted(names)))
    return seen.union(await _about(conn, objects)) if objects else seen


async def _about(conn: AsyncConnection, objects: Collection[str]) -> Any:
    """Ask for what is about these; the traffic wrote of them when they came or were queued."""
    wanted = audit.c.object.in_(sorted(objects))
    parts = [select(audit.c.id).where(wanted, BESIDE_TRAFFIC)]
    for each in sorted(objects):
        moment = await _moment_of(conn, each)
        if moment is not None:
            near = await _span(conn, moment, moment + timedelta(seconds=1))
            parts.append(select(audit.c.id).where(audit.c.object == each, *near))
    return select(union_all(*parts).subquery().c.id)


async def _moment_of(conn: AsyncConnection, name: str) -> datetime | None:
    """Return when the transaction was decided or queued that the traffic calls so."""
    if came := _ARRIVAL.fullmatch(name):
        file, position = map(int, came.groups())
        query = select(func.coalesce(inbound.c.decided_at, inbound.c.received_at))
        query = query.where(inbound.c.file_id == file, inbound.c.position == position)
    elif ours := _SERIAL.fullmatch(name):
        query = select(outbound.c.created_at).where(outbound.c.serial == int(ours[1]))
    else:
        return None
    moment: datetime | None = (await conn.execute(query.limit(1))).scalar_one_or_none()
    return moment


async def _span(conn: AsyncConnection, since: datetime | None, until: datetime | None) -> list[Any]:
    """Choose the records of a time, between the numbers at which it begins and ends."""
    chosen: list[Any] = []
    if since is not None:
        chosen += [audit.c.at >= since, audit.c.id >= await _number_at(conn, since - _ASTRAY)]
    if until is not None:
        chosen += [audit.c.at < until, audit.c.id < await _number_at(conn, until + _ASTRAY)]
    return chosen


async def _number_at(conn: AsyncConnection, moment: datetime) -> int:
    """Return the number from which on records are of this moment or later, found by halving."""
    # One by one, as SQLite looks for both at once among all rows.
    low, high = [
        (await conn.execute(select(end(audit.c.id)))).scalar_one() or 0 for end in (func.min, func.max)
    ]
    high += 1
    while low < high:
        middle = (low + high) // 2
        query = select(audit.c.id, audit.c.at).where(audit.c.id >= middle).order_by(audit.c.id).limit(1)
        row = (await conn.execute(query)).one_or_none()
        if row is None or row.at >= moment:
            high = middle
        else:
            low = row.id + 1
    return int(low)
