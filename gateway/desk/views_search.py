"""Find transactions by what people know of them, newest first, page by page, in a store of any size.

Each direction is walked by its own row number, which grows with time, so a page costs as much as its rows and
the next one starts where it ended.  A page's mark holds the last row number of either direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Table, exists, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import codes
from csenet.gateway.desk.results import TransactionView
from csenet.gateway.desk.views import by_numbers
from csenet.gateway.store import aliases
from csenet.gateway.store.asked import asked
from csenet.gateway.store.cases import in_scope
from csenet.gateway.store.tables import (
    INBOUND_STATUSES,
    OUTBOUND_STATUSES,
    inbound,
    inbound_file,
    inbound_problem,
    outbound,
)

IN, OUT = 0, 1
_TABLES: dict[int, Table] = {IN: inbound, OUT: outbound}
_MOMENT = {IN: "received_at", OUT: "created_at"}
_PARTNER = {IN: "sender", OUT: "partner"}
_USUAL = {IN: "decided", OUT: "delivered"}
_STATUSES = {IN: INBOUND_STATUSES, OUT: OUTBOUND_STATUSES}
_IN_A_FILE_OF_TRANSACTIONS = exists().where(
    inbound_file.c.id == inbound.c.file_id, inbound_file.c.kind == "transactions"
)


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Say what is looked for; ``code`` may be a whole code or its first one or two parts.

    ``since`` and ``until`` are days, both included.  ``problem`` is the code of a problem found on the way
    in.  ``numbers`` limits to these row numbers, by direction, ``offices`` to what is no other office's.
    ``before`` is the ``next`` of another page.
    """

    case_id: str | None = None
    direction: str | None = None
    partner: str | None = None
    code: str | None = None
    status: str | None = None
    since: date | None = None
    until: date | None = None
    problem: str | None = None
    serial: str | None = None
    numbers: dict[int, tuple[int, ...]] | None = None
    offices: frozenset[str] | None = None
    before: str | None = None
    limit: int = 50


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one page, newest first; ``next`` leads on and is None at the end."""

    items: list[TransactionView]
    next: str | None = None


async def search(conn: AsyncConnection, wanted: Search, *, state: str, zone: tzinfo) -> Found:
    """Find one page; ``state`` is our own two-digit code, ``zone`` that of the days asked for."""
    if wanted.case_id is not None:
        wanted = msgspec.structs.replace(wanted, case_id=await aliases.named(conn, wanted.case_id))
    marks = _marks(wanted.before)
    keys: list[tuple[datetime, int, int]] = []
    for way in (IN, OUT):
        query = await _query(conn, wanted, way, zone, marks.get(way))
        if query is not None:
            keys += [(at, way, number) for number, at in await conn.execute(query)]
    keys.sort(reverse=True)
    page = keys[: wanted.limit]
    items = await by_numbers(conn, [(way, number) for _, way, number in page], state)
    more = len(keys) > wanted.limit
    return Found(items=items, next=_mark(page, marks) if more else None)


def _marks(before: str | None) -> dict[int, int]:
    """Read a page's mark; one that nobody gave out starts anew."""
    first, _, second = (before or "").partition("-")
    if not (first.isdigit() and second.isdigit() and len(first + second) < 38):
        return {}
    return {way: int(number) for way, number in ((IN, first), (OUT, second)) if int(number)}


def _mark(page: Sequence[tuple[datetime, int, int]], marks: dict[int, int]) -> str:
    """Write where the next page starts: below the last row shown of each direction."""
    last = dict(marks)
    for _, way, number in page:
        last[way] = number
    return f"{last.get(IN, 0)}-{last.get(OUT, 0)}"


async def _query(
    conn: AsyncConnection, wanted: Search, way: int, zone: tzinfo, below: int | None
) -> Select[Any] | None:
    """Ask for the keys of one direction; None when nothing of it can fit."""
    table = _TABLES[way]
    conditions = _conditions(wanted, way)
    if conditions is None:
        return None
    if below is not None:
        conditions.append(table.c.id < below)
    if wanted.offices is not None:
        conditions.append(in_scope(table.c.case_id, wanted.offices))
    moment = table.c[_MOMENT[way]]
    for day, after in ((wanted.since, False), (wanted.until, True)):
        if day is None:
            continue
        start = datetime.combine(day + timedelta(days=after), time(), zone)
        conditions.append(moment < start if after else moment >= start)
        conditions.append(await _bound(conn, table, moment, start, after=after))
    return select(table.c.id, moment).where(*conditions).order_by(table.c.id.desc()).limit(wanted.limit + 1)


async def _bound(
    conn: AsyncConnection, table: Table, moment: Any, start: datetime, *, after: bool
) -> ColumnElement[bool]:
    """Turn a moment into a row number, so that the walk by number starts and ends there."""
    query = select(table.c.id).where(moment >= start).order_by(moment, table.c.id).limit(1)
    first = (await conn.execute(query)).scalar_one_or_none()
    if first is None:
        return literal_column("1 = 1" if after else "1 = 0")
    number: ColumnElement[int] = table.c.id
    bound: ColumnElement[bool] = number < first if after else number >= first
    return bound


def _conditions(wanted: Search, way: int) -> list[Any] | None:
    """Write what must hold in one direction; None when nothing can."""
    if _is_elsewhere(wanted, way):
        return None
    table = _TABLES[way]
    # Error files hold no transactions.
    found: list[Any] = [_IN_A_FILE_OF_TRANSACTIONS] if way == IN else []
    found += asked(table, case_id=wanted.case_id, **{_PARTNER[way]: wanted.partner})
    found += [*_status(wanted, way), *_serial(wanted, way)]
    if wanted.code is not None:
        found.append(_code(table, wanted.code))
    if wanted.problem is not None:
        named = select(inbound_problem.c.inbound_id).where(inbound_problem.c.code == wanted.problem)
        found.append(table.c.id.in_(named))
    if wanted.numbers is not None:
        found.append(table.c.id.in_(wanted.numbers.get(way, ())))
    return found


def _status(wanted: Search, way: int) -> list[Any]:
    if wanted.status is None:
        return []
    table = _TABLES[way]
    found: list[Any] = [table.c.status == literal_column(f"'{wanted.status}'")]
    if wanted.status != _USUAL[way]:
        # Word for word the condition of the partial index, or SQLite would not use it.
        found.append(text(f"{table.name}.status <> '{_USUAL[way]}'"))
    return found


def _serial(wanted: Search, way: int) -> list[Any]:
    if wanted.serial is None:
        return []
    if way == OUT:
        return [outbound.c.serial == int(wanted.serial)]
    # The index begins with the sender: all of them together lead to a number quickly.
    senders = tuple(codes.jurisdictions()) if wanted.partner is None else (wanted.partner,)
    return [inbound.c.sender.in_(senders), inbound.c.serial == wanted.serial.rjust(12, "0")]


def _is_elsewhere(wanted: Search, way: int) -> bool:
    """Say whether nothing of a direction can fit."""
    word = "in" if way == IN else "out"
    if wanted.direction and not wanted.direction.startswith(word):
        return True
    if wanted.status is not None and wanted.status not in _STATUSES[way]:
        return True
    return wanted.problem is not None and way == OUT


def _code(table: Table, code: str) -> ColumnElement[bool]:
    """Compare a whole code, or any of those that begin with what was given."""
    if len(code.split()) >= 3:
        return table.c.far == code
    begins = [str(far) for far in codes.VALID if str(far).startswith(code)]
    return table.c.far.in_(begins or [code])
