"""Keep what came in: files as received, their transactions, and the keys that tell a repetition."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.tables import inbound, inbound_file, inbound_problem, transaction_key, work_item

Key = tuple[str, str]
"""A transaction's key: two-digit FIPS code of the sending state and serial number."""

_FILE = tuple(column for column in inbound_file.c if column.name != "raw")


async def file_by_digest(conn: AsyncConnection, sha256: str) -> RowMapping | None:
    """Return the file with these bytes, without the bytes."""
    found = await conn.execute(select(*_FILE).where(inbound_file.c.sha256 == sha256))
    return found.mappings().one_or_none()


async def file_by_id(conn: AsyncConnection, file_id: int) -> RowMapping | None:
    """Return a file with its bytes."""
    found = await conn.execute(select(inbound_file).where(inbound_file.c.id == file_id))
    return found.mappings().one_or_none()


async def knows_file(conn: AsyncConnection, file_id: int) -> bool:
    """Tell whether there is such a file."""
    found = await conn.execute(select(inbound_file.c.id).where(inbound_file.c.id == file_id))
    return found.scalar_one_or_none() is not None


async def add_file(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Keep a file as it came and return its number."""
    made = await conn.execute(insert(inbound_file).values(**values).returning(inbound_file.c.id))
    return int(made.scalar_one())


async def pending_files(conn: AsyncConnection, up_to: int | None = None) -> list[int]:
    """List the files not wholly settled, oldest first."""
    query = select(inbound_file.c.id).where(inbound_file.c.state == "received").order_by(inbound_file.c.id)
    if up_to is not None:
        query = query.where(inbound_file.c.id <= up_to)
    return [int(row.id) for row in await conn.execute(query)]


async def last_position(conn: AsyncConnection, file_id: int) -> int:
    """Return the place in the file up to which it is settled; 0 when nothing is."""
    found = await conn.execute(select(func.max(inbound.c.position)).where(inbound.c.file_id == file_id))
    return int(found.scalar_one() or 0)


async def close_file(conn: AsyncConnection, file_id: int, count: int, at: datetime) -> None:
    """Note that each record of the file has its row."""
    await conn.execute(
        update(inbound_file)
        .where(inbound_file.c.id == file_id)
        .values(state="settled", count=count, settled_at=at)
    )


async def tally(conn: AsyncConnection, file_id: int) -> dict[str, int]:
    """Count the transactions of a file by status."""
    query = (
        select(inbound.c.status, func.count()).where(inbound.c.file_id == file_id).group_by(inbound.c.status)
    )
    return {str(status): int(count) for status, count in await conn.execute(query)}


async def known_keys(conn: AsyncConnection, keys: Collection[Key]) -> dict[Key, str]:
    """Return the fingerprints under which these keys were seen before."""
    if not keys:
        return {}
    columns = tuple_(transaction_key.c.sender, transaction_key.c.serial)
    found = await conn.execute(select(transaction_key).where(columns.in_(sorted(keys))))
    return {(row.sender, row.serial): row.fingerprint for row in found}


async def earlier_requests(conn: AsyncConnection, contents: Collection[Key]) -> dict[Key, RowMapping]:
    """Return a request seen before by sender and content: the one still unanswered, else the newest.

    What follows once it was answered (``process_referral``) does not count as work on it.
    """
    if not contents:
        return {}
    waits = and_(
        work_item.c.inbound_id == transaction_key.c.inbound_id,
        work_item.c.status == "open",
        work_item.c.kind != "process_referral",
    )
    query = (
        select(
            transaction_key.c.sender,
            transaction_key.c.content,
            transaction_key.c.serial,
            work_item.c.id.label("work_item"),
        )
        .outerjoin(work_item, waits)
        .where(tuple_(transaction_key.c.sender, transaction_key.c.content).in_(sorted(contents)))
        .order_by(work_item.c.id.is_not(None), transaction_key.c.inbound_id, work_item.c.id)
    )
    return {(row["sender"], row["content"]): row for row in (await conn.execute(query)).mappings()}


async def error_records(conn: AsyncConnection, serials: Collection[str]) -> set[str]:
    """Return the fingerprints of error records already seen for these serial numbers of ours."""
    if not serials:
        return set()
    found = await conn.execute(
        select(inbound.c.fingerprint).where(
            inbound.c.sender.is_(None), inbound.c.serial.in_(sorted(serials)), inbound.c.status == "decided"
        )
    )
    return {str(row.fingerprint) for row in found}


async def add_inbound(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Keep transactions and return their numbers by correlation."""
    if not rows:
        return {}
    # Asking for the order of the rows as well would make SQLite insert them one by one.
    keys = insert(inbound).returning(inbound.c.id, inbound.c.correlation)
    made = await conn.execute(keys, [dict(row) for row in rows])
    numbers = {row.correlation: int(row.id) for row in made}
    codes = [
        {"code": code, "inbound_id": numbers[row["correlation"]]}
        for row in rows
        for code in dict.fromkeys(problem["code"] for problem in row["problems"] or ())
    ]
    if codes:
        await conn.execute(insert(inbound_problem), codes)
    return numbers


async def add_keys(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember the keys of transactions taken in."""
    if rows:
        await conn.execute(insert(transaction_key), [dict(row) for row in rows])


async def parked_cases(conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
    """Return those of the cases that wait behind a parked transaction."""
    if not case_ids:
        return set()
    found = await conn.execute(
        select(inbound.c.case_id)
        .where(inbound.c.status == "parked", inbound.c.case_id.in_(sorted(case_ids)))
        .distinct()
    )
    return {str(row.case_id) for row in found}


async def parked(
    conn: AsyncConnection, case_id: str | None = None, *, after: int = 0, limit: int = 100
) -> list[RowMapping]:
    """List parked transactions in order of arrival, of one case or of all, from number ``after`` on."""
    query = (
        select(inbound)
        .where(inbound.c.status == "parked", inbound.c.id > after)
        .order_by(inbound.c.id)
        .limit(limit)
    )
    if case_id is not None:
        query = query.where(inbound.c.case_id == case_id)
    return list((await conn.execute(query)).mappings())


async def decide_parked(conn: AsyncConnection, inbound_id: int, values: Mapping[str, Any]) -> None:
    """Write down what became of a parked transaction."""
    await conn.execute(update(inbound).where(inbound.c.id == inbound_id).values(**values))


async def count_replies(conn: AsyncConnection, inbound_id: int, count: int) -> None:
    """Add to the replies of a transaction."""
    if count:
        await conn.execute(
            update(inbound).where(inbound.c.id == inbound_id).values(replies=inbound.c.replies + count)
        )


async def raw_of(conn: AsyncConnection, inbound_id: int | None) -> bytes | None:
    """Return the bytes of an incoming transaction."""
    if inbound_id is None:
        return None
    found = await conn.execute(select(inbound.c.raw).where(inbound.c.id == inbound_id))
    return found.scalar_one_or_none()


async def correlation_of(conn: AsyncConnection, inbound_id: int | None) -> str | None:
    """Return the correlation of an incoming transaction."""
    if inbound_id is None:
        return None
    found = await conn.execute(select(inbound.c.correlation).where(inbound.c.id == inbound_id))
    return found.scalar_one_or_none()
