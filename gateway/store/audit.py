"""Keep who did and saw what, append-only and chained; never the content of it.

Records are gathered while a transaction runs and written at its end: the chain is held for that moment only,
and all that share a commit share one step of it.  A transaction whose records cannot be written does not
happen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import RowMapping, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.audit_finding import found as found
from csenet.gateway.store.chain import START, Checker, Fault, Mark, chained
from csenet.gateway.store.errors import SealBroken, StoreError
from csenet.gateway.store.prepared import Prepared, adding
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.tables_audit import audit, audit_case, audit_head

_WAITING: Final = "csenet_audit"
_WRITTEN: Final = "csenet_audit_written"
_WEIGHTY: Final = (
    *("account.", "archive.", "hold.", "participant.", "release.", "token."),
    *("notice.list_sent", "purge.certified", "signin.revoked"),
)
_COMMON: Final = ("participant.read", "participant.signed_", "participant.tried", "release.read")
_STEP: Final = 2_000
_UNREADABLE: Final = "(does not open)"
_HEAD: Final = select(audit_head.c.last, audit_head.c.hash).where(audit_head.c.id == 1)
_HELD: Final = Prepared(_HEAD.with_for_update())
_ADD: Final = adding(audit)
_MOVE: Final = Prepared(update(audit_head).values(last=bindparam("to"), hash=bindparam("ending")))


class Written(msgspec.Struct):
    """Tell up to where a transaction carried the chain, and whether what it recorded is weighty."""

    head: Mark | None = None
    weighty: bool = False


class Anchors(Protocol):
    """Hear what was recorded, to keep the head of the chain outside of the store."""

    def note(self, head: Mark, *, weighty: bool) -> None:
        """Take the head of a commit that is on disk."""
        ...

    async def close(self) -> None:
        """Keep the last head that was heard of."""
        ...


def is_weighty(row: Mapping[str, Any]) -> bool:
    """Say whether somebody might want a record gone: who may do what, releases, exports, looks in clear."""
    action, detail = row["action"], row.get("detail")
    if action.startswith(_COMMON):
        return False
    if action.startswith(_WEIGHTY) or action.endswith(".export"):
        return True
    seen = detail if isinstance(detail, Mapping) else {}
    # A case system reads in clear all day long.
    return bool(seen.get("unmasked")) and not str(seen.get("session", "")).startswith("token ")


@asynccontextmanager
async def gathered(conn: AsyncConnection) -> AsyncIterator[Written]:
    """Gather the records of a transaction that writes, and write them at its end."""
    # Kept, as a connection that the server has closed tells nothing more and would hide why.
    info = conn.info
    info[_WAITING] = []
    written = info[_WRITTEN] = Written()
    try:
        yield written
        before = written.head
        await write(conn)
        if before is not None and written.head is before:
            # What was written earlier may have been undone since, as a probe's record is.
            kept = await _HELD.first(conn)
            written.head = None if kept is None else Mark(*kept)
    finally:
        info.pop(_WAITING, None)
        info.pop(_WRITTEN, None)


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows of ``at, actor, action, object, detail``; ``cases`` names the cases that were seen.

    They are written with the transaction's end.  Raises ``StoreError`` outside of a transaction that writes,
    and ``ValueError`` for a moment without time zone.
    """
    waiting = conn.info.get(_WAITING)
    if waiting is None:
        raise StoreError("the audit is written in a transaction that writes")
    for row in rows:
        if row["at"].tzinfo is None:
            raise ValueError("a moment without time zone cannot be stored")
        waiting.append({"detail": None, **row})


def mark(conn: AsyncConnection) -> int:
    """Say how many records wait, to come back to that number when a part of the transaction is undone."""
    return len(conn.info.get(_WAITING, ()))


def rewind(conn: AsyncConnection, count: int) -> None:
    """Forget the records of a part that was undone."""
    del conn.info[_WAITING][count:]


async def write(conn: AsyncConnection) -> None:
    """Chain and write what was gathered; the chain's head is held until the commit."""
    waiting = conn.info.get(_WAITING)
    if not waiting:
        return
    conn.info[_WAITING] = []
    cases = [row.pop("cases", ()) for row in waiting]
    kept = await _HELD.first(conn)
    if kept is None:
        raise StoreError("the head of the audit's chain is gone; see csenet audit verify")
    rows = list(chained(Mark(*kept), waiting))
    await _ADD.many(conn, rows)
    seen = [
        {"audit_id": each["id"], "case_id": case_id}
        for each, named in zip(rows, cases, strict=True)
        for case_id in dict.fromkeys(named)
    ]
    if seen:
        await conn.execute(insert(audit_case), seen)
    await _MOVE.run(conn, to=rows[-1]["id"], ending=rows[-1]["hash"])
    written: Written = conn.info[_WRITTEN]
    written.head = Mark(rows[-1]["id"], rows[-1]["hash"])
    written.weighty = written.weighty or any(map(is_weighty, rows))


async def head(conn: AsyncConnection) -> Mark:
    """Tell up to where the chain goes."""
    row = (await conn.execute(_HEAD)).one_or_none()
    return Mark(0, START) if row is None else Mark(row.last, row.hash)


async def newest(conn: AsyncConnection, limit: int = 100) -> list[dict[str, Any]]:
    """Return the newest rows, newest first; in a transaction that writes, its own too."""
    await write(conn)
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    return await opened(conn, audit, (await conn.execute(query)).mappings())


async def verify(
    conn: AsyncConnection,
    anchors: Sequence[Mark] = (),
    told: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, Fault | None]:
    """Walk along the whole chain; return how many records were looked at and the first fault.

    ``told`` hears how many of how many, now and then.
    """
    end = await head(conn)
    checker = Checker(anchors)
    async for row in _all(conn):
        if not checker.take(row):
            break
        if checker.count % _STEP == 0:
            told(checker.count, end.id)
    return checker.count, checker.fault or checker.finish(end)


async def _all(conn: AsyncConnection) -> AsyncIterator[dict[str, Any]]:
    after = None
    while True:
        query = select(audit).order_by(audit.c.id).limit(_STEP)
        rows = (await conn.execute(query if after is None else query.where(audit.c.id > after))).mappings()
        page = list(rows)
        for row in await _readable(conn, page):
            yield row
        if len(page) < _STEP:
            return
        after = page[-1]["id"]


async def _readable(conn: AsyncConnection, page: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Open what records say; one that does not open says something else than it did."""
    try:
        return await opened(conn, audit, page)
    except (SealBroken, msgspec.DecodeError):
        return [await _one_readable(conn, row) for row in page]


async def _one_readable(conn: AsyncConnection, row: RowMapping) -> dict[str, Any]:
    try:
        return (await opened(conn, audit, [row]))[0]
    except (SealBroken, msgspec.DecodeError):
        return {**row, "detail": _UNREADABLE}
