"""Find federal tax information in transactions, to mark it in the commit that keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Direction
from csenet.gateway.desk.checking import reread
from csenet.gateway.desk.plan import Queued
from csenet.gateway.store import tax
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.tables import inbound, outbound
from csenet.gateway.store.tables_tax import tax_mark
from csenet.gateway.store.tax import Mark
from csenet.handlers.disclosing import coded
from csenet.handlers.policy.disclosure_review import marked_blocks, may_hold_tax_information, tax_codes


def mark_of(
    subject: str, far: str | None, raw: bytes, partner: str | None, case_id: str | None
) -> Mark | None:
    """Find out whether a transaction is to be marked; of one that cannot be read, every block that can be."""
    if far is None or not may_hold_tax_information(far):
        return None
    read = reread(raw) if subject.startswith("in-") else codec.read(raw, Direction.TO_SERVER).transaction
    blocks = marked_blocks(far, coded(read))
    if not blocks:
        return None
    return Mark(subject=subject, far=far, partner=partner or "??", blocks=blocks, case_id=case_id)


async def mark_arrivals(
    conn: AsyncConnection, rows: Iterable[tuple[int, dict[str, Any]]], at: datetime
) -> None:
    """Mark what came in, by row number and row."""
    found = [
        mark
        for number, row in rows
        if (mark := mark_of(f"in-{number}", row["far"], row["raw"], row["sender"], row["case_id"]))
    ]
    await tax.add(conn, found, at, actor="exchange", ours=False)


async def mark_queued(conn: AsyncConnection, queued: Iterable[Queued], at: datetime) -> None:
    """Mark what is to leave."""
    for each in queued:
        mark = mark_of(f"out-{each.row_id}", each.far, each.raw, each.partner, each.case_id or None)
        if mark is not None:
            await tax.add(conn, [mark], at, actor=each.cause.actor, ours=True)


async def mark_older(conn: AsyncConnection, at: datetime, actor: str) -> int:
    """Mark what an older store holds unmarked, and return how many that were; few have such a code."""
    count = 0
    for way, table in (("in", inbound), ("out", outbound)):
        known = select(tax_mark.c.subject).where(tax_mark.c.subject.startswith(f"{way}-"))
        marked = {int(str(each).partition("-")[2]) for each in (await conn.execute(known)).scalars()}
        query = select(table).where(table.c.far.in_(tax_codes())).order_by(table.c.id)
        rows = [row for row in (await conn.execute(query)).mappings() if row["id"] not in marked]
        partner = "sender" if way == "in" else "partner"
        found = [
            mark
            for row in await opened(conn, table, rows)
            if (mark := mark_of(f"{way}-{row['id']}", row["far"], row["raw"], row[partner], row["case_id"]))
        ]
        await tax.add(conn, found, at, actor=actor, ours=way == "out", late=True)
        count += len(found)
    return count
