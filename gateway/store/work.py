"""Keep what people and the case system have to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import postgres
from csenet.gateway.store.prepared import Prepared, add_numbered, adding, among
from csenet.gateway.store.rows import change_row
from csenet.gateway.store.sealing import Row, opened, opened_one, sealed_one
from csenet.gateway.store.tables import work_item
from csenet.gateway.store.tables_work import work_change
from csenet.handlers.policy.work_kinds import kind_of

_OPEN: Final = Prepared(
    select(work_item)
    .where(among(work_item.c.case_id, "ids"), work_item.c.status == "open")
    .order_by(work_item.c.id)
)
_ADD: Final = adding(work_item)
_TELL: Final = adding(work_change, left_out=("id",))


async def open_of(conn: AsyncConnection, case_ids: Collection[str]) -> list[dict[str, Any]]:
    """Return the open work items of these cases, oldest first."""
    if not case_ids:
        return []
    return await _OPEN.mappings(conn, ids=list(case_ids))


async def by_id(conn: AsyncConnection, item_id: int) -> dict[str, Any] | None:
    """Return one work item."""
    found = await conn.execute(select(work_item).where(work_item.c.id == item_id))
    return await opened_one(conn, work_item, found.mappings().one_or_none())


async def of_group(conn: AsyncConnection, item: Row) -> list[dict[str, Any]]:
    """Return the items opened together with ``item``: same case, same group, same cause; itself too."""
    query = select(work_item).where(
        work_item.c.group == item["group"],
        work_item.c.case_id.is_not_distinct_from(item["case_id"]),
        work_item.c.inbound_id.is_not_distinct_from(item["inbound_id"]),
    )
    if not item["group"]:
        query = select(work_item).where(work_item.c.id == item["id"])
    return await opened(conn, work_item, (await conn.execute(query.order_by(work_item.c.id))).mappings())


async def open_for(conn: AsyncConnection, inbound_id: int) -> list[dict[str, Any]]:
    """Return the open work items that a transaction caused."""
    query = select(work_item).where(work_item.c.inbound_id == inbound_id, work_item.c.status == "open")
    return await opened(conn, work_item, (await conn.execute(query.order_by(work_item.c.id))).mappings())


async def of_case(conn: AsyncConnection, case_id: str, limit: int = 1000) -> list[dict[str, Any]]:
    """Return the newest work items of a case, oldest first."""
    query = select(work_item).where(work_item.c.case_id == case_id)
    found = await conn.execute(query.order_by(work_item.c.id.desc()).limit(limit))
    return (await opened(conn, work_item, found.mappings()))[::-1]


async def after(conn: AsyncConnection, item_id: int) -> list[dict[str, Any]]:
    """Return the work items opened after the one named, oldest first."""
    query = select(work_item).where(work_item.c.id > item_id).order_by(work_item.c.id)
    return await opened(conn, work_item, (await conn.execute(query)).mappings())


async def count_open(conn: AsyncConnection) -> int:
    """Count the open work items."""
    query = select(func.count()).select_from(work_item).where(work_item.c.status == "open")
    return int((await conn.execute(query)).scalar_one())


async def open_after(conn: AsyncConnection, item_id: int, limit: int) -> list[Row]:
    """Return open work items by number, from the one after ``item_id`` on."""
    query = select(work_item).where(work_item.c.status == "open", work_item.c.id > item_id)
    found = await conn.execute(query.order_by(work_item.c.id).limit(limit))
    return [*await opened(conn, work_item, found.mappings())]


async def given_by_hand(conn: AsyncConnection, items: Collection[int]) -> set[int]:
    """Return those of the items that a person gave to somebody."""
    by_person = work_change.c.change == "assigned"
    query = select(work_change.c.item_id).where(work_change.c.item_id.in_(sorted(items)), by_person)
    return set((await conn.execute(query)).scalars())


async def give(conn: AsyncConnection, item: Row, *, office: str | None, worker: str | None) -> bool:
    """Give an open item to somebody, unless it is no more as it was read; tell whether it was given."""
    same = [work_item.c[name].is_not_distinct_from(item[name]) for name in ("office", "worker")]
    done = await conn.execute(
        update(work_item)
        .where(work_item.c.id == item["id"], work_item.c.status == "open", *same)
        .values(office=office, worker=worker)
    )
    return bool(done.rowcount)


async def add(
    conn: AsyncConnection, rows: Sequence[Mapping[str, Any]], actors: Sequence[str]
) -> list[tuple[int, str]]:
    """Open work items and return number and kind of each, in the order given; ``actors`` caused them."""
    if not rows:
        return []
    whole = [{"priority": kind_of(row["kind"]).priority, "messages": 1, **row} for row in rows]
    ids = await add_numbered(conn, work_item, _ADD, whole)
    told = []
    for number, row, actor in zip(ids, rows, actors, strict=True):
        about = {"item_id": number, "at": row["opened_at"], "actor": actor}
        told.append({**about, "change": "opened", "inbound_id": row.get("inbound_id")})
        if row["status"] == "completed":
            told.append({**about, "change": "completed"})
    await tell(conn, told)
    return [(each, row["kind"]) for each, row in zip(ids, rows, strict=True)]


async def complete(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Complete open items; each row has ``item``, ``on``, ``at``, ``outcome`` and ``actor``."""
    if not rows:
        return
    await conn.execute(
        update(work_item)
        .where(work_item.c.id == bindparam("item"), work_item.c.status == "open")
        .values(
            status="completed",
            completed_on=bindparam("on"),
            completed_at=bindparam("at"),
            outcome=bindparam("result"),
        ),
        [{"item": row["item"], "on": row["on"], "at": row["at"], "result": row["outcome"]} for row in rows],
    )
    await tell(
        conn,
        [
            {"item_id": row["item"], "at": row["at"], "actor": row["actor"], "change": "completed"}
            for row in rows
        ],
    )


async def put_to_case(conn: AsyncConnection, item_id: int, case_id: str) -> None:
    """Say to which case of ours an item belongs that was opened without one."""
    item = await by_id(conn, item_id)
    if item is None:
        return
    # The case is a part of the name under which the content is sealed.
    row = sealed_one(conn, work_item, {**item, "case_id": case_id})
    moved = {name: row[name] for name in ("case_id", "reasons", "details")}
    await change_row(conn, work_item, item_id, moved)


async def complete_of(conn: AsyncConnection, inbound_id: int, kind: str, on: date, at: datetime) -> None:
    """Complete what was opened for an incoming transaction under ``kind``."""
    await complete_where(conn, work_item.c.inbound_id == inbound_id, work_item.c.kind == kind, on=on, at=at)


async def complete_where(
    conn: AsyncConnection, *where: ColumnElement[bool], on: date, at: datetime, actor: str = "gateway"
) -> None:
    """Complete the open items that conditions name, because what they ask for was done in another way."""
    query = select(work_item.c.id).where(work_item.c.status == "open", *where).order_by(work_item.c.id)
    about = {"on": on, "at": at, "outcome": "done", "actor": actor}
    await complete(conn, [{"item": number, **about} for number in (await conn.execute(query)).scalars()])


async def join(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add a message to an open item instead of opening another; ``item, at, actor, inbound_id, text, due``.

    ``due`` is the day on which the item is due from now on, None where that stays.
    """
    for row in rows:
        sooner = {} if row["due"] is None else {"due": row["due"]}
        more = update(work_item).where(work_item.c.id == row["item"])
        await conn.execute(more.values(messages=work_item.c.messages + 1, **sooner))
    await tell(
        conn,
        [
            {
                "item_id": row["item"],
                "at": row["at"],
                "actor": row["actor"],
                "change": "message",
                "inbound_id": row["inbound_id"],
                "text": row["text"],
            }
            for row in rows
        ],
    )


async def change(
    conn: AsyncConnection,
    item_id: int,
    what: str,
    *,
    at: datetime,
    actor: str,
    text: str | None = None,
    **set_: Any,
) -> None:
    """Set columns of an item and say what happened to it."""
    if set_:
        await change_row(conn, work_item, item_id, set_)
    await tell(conn, [{"item_id": item_id, "at": at, "actor": actor, "change": what, "text": text}])


async def urge(
    conn: AsyncConnection, inbound_ids: Collection[int], case_ids: Mapping[str, str], *, at: datetime, to: int
) -> None:
    """Make the open work of duties more urgent: by what opened them, or by case and duty."""
    for number in inbound_ids:
        for row in await open_for(conn, number):
            if row["priority"] > to:
                await change(conn, row["id"], "urgent", at=at, actor="gateway", priority=to)
    for case_id, duty in case_ids.items():
        for found in await open_of(conn, [case_id]):
            if found["duty"] == duty and found["priority"] > to:
                await change(conn, found["id"], "urgent", at=at, actor="gateway", priority=to)


async def reopen(conn: AsyncConnection, item_id: int) -> None:
    """Open a completed item again."""
    await conn.execute(
        update(work_item)
        .where(work_item.c.id == item_id)
        .values(status="open", completed_on=None, completed_at=None, outcome=None)
    )


async def tell(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append to the list of changes; whoever does so is alone at it until the commit, see ``work_change``."""
    if rows and conn.dialect.name == "postgresql":
        await postgres.wait_to_tell(conn)
    await _TELL.many(conn, rows)


async def changes_of(conn: AsyncConnection, item_id: int) -> list[dict[str, Any]]:
    """Return all that happened to an item, oldest first."""
    query = select(work_change).where(work_change.c.item_id == item_id).order_by(work_change.c.id)
    return await opened(conn, work_change, (await conn.execute(query)).mappings())


async def joined_by(conn: AsyncConnection, item_id: int) -> set[int]:
    """Return the transactions that made an item, or were added to it."""
    query = select(work_change.c.inbound_id).where(
        work_change.c.item_id == item_id, work_change.c.inbound_id.is_not(None)
    )
    return {int(number) for number in (await conn.execute(query)).scalars()}


async def newest_change(conn: AsyncConnection) -> int:
    """Return the number of the newest change, 0 where there is none."""
    return int((await conn.execute(select(func.max(work_change.c.id)))).scalar_one() or 0)


async def changed_since(
    conn: AsyncConnection, cursor: int, limit: int
) -> tuple[list[tuple[int, dict[str, Any]]], int]:
    """Return the items that changed after a cursor, each once with its newest change, and the next cursor.

    An item that changes again later is returned again then: none is missed, and none stands twice.
    """
    newest = func.max(work_change.c.id).label("newest")
    moved = (
        select(work_change.c.item_id, newest)
        .where(work_change.c.id > cursor)
        .group_by(work_change.c.item_id)
        .order_by(newest)
        .limit(limit)
    ).subquery()
    query = (
        select(moved.c.newest, work_item)
        .join(work_item, work_item.c.id == moved.c.item_id)
        .order_by(moved.c.newest)
    )
    rows = await opened(conn, work_item, (await conn.execute(query)).mappings())
    return [(int(row["newest"]), row) for row in rows], int(rows[-1]["newest"]) if rows else cursor
