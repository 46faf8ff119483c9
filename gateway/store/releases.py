"""Keep releases of withheld data: asked for, approved and sent, or refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.rows import add_row
from csenet.gateway.store.sealing import Row, opened, opened_one, sealed_one
from csenet.gateway.store.tables_release import release
from csenet.handlers.policy.disclosure_review import Release


async def add(conn: AsyncConnection, values: dict[str, Any]) -> int:
    """Keep a release that is asked for and return its number."""
    row = sealed_one(conn, release, {**values, "state": "asked"})
    return await add_row(conn, release, row)


async def by_id(conn: AsyncConnection, number: int) -> dict[str, Any] | None:
    """Find a release."""
    row = (await conn.execute(select(release).where(release.c.id == number))).mappings().first()
    return await opened_one(conn, release, row)


async def newest(conn: AsyncConnection, limit: int = 100) -> list[dict[str, Any]]:
    """List releases without their content, newest first."""
    columns = [column for column in release.c if column.name != "content"]
    query = select(*columns).order_by(release.c.id.desc()).limit(limit)
    return await opened(conn, release, (await conn.execute(query)).mappings())


async def decide(conn: AsyncConnection, number: int, *, refusal: str | None = None, **values: Any) -> bool:
    """Write down what became of a release; False where that is written already."""
    open_one = (release.c.id == number) & (release.c.state == "asked")
    if refusal is not None:
        row = await by_id(conn, number)
        values["refusal"] = (
            None if row is None else sealed_one(conn, release, {**row, "refusal": refusal})["refusal"]
        )
    done = await conn.execute(update(release).where(open_one).values(**values))
    return bool(done.rowcount)


def as_release(row: Row, approved_by: str) -> Release:
    """Say what a row releases, once somebody approves."""
    return Release(
        asked_by=row["asked_by"],
        approved_by=approved_by,
        reason=row["reason"],
        places=frozenset(row["withheld"]),
    )


async def approved(conn: AsyncConnection, outbound_ids: Collection[int]) -> dict[int, Release]:
    """Find which queued transactions left two persons' hands, by their ids."""
    if not outbound_ids:
        return {}
    columns = [column for column in release.c if column.name not in ("content", "refusal")]
    query = select(*columns).where(release.c.outbound_id.in_(sorted(outbound_ids)), release.c.state == "sent")
    rows = await opened(conn, release, (await conn.execute(query)).mappings())
    return {row["outbound_id"]: as_release(row, row["decided_by"]) for row in rows}
