"""Keep the cases that the case system told us of, and what happened to each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, func, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import aliases
from csenet.gateway.store.prepared import Prepared, adding, among
from csenet.gateway.store.sealing import opened, sealed, sealed_one
from csenet.gateway.store.tables import CASE_OFFICE, case_file, timeline, work_item

_KNOWN: Final = Prepared(select(case_file).where(among(case_file.c.case_id, "ids")))
_FACTS: Final = Prepared(
    select(case_file.c.case_id, case_file.c.facts).where(among(case_file.c.case_id, "ids"))
)
_ADD_EVENTS: Final = adding(timeline, left_out=("id",))


async def load(conn: AsyncConnection, case_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the cases among ``case_ids`` that are known."""
    if not case_ids:
        return {}
    return {row["case_id"]: row for row in await _KNOWN.mappings(conn, ids=list(case_ids))}


async def facts_of(conn: AsyncConnection, case_ids: Collection[str]) -> dict[str, bytes]:
    """Return the facts, as they are kept, of the cases among ``case_ids`` that are known."""
    if not case_ids:
        return {}
    return {row["case_id"]: row["facts"] for row in await _FACTS.mappings(conn, ids=list(case_ids))}


async def add(conn: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Keep a case not known before."""
    await conn.execute(insert(case_file).values(**sealed_one(conn, case_file, _with_office(values))))


async def save(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace facts and state of known cases."""
    if not rows:
        return
    rows = [_with_office(row) for row in rows]
    columns = [name for name in rows[0] if name != "case_id"]
    await conn.execute(
        update(case_file)
        .where(case_file.c.case_id == bindparam("b_case_id"))
        .values({name: bindparam(f"b_{name}") for name in columns}),
        [{f"b_{name}": value for name, value in row.items()} for row in sealed(conn, case_file, rows)],
    )


def _with_office(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep the office where lists can ask for it."""
    return {**row, "office": row["facts"].get("office")} if "facts" in row else row


async def offices(conn: AsyncConnection, case_ids: Collection[str]) -> dict[str, str | None]:
    """Return whose cases these are, also by IDs that they had; a case that is not known is left out."""
    if not case_ids:
        return {}
    former = await aliases.current(conn, case_ids)
    wanted = {*case_ids, *former.values()}
    query = select(case_file.c.case_id, case_file.c.office).where(case_file.c.case_id.in_(sorted(wanted)))
    found = {row.case_id: row.office for row in await conn.execute(query)}
    return found | {each: found[now] for each, now in former.items() if now in found}


def in_scope(case_id: ColumnElement[Any], offices: Collection[str]) -> ColumnElement[bool]:
    """Leave out what belongs to a case of any other office; what belongs to no office or case stays."""
    # By another name, as what is asked may read the table of cases itself.
    other = case_file.alias("case_of_an_office")
    theirs = (
        select(other.c.case_id)
        .where(
            other.c.case_id == case_id,
            other.c.office.is_not(None),
            other.c.office.not_in(sorted(offices)),
        )
        .with_hint(other, f"INDEXED BY {CASE_OFFICE}", "sqlite")
    )
    return not_(theirs.exists())


def work_partner() -> ColumnElement[Any]:
    """Name the other state of a work item: the one it was opened about, else that of its case."""
    other = case_file.alias("case_of_the_work")
    theirs = select(func.substr(other.c.other_fips, 1, 2)).where(other.c.case_id == work_item.c.case_id)
    return func.coalesce(work_item.c.partner, theirs.scalar_subquery())


async def add_events(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append to the timelines of cases."""
    await _ADD_EVENTS.many(conn, rows)


async def events(conn: AsyncConnection, case_id: str, limit: int = 1000) -> list[dict[str, Any]]:
    """Return the newest events of a case, oldest first."""
    query = select(timeline).where(timeline.c.case_id == case_id).order_by(timeline.c.id.desc()).limit(limit)
    return (await opened(conn, timeline, (await conn.execute(query)).mappings()))[::-1]


async def with_ids(conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
    """Return which of these IDs are cases of ours."""
    if not case_ids:
        return set()
    found = await conn.execute(select(case_file.c.case_id).where(case_file.c.case_id.in_(sorted(case_ids))))
    return set(found.scalars())
