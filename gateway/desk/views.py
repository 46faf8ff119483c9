"""Show what the store holds: lists, single transactions and cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, literal_column, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Direction, Transaction
from csenet.gateway.desk.checking import reread
from csenet.gateway.desk.results import (
    CaseView,
    CorrectionView,
    Page,
    TimelineEvent,
    TransactionDetail,
    TransactionFilter,
    TransactionView,
    WorkFilter,
    WorkItemView,
)
from csenet.gateway.store import cases, corrections, work
from csenet.gateway.store.asked import asked
from csenet.gateway.store.sealing import Row, opened, opened_one
from csenet.gateway.store.tables import inbound, inbound_file, outbound, work_item
from csenet.gateway.wording import is_number

_LARGEST_PAGE = 10_000
_CHOOSE_WORK = ("status", "case_id", "kind", "group", "worker", "office")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def outbound_view(row: Row, state: str) -> TransactionView:
    """Describe a transaction of ours; ``state`` is our own two-digit code."""
    return TransactionView(**_outbound_values(row, state))


def _outbound_values(row: Row, state: str) -> dict[str, Any]:
    delivered = row["delivered_at"]
    took = None if delivered is None else round((delivered - row["intake_at"]).total_seconds() * 1000, 3)
    return {
        "id": f"out-{row['id']}",
        "direction": "outbound",
        "far": row["far"],
        "serial": f"{row['serial']:012d}",
        "from_fips": state,
        "to_fips": row["partner"],
        "case_id": row["case_id"],
        "status": row["status"],
        "correlation": row["correlation"],
        "received_at": row["intake_at"],
        "settled_at": row["refused_at"] or delivered,
        "milliseconds": took,
        "in_reply_to": None if row["in_reply_to"] is None else f"in-{row['in_reply_to']}",
        "attempts": row["attempts"],
        "reason": row["reason"],
    }


def _inbound_values(row: Row, state: str) -> dict[str, Any]:
    return {
        "id": f"in-{row['id']}",
        "direction": "inbound",
        "far": row["far"],
        "serial": row["serial"],
        "from_fips": row["sender"],
        "to_fips": state,
        "case_id": row["case_id"],
        "status": row["status"],
        "correlation": row["correlation"],
        "received_at": row["received_at"],
        "settled_at": row["decided_at"],
        "problems": row["problems"] or [],
    }


async def transactions(conn: AsyncConnection, wanted: TransactionFilter, state: str) -> Page:
    """List transactions oldest first, both directions in one order."""
    limit = max(1, min(wanted.limit, _LARGEST_PAGE))
    parts = [part for part in (_inbound_part(wanted), _outbound_part(wanted)) if part is not None]
    if not parts:
        return Page(items=[])
    both = union_all(*parts).subquery()
    query = select(both).order_by(both.c.at, both.c.way, both.c.id).limit(limit + 1)
    if wanted.after:
        query = query.where(_later(both, wanted.after))
    keys = list((await conn.execute(query)).mappings())
    views = await _by_keys(conn, keys[:limit], state)
    following = _cursor(keys[limit - 1]) if len(keys) > limit else None
    return Page(items=views, next=following)


def _cursor(key: RowMapping) -> str:
    microseconds = round((key["at"] - _EPOCH).total_seconds() * 1_000_000)
    return f"{microseconds}-{key['way']}-{key['id']}"


def _later(both: Any, after: str) -> ColumnElement[bool]:
    try:
        stamp, way, number = after.split("-")
        moment = datetime.fromtimestamp(int(stamp) // 1_000_000, UTC).replace(
            microsecond=int(stamp) % 1_000_000
        )
        values = (int(way), int(number))
    except (ValueError, OverflowError, OSError):
        return literal_column("1 = 0")
    same = both.c.at == moment
    return or_(
        both.c.at > moment,
        and_(same, both.c.way > values[0]),
        and_(same, both.c.way == values[0], both.c.id > values[1]),
    )


def _inbound_part(wanted: TransactionFilter) -> Any:
    if wanted.direction and not wanted.direction.startswith("in"):
        return None
    query = (
        select(inbound.c.received_at.label("at"), literal_column("0").label("way"), inbound.c.id.label("id"))
        .join(inbound_file, inbound_file.c.id == inbound.c.file_id)
        .where(inbound_file.c.kind == "transactions")
    )
    chosen = {"status": wanted.status, "case_id": wanted.case_id, "far": wanted.far, "sender": wanted.partner}
    serial = wanted.serial.rjust(12, "0") if wanted.serial else None
    return query.where(*asked(inbound, wanted.offices, **chosen, serial=serial))


def _outbound_part(wanted: TransactionFilter) -> Any:
    if wanted.direction and not wanted.direction.startswith("out"):
        return None
    query = select(
        outbound.c.created_at.label("at"), literal_column("1").label("way"), outbound.c.id.label("id")
    )
    chosen = {name: getattr(wanted, name) for name in ("status", "case_id", "far", "partner")}
    serial = int(wanted.serial) if wanted.serial and is_number(wanted.serial) else None
    return query.where(*asked(outbound, wanted.offices, **chosen, serial=serial))


async def _by_keys(conn: AsyncConnection, keys: Sequence[Any], state: str) -> list[TransactionView]:
    came = [key["id"] for key in keys if key["way"] == 0]
    went = [key["id"] for key in keys if key["way"] == 1]
    found: dict[tuple[int, int], TransactionView] = {}
    if came:
        columns = [column for column in inbound.c if column.name not in ("raw", "decision")]
        read = await conn.execute(select(*columns).where(inbound.c.id.in_(came)))
        for row in await opened(conn, inbound, read.mappings()):
            found[0, row["id"]] = TransactionView(**_inbound_values(row, state))
    if went:
        columns = [column for column in outbound.c if column.name != "raw"]
        for ours in (await conn.execute(select(*columns).where(outbound.c.id.in_(went)))).mappings():
            found[1, ours["id"]] = outbound_view(ours, state)
    return [found[key["way"], key["id"]] for key in keys]


async def transaction(conn: AsyncConnection, view_id: str, state: str) -> TransactionDetail | None:
    """Read one transaction (``in-12`` or ``out-7``) with its content."""
    way, _, number = view_id.partition("-")
    table = {"in": inbound, "out": outbound}.get(way)
    if table is None or not is_number(number):
        return None
    read = await conn.execute(select(table).where(table.c.id == int(number)))
    row = await opened_one(conn, table, read.mappings().one_or_none())
    if row is None:
        return None
    if way == "out":
        sent = codec.read(row["raw"], Direction.TO_SERVER).transaction
        history = [
            CorrectionView(**{name: each[name] for name in CorrectionView.__struct_fields__})
            for each in await corrections.of(conn, row["id"])
        ]
        return TransactionDetail(
            **_outbound_values(row, state), transaction=_content(sent), corrections=history
        )
    content = _content(reread(row["raw"]))
    return TransactionDetail(**_inbound_values(row, state), transaction=content, decision=row["decision"])


def _content(transaction: Transaction | None) -> dict[str, Any] | None:
    return None if transaction is None else codec.to_json(transaction)


def work_item_view(row: Row, change: int | None = None) -> WorkItemView:
    """Describe a work item, with the number of its newest change where changes are followed."""
    values = {name: row[name] for name in WorkItemView.__struct_fields__ if name in row}
    return WorkItemView(
        **values,
        transaction=None if row["inbound_id"] is None else f"in-{row['inbound_id']}",
        outbound=None if row["outbound_id"] is None else f"out-{row['outbound_id']}",
        change=change,
    )


async def work_items(conn: AsyncConnection, wanted: WorkFilter) -> Page:
    """List work items, oldest first."""
    limit = max(1, min(wanted.limit, _LARGEST_PAGE))
    query = select(work_item).order_by(work_item.c.id).limit(limit + 1)
    chosen = {name: getattr(wanted, name) for name in _CHOOSE_WORK}
    query = query.where(*asked(work_item, wanted.offices, **chosen))
    if wanted.due_by is not None:
        query = query.where(work_item.c.due <= wanted.due_by)
    if wanted.due_before is not None:
        query = query.where(work_item.c.due < wanted.due_before)
    if wanted.after is not None:
        query = query.where(work_item.c.id > (int(wanted.after) if is_number(wanted.after) else 2**62))
    rows = await opened(conn, work_item, (await conn.execute(query)).mappings())
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return Page(items=[work_item_view(row) for row in rows[:limit]], next=following)


async def case_view(conn: AsyncConnection, case_id: str, *, created: bool = False) -> CaseView | None:
    """Read a case with its timeline and work."""
    row = (await cases.load(conn, [case_id])).get(case_id)
    if row is None:
        return None
    events = [
        TimelineEvent(
            at=event["at"],
            event=event["event"],
            detail=event["detail"],
            transaction=_named(event["inbound_id"], event["outbound_id"]),
        )
        for event in await cases.events(conn, case_id)
    ]
    items = await work.of_case(conn, case_id)
    return CaseView(
        case_id=case_id,
        version=row["version"],
        updated_at=row["updated_at"],
        facts=msgspec.json.decode(row["facts"]),
        state=msgspec.json.decode(row["state"]),
        timeline=events,
        work_items=[work_item_view(item) for item in items],
        created=created,
    )


def _named(inbound_id: int | None, outbound_id: int | None) -> str | None:
    if outbound_id is not None:
        return f"out-{outbound_id}"
    return None if inbound_id is None else f"in-{inbound_id}"


async def by_numbers(
    conn: AsyncConnection, numbers: Sequence[tuple[int, int]], state: str
) -> list[TransactionView]:
    """Describe transactions named by direction (0 in, 1 out) and row number, in the order given."""
    return await _by_keys(conn, [{"way": way, "id": number} for way, number in numbers], state)


async def raw(conn: AsyncConnection, view_id: str) -> bytes | None:
    """Read the bytes of a transaction as they came or went."""
    way, _, number = view_id.partition("-")
    table = {"in": inbound, "out": outbound}.get(way)
    if table is None or not is_number(number):
        return None
    found = await conn.execute(select(table).where(table.c.id == int(number)))
    row = await opened_one(conn, table, found.mappings().one_or_none())
    return None if row is None else bytes(row["raw"])
