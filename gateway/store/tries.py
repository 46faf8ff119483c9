"""Tell how long a batch has been tried and what it carries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import destinations
from csenet.gateway.store.tables import attempt, delivery_batch, outbound


async def tried_since(conn: AsyncConnection, batch_id: int) -> datetime:
    """Return when the first try was made since the batch was sealed or opened again.

    What an operator held back has not been tried meanwhile: a release starts the time anew.
    """
    begun = select(delivery_batch.c.attempts).where(delivery_batch.c.id == batch_id)
    count = int((await conn.execute(begun)).scalar_one())
    query = select(attempt.c.at).where(attempt.c.batch_id == batch_id).order_by(attempt.c.id.desc())
    first: datetime = (await conn.execute(query.offset(count - 1).limit(1))).scalar_one()
    released = (await destinations.load(conn)).released_at
    return first if released is None else max(first, released)


async def serials(conn: AsyncConnection, batch_id: int) -> tuple[int, int]:
    """Return the first and the last serial number that a batch carries."""
    query = select(func.min(outbound.c.serial), func.max(outbound.c.serial))
    first, last = (await conn.execute(query.where(outbound.c.batch_id == batch_id))).one()
    return int(first or 0), int(last or 0)
