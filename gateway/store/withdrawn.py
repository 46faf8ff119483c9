"""Take a batch back that must not be tried again as it is.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import outbox, outcomes
from csenet.gateway.store.prepared import Prepared
from csenet.gateway.store.tables import attempt, delivery_batch

WITHDRAWN: Final = "withdrawn"
APART: Final = "taken apart"
# The destination said no, or never heard of it; any other end of a try leaves open whether it has the batch.
_NOBODY_THERE: Final = (
    *("ClientConnectorError", "ClientConnectorDNSError", "ConnectionTimeoutError"),
    *("ConnectionRefusedError", "sftp_host_key", "sftp_login"),
)
# A folder that is not there, or closed to us; nothing is visible before all of it was put aside.
_NO_PLACE: Final = (
    *("FileNotFoundError", "NotADirectoryError", "PermissionError"),
    *("SFTPFailure", "SFTPNoSuchFile", "SFTPPermissionDenied", "upload_digest"),
)
_NOT_TAKEN: Final = ("http_401", "http_403", "http_404", "http_429", "http_503", *_NOBODY_THERE)
_STATE: Final = Prepared(
    select(delivery_batch.c.state).where(delivery_batch.c.id == bindparam("batch")).with_for_update()
)


async def may_have_arrived(conn: AsyncConnection, batch_id: int) -> bool:
    """Say whether a try of the batch may have reached the destination without our having proof."""
    return await _otherwise_ended(conn, batch_id, _NOT_TAKEN)


async def has_set_out(conn: AsyncConnection, batch_id: int, state: str) -> bool:
    """Say whether somebody else may have seen the batch: a try is under way, or one found somebody there.

    As long as a file is not put aside (``composed``), nobody saw it where no place was found for it.
    """
    ends = (*_NOBODY_THERE, *_NO_PLACE) if state == "composed" else _NOBODY_THERE
    return await _otherwise_ended(conn, batch_id, ends)


async def _otherwise_ended(conn: AsyncConnection, batch_id: int, ends: Sequence[str]) -> bool:
    open_end = or_(attempt.c.detail.is_(None), attempt.c.detail.not_in(ends))
    query = select(func.count()).select_from(attempt).where(attempt.c.batch_id == batch_id, open_end)
    return int((await conn.execute(query)).scalar_one()) > 0


async def is_open(conn: AsyncConnection, batch_id: int) -> bool:
    """Say whether a batch may still be tried; until the transaction ends nobody else changes it."""
    return await _STATE.scalar(conn, batch=batch_id) in outbox.OPEN_STATES


async def close(
    conn: AsyncConnection, batch_id: int, at: datetime, *, actor: str = "courier", apart: bool = False
) -> None:
    """Close the batch for good; whose rows go where is the caller's to say.

    With ``apart`` they go different ways, so that it must never leave again as it was.
    """
    await conn.execute(
        update(delivery_batch)
        .where(delivery_batch.c.id == batch_id)
        .values(state="dead", last_error=APART if apart else WITHDRAWN, next_attempt_at=None)
    )
    await outcomes.note_batch(conn, batch_id, WITHDRAWN, at, actor=actor)


async def was_taken_apart(conn: AsyncConnection, batch_id: int) -> bool:
    """Say whether what was in the batch went different ways."""
    return await _last_error(conn, batch_id) == APART


async def why(conn: AsyncConnection, batch_id: int) -> str:
    """Say how the last try of an open batch failed."""
    return await _last_error(conn, batch_id) or WITHDRAWN


async def _last_error(conn: AsyncConnection, batch_id: int) -> str | None:
    query = select(delivery_batch.c.last_error).where(delivery_batch.c.id == batch_id)
    found: str | None = (await conn.execute(query)).scalar_one()
    return found
