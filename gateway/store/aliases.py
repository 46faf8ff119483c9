"""Keep which case a former case ID of ours names, and put all that belongs to a case under its new ID.

Everything on a case stands under one ID, the one in use: so order, holds, offices and purges need no rule of
their own for former IDs.  Whoever takes a case ID from outside asks here which case it names (``current``).
What was written about a case and may never change, its transactions and the record of who saw it, keeps the
ID of its day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, delete, insert, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import search, work
from csenet.gateway.store.prepared import Prepared, among
from csenet.gateway.store.sealing import opened, sealed, sealed_one, shape_of
from csenet.gateway.store.tables import case_file, inbound, outbound, timeline, work_item
from csenet.gateway.store.tables_aliases import case_alias
from csenet.gateway.store.tables_duties import duty
from csenet.gateway.store.tables_participants import participant_case
from csenet.gateway.store.tables_release import release
from csenet.gateway.store.tables_tax import tax_mark

_NAMED: Final = Prepared(
    select(case_alias.c.alias, case_alias.c.case_id).where(among(case_alias.c.alias, "ids"))
)
_PLAIN: Final[tuple[Table, ...]] = (inbound, outbound, duty, release, tax_mark)
"""Tables whose rows are not sealed under the case's ID."""

_GROUP: Final = 64
FOLLOWS: Final = frozenset({*(each.name for each in _PLAIN), "timeline", "work_item", "participant_case"})
"""The tables whose rows go over to the new ID; holds and the record of who saw a case keep theirs."""


async def current(conn: AsyncConnection, ids: Collection[str]) -> dict[str, str]:
    """Return the cases that former IDs among these name."""
    return dict(await _NAMED.all(conn, ids=list(ids))) if ids else {}


async def named(conn: AsyncConnection, case_id: str) -> str:
    """Return the ID in use of the case that an ID names; one that is nobody's former ID as it is."""
    return (await current(conn, [case_id])).get(case_id, case_id)


async def family(conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
    """Return all IDs, former ones and those in use, of the cases that these name."""
    now = {*case_ids, *(await current(conn, case_ids)).values()}
    query = select(case_alias.c.alias).where(case_alias.c.case_id.in_(sorted(now)))
    return now | set((await conn.execute(query)).scalars())


def ids_of(case_id: str) -> Select[Any]:
    """Ask for the former IDs of a case, for use within another question."""
    return select(case_alias.c.alias).where(case_alias.c.case_id == case_id)


def with_current(ids: Select[Any]) -> Select[Any]:
    """Ask for these IDs and for those in use of the cases that they name."""
    now = select(case_alias.c.case_id).where(case_alias.c.alias.in_(ids))
    return select(union(ids, now).subquery().c[0])


async def put(
    conn: AsyncConnection, alias: str, case_id: str, at: datetime, kept: Mapping[str, Any] | None = None
) -> None:
    """Let an ID name a case from now on; ``kept`` are the facts and state of a record that it was."""
    await conn.execute(update(case_alias).where(case_alias.c.case_id == alias).values(case_id=case_id))
    await conn.execute(delete(case_alias).where(case_alias.c.alias.in_([alias, case_id])))
    content = {} if kept is None else {"facts": kept["facts"], "state": kept["state"]}
    row = {"alias": alias, "case_id": case_id, "since": at, **content}
    await conn.execute(insert(case_alias).values(**sealed_one(conn, case_alias, row)))


async def give_up(conn: AsyncConnection, alias: str) -> None:
    """Let an ID name no other case any more: it has become that of a case of its own."""
    await conn.execute(delete(case_alias).where(case_alias.c.alias == alias))


async def move(conn: AsyncConnection, former: str, case_id: str, *, at: datetime, actor: str) -> None:
    """Put all that belongs to one case ID under another, but for the facts."""
    for table in _PLAIN:
        await conn.execute(update(table).where(table.c.case_id == former).values(case_id=case_id))
    await _move_sealed(conn, timeline, former, case_id)
    items = await _move_sealed(conn, work_item, former, case_id)
    for row in items:
        group = str(row["group"])
        if group.endswith(f":{former}"):
            group = f"{group.removesuffix(former)}{case_id}"
            of_item = work_item.c.id == row["id"]
            await conn.execute(update(work_item).where(of_item).values(group=group[:_GROUP]))
        if row["status"] == "open":
            await work.change(conn, row["id"], "case", at=at, actor=actor)
    await _move_participants(conn, former, case_id)
    await search.take_over(conn, former, case_id)


async def _move_sealed(
    conn: AsyncConnection, table: Table, former: str, case_id: str
) -> list[dict[str, Any]]:
    """Write rows anew whose content is sealed under the ID; return them as they are now, opened."""
    query = select(table).where(table.c.case_id == former).order_by(table.c.id)
    rows = await opened(conn, table, (await conn.execute(query)).mappings())
    names = ["case_id", *(name for name, *_ in shape_of(table).columns)]
    moved = [{**row, "case_id": case_id} for row in rows]
    for row in sealed(conn, table, moved):
        values = {name: row[name] for name in names}
        await conn.execute(update(table).where(table.c.id == row["id"]).values(**values))
    return moved


async def _move_participants(conn: AsyncConnection, former: str, case_id: str) -> None:
    """Let who sees the case under one ID see it under the other; who does already keeps the part."""
    has = select(participant_case.c.participant_id).where(participant_case.c.case_id == case_id)
    of_former = participant_case.c.case_id == former
    both = participant_case.c.participant_id.in_(has)
    await conn.execute(delete(participant_case).where(of_former, both))
    await conn.execute(update(participant_case).where(of_former).values(case_id=case_id))


async def rekey(conn: AsyncConnection, former: str, case_id: str) -> None:
    """Give a case's row another ID; its content has to be written anew, as it is sealed under the ID."""
    await conn.execute(update(case_file).where(case_file.c.case_id == former).values(case_id=case_id))


async def drop(conn: AsyncConnection, former: str) -> None:
    """Take away the row of a case that another one has become."""
    await conn.execute(delete(case_file).where(case_file.c.case_id == former))
