"""Keep what came in: files as received, their transactions, and the keys that tell a repetition."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import RowMapping, and_, bindparam, func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.prepared import Prepared, add_numbered, adding, among, pair_among
from csenet.gateway.store.rows import change_row
from csenet.gateway.store.sealing import Row, opened, opened_one, sealed_one
from csenet.gateway.store.tables import (
    PARKED,
    inbound,
    inbound_file,
    inbound_problem,
    transaction_key,
    work_item,
)

Key = tuple[str, str]
"""A transaction's key: two-digit FIPS code of the sending state and serial number."""

SMALL: Final = 65_536
"""In bytes: files up to this size share a commit."""

NO_END: Final = 2**62
_AT_ONCE: Final = 100


class Waiting(NamedTuple):
    """Name a file that is not wholly settled."""

    id: int
    small: bool


_BY_FILE: Final = inbound.c.file_id == bindparam("file")
_FILE: Final = tuple(column for column in inbound_file.c if column.name != "raw")
_BY_DIGEST: Final = Prepared(select(*_FILE).where(inbound_file.c.sha256 == bindparam("sha256")))
_ADD_FILE: Final = Prepared(
    insert(inbound_file).returning(inbound_file.c.id),
    [column.name for column in inbound_file.c if column.name != "id"],
)
_IS_WAITING: Final = text("state = 'received'")
_WAITING: Final = Prepared(
    select(inbound_file.c.id, inbound_file.c.kind, inbound_file.c.size)
    .where(_IS_WAITING, inbound_file.c.id <= bindparam("until"))
    .order_by(inbound_file.c.id)
    .limit(_AT_ONCE)
)
_THESE_WAITING: Final = Prepared(
    select(inbound_file).where(among(inbound_file.c.id, "ids"), _IS_WAITING).order_by(inbound_file.c.id)
)
_LAST_POSITION: Final = Prepared(select(func.max(inbound.c.position)).where(_BY_FILE))
_CLOSE_FILE: Final = Prepared(
    update(inbound_file)
    .where(inbound_file.c.id == bindparam("file"))
    .values(state="settled", count=bindparam("records"), settled_at=bindparam("at"))
)
_KEYS: Final = Prepared(
    select(transaction_key.c.sender, transaction_key.c.serial, transaction_key.c.fingerprint).where(
        pair_among(transaction_key.c.sender, transaction_key.c.serial, "keys")
    )
)
_PARKED_CASES: Final = Prepared(
    # As a literal, or SQLite would not use the partial index.
    select(inbound.c.case_id).where(text("status = 'parked'"), among(inbound.c.case_id, "ids")).distinct()
)
_ADD_INBOUND: Final = adding(inbound)
_ADD_KEYS: Final = adding(transaction_key)
_ADD_PROBLEMS: Final = adding(inbound_problem)


async def file_by_digest(conn: AsyncConnection, sha256: str) -> Mapping[str, Any] | None:
    """Return the file with these bytes, without the bytes."""
    found = await _BY_DIGEST.mappings(conn, sha256=sha256)
    return found[0] if found else None


async def file_by_id(conn: AsyncConnection, file_id: int) -> Row | None:
    """Return a file with its bytes."""
    found = await conn.execute(select(inbound_file).where(inbound_file.c.id == file_id))
    return await opened_one(conn, inbound_file, found.mappings().one_or_none())


async def knows_file(conn: AsyncConnection, file_id: int) -> bool:
    """Tell whether there is such a file."""
    found = await conn.execute(select(inbound_file.c.id).where(inbound_file.c.id == file_id))
    return found.scalar_one_or_none() is not None


async def add_file(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Keep a file as it came and return its number."""
    return int(await _ADD_FILE.scalar(conn, **values))


def is_small(kind: str, size: int) -> bool:
    """Say whether a file may share its commit with others."""
    return kind == "transactions" and size <= SMALL


async def waiting_files(conn: AsyncConnection, up_to: int | None = None) -> list[Waiting]:
    """Name the oldest files not wholly settled: one that is large, or some that are small."""
    rows = await _WAITING.all(conn, until=NO_END if up_to is None else up_to)
    found: list[Waiting] = []
    room = SMALL
    for number, kind, size in rows:
        small = is_small(kind, size)
        room -= size
        if found and (not small or room < 0):
            break
        found.append(Waiting(number, small))
        if not small:
            break
    return found


async def others_wait(conn: AsyncConnection, file_id: int) -> bool:
    """Say whether files that came before this one are not wholly settled."""
    return await _WAITING.first(conn, until=file_id - 1) is not None


async def files_by_id(conn: AsyncConnection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return those of the files that are not wholly settled, with their bytes, oldest first."""
    return await _THESE_WAITING.mappings(conn, ids=list(ids))


async def last_position(conn: AsyncConnection, file_id: int) -> int:
    """Return the place in the file up to which it is settled; 0 when nothing is."""
    return int(await _LAST_POSITION.scalar(conn, file=file_id) or 0)


async def close_file(conn: AsyncConnection, file_id: int, count: int, at: datetime) -> None:
    """Note that each record of the file has its row."""
    await _CLOSE_FILE.run(conn, file=file_id, records=count, at=at)


async def known_keys(conn: AsyncConnection, keys: Collection[Key]) -> dict[Key, str]:
    """Return the fingerprints under which these keys were seen before."""
    if not keys:
        return {}
    found = await _KEYS.all(conn, keys=msgspec.json.encode(list(keys)).decode())
    return {(sender, serial): print_ for sender, serial, print_ in found}


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


async def error_records(conn: AsyncConnection, serials: Collection[str]) -> list[RowMapping]:
    """Return fingerprint, serial number and moment of the error records already seen for these of ours."""
    if not serials:
        return []
    found = await conn.execute(
        select(inbound.c.fingerprint, inbound.c.serial, inbound.c.received_at).where(
            inbound.c.sender.is_(None), inbound.c.serial.in_(sorted(serials)), inbound.c.status == "decided"
        )
    )
    return list(found.mappings())


async def add_inbound(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Keep transactions and return their numbers by correlation."""
    if not rows:
        return {}
    ids = await add_numbered(conn, inbound, _ADD_INBOUND, [{"replies": 0, **row} for row in rows])
    codes = [
        {"code": code, "inbound_id": each}
        for each, row in zip(ids, rows, strict=True)
        for code in dict.fromkeys(problem["code"] for problem in row.get("problems") or ())
    ]
    await _ADD_PROBLEMS.many(conn, codes)
    return {row["correlation"]: each for each, row in zip(ids, rows, strict=True)}


async def add_keys(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember the keys of transactions taken in."""
    await _ADD_KEYS.many(conn, rows)


async def parked_cases(conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
    """Return those of the cases that wait behind a parked transaction."""
    if not case_ids:
        return set()
    return {case_id for (case_id,) in await _PARKED_CASES.all(conn, ids=list(case_ids))}


async def parked(
    conn: AsyncConnection, case_id: str | None = None, *, after: int = 0, limit: int = 100
) -> list[dict[str, Any]]:
    """List parked transactions in order of arrival, of one case or of all, from number ``after`` on."""
    query = select(inbound).where(inbound.c.id > after).order_by(inbound.c.id).limit(limit)
    if case_id is None:
        query = query.where(PARKED)
    else:
        query = query.where(text("inbound.status = 'parked'"), inbound.c.case_id == case_id)
    return await opened(conn, inbound, (await conn.execute(query)).mappings())


async def decide_parked(conn: AsyncConnection, inbound_id: int, values: Mapping[str, Any]) -> None:
    """Write down what became of a parked transaction; ``values`` name its correlation."""
    row = sealed_one(conn, inbound, values)
    await change_row(conn, inbound, inbound_id, row)


async def count_replies(conn: AsyncConnection, inbound_id: int, count: int) -> None:
    """Add to the replies of a transaction."""
    if count:
        await conn.execute(
            update(inbound).where(inbound.c.id == inbound_id).values(replies=inbound.c.replies + count)
        )


async def raw_of(conn: AsyncConnection, inbound_id: int | None) -> bytes | None:
    """Return the bytes of a transaction as it came."""
    found = await conn.execute(select(inbound.c.raw, inbound.c.correlation).where(inbound.c.id == inbound_id))
    row = await opened_one(conn, inbound, found.mappings().one_or_none())
    return None if row is None else bytes(row["raw"])


async def correlation_of(conn: AsyncConnection, inbound_id: int | None) -> str | None:
    """Return the correlation of an incoming transaction."""
    if inbound_id is None:
        return None
    found = await conn.execute(select(inbound.c.correlation).where(inbound.c.id == inbound_id))
    return found.scalar_one_or_none()
