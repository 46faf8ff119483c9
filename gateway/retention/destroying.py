"""Destroy content in the store: whole rows, or what they hold where the sums need the row.

What stays of a transaction is that there was one: number, partner, code, status, moments.  Case IDs, digests
of its bytes and everything sealed go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import search, tax
from csenet.gateway.store.columns import Closed, Sealed
from csenet.gateway.store.sealing import is_sealed, opened, sealed, shape_of
from csenet.gateway.store.tables import (
    case_file,
    inbound,
    inbound_problem,
    outbound,
    timeline,
    transaction_key,
    work_item,
)
from csenet.gateway.store.tables_aliases import case_alias
from csenet.gateway.store.tables_corrections import correction
from csenet.gateway.store.tables_duties import duty
from csenet.gateway.store.tables_participants import participant_case
from csenet.gateway.store.tables_release import release
from csenet.gateway.store.tables_search import search_case
from csenet.gateway.store.tables_work import work_change

TREATMENT: Final[Mapping[str, str]] = {
    "inbound_file": "emptied",
    "inbound": "emptied",
    "delivery_batch": "emptied",
    "outbound": "emptied",
    "correction": "emptied",
    "case_file": "deleted",
    "case_alias": "deleted",
    "timeline": "deleted",
    "work_item": "deleted",
    "work_change": "deleted",
    "disclosure_release": "deleted",
    "search_case": "deleted",
    "participant_case": "deleted",
    "idempotency": "deleted",
    "tax_mark": "deleted, with a record of it on the log of federal tax information",
    "duty": "without its case",
    "legal_hold": "kept: the proof that a case was held, and its end",
    "audit": "kept: it grows only, and holds keys, no content",
    "audit_case": "kept with the audit, whose index it is",
    "participant": "kept: a number that the agency gave out",
    "account": "kept: belongs to no case",
}
"""What becomes of each table that holds content or names a case; a test finds one that is missing."""

HEAD: Final = 20
"""Bytes of a sealed value that no other has: mark, number of the key, nonce."""
_NOTHING: Final[dict[str, Any]] = {"bytes": b"", "json": [], "written": b"{}"}
_GONE: Final = {"inbound": ("fingerprint", "case_id"), "outbound": ("case_id", "reason")}


class Gone:
    """Gather what was destroyed: how many records of each table, how sealed values began, and digests."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records: Counter[str] = Counter()
        self.heads: set[bytes] = set()
        self.digests: set[str] = set()

    def note(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take rows in as they stood in the store."""
        self.records[str(table.name)] += len(rows)
        for row in rows:
            for value in row.values():
                if isinstance(value, Closed) and is_sealed(value.data):
                    self.heads.add(value.data[:HEAD])


async def overwrite(conn: AsyncConnection) -> None:
    """Have an embedded database write zeros over what the transaction deletes."""
    if conn.dialect.name == "sqlite":
        await conn.exec_driver_sql("PRAGMA secure_delete=ON")


async def stop_overwriting(conn: AsyncConnection) -> None:
    """End it: in daily work it would cost more than it is worth."""
    if conn.dialect.name == "sqlite":
        await conn.exec_driver_sql("PRAGMA secure_delete=OFF")


async def empty(
    conn: AsyncConnection, table: Table, where: ColumnElement[bool], gone: Gone, **values: Any
) -> list[dict[str, Any]]:
    """Take the content out of rows and return them opened, as they were."""
    (key,) = table.primary_key
    held = _sealed_columns(table)
    names = dict.fromkeys((key.name, *shape_of(table).name, *held))
    rows = [
        dict(row)
        for row in (await conn.execute(select(*(table.c[name] for name in names)).where(where))).mappings()
    ]
    gone.note(table, rows)
    nothing = {name: None if table.c[name].nullable else _NOTHING[form] for name, form in held.items()}
    for row in sealed(conn, table, [{**row, **nothing} for row in rows]):
        emptied = {name: row[name] for name in held}
        await conn.execute(update(table).where(key == row[key.name]).values(**emptied, **values))
    return await opened(conn, table, rows)


async def remove(conn: AsyncConnection, table: Table, where: ColumnElement[bool], gone: Gone) -> None:
    """Delete rows whole."""
    held = _sealed_columns(table)
    wanted = [column for column in table.c if column.primary_key or column.name in held]
    gone.note(table, [dict(row) for row in (await conn.execute(select(*wanted).where(where))).mappings()])
    await conn.execute(delete(table).where(where))


def _sealed_columns(table: Table) -> dict[str, str]:
    """Give the sealed columns of a table and their forms."""
    return {column.name: column.type.form for column in table.c if isinstance(column.type, Sealed)}


async def destroy_case(conn: AsyncConnection, case_id: str, now: datetime) -> Gone:
    """Destroy all there is on a case; what it was is no more to be had from the store."""
    gone = Gone()
    await destroy_traffic(conn, inbound.c.case_id == case_id, outbound.c.case_id == case_id, now, gone)
    items = select(work_item.c.id).where(work_item.c.case_id == case_id)
    await remove(conn, work_change, work_change.c.item_id.in_(items), gone)
    for table in (timeline, work_item, release, participant_case, search_case, case_alias, case_file):
        await remove(conn, table, table.c.case_id == case_id, gone)
    done = await conn.execute(update(duty).where(duty.c.case_id == case_id).values(case_id=None))
    gone.records["duty"] += done.rowcount
    return gone


async def destroy_traffic(
    conn: AsyncConnection, came: ColumnElement[bool], went: ColumnElement[bool], now: datetime, gone: Gone
) -> None:
    """Take the content out of what came and what went, and make neither findable any more."""
    clear = dict.fromkeys(_GONE["inbound"])
    known = select(inbound.c.fingerprint).where(came, inbound.c.fingerprint.is_not(None))
    gone.digests.update((await conn.execute(known)).scalars())
    for row in await empty(conn, inbound, came, gone, purged_at=now, **clear):
        await search.replace_transaction(conn, "in", row["id"], search.words_of_raw("in", row["raw"]), ())
        await conn.execute(delete(inbound_problem).where(inbound_problem.c.inbound_id == row["id"]))
        # The key stays, so that the same number is never taken for a new transaction.
        of_row = transaction_key.c.inbound_id == row["id"]
        await conn.execute(update(transaction_key).where(of_row).values(fingerprint="", content=None))
        await _destroyed(conn, f"in-{row['id']}", now)
    clear = dict.fromkeys(_GONE["outbound"])
    for row in await empty(conn, outbound, went, gone, purged_at=now, **clear):
        await search.replace_transaction(conn, "out", row["id"], search.words_of_raw("out", row["raw"]), ())
        of_outbound = correction.c.outbound_id == row["id"]
        await empty(conn, correction, of_outbound, gone, reason=None, fields=[])
        await _destroyed(conn, f"out-{row['id']}", now)


async def _destroyed(conn: AsyncConnection, subject: str, now: datetime) -> None:
    """Put it on the log where federal tax information goes with a transaction."""
    await tax.record_destruction(
        conn,
        [subject],
        actor="retention",
        reason="its time of retention is over",
        method="overwritten in the store; the keys that sealed it are destroyed after it",
        at=now,
    )
