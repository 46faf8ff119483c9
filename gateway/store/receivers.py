"""Keep how far each receiver of work items is, and when it is tried again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.tables_work import work_receiver


class ReceiverState(msgspec.Struct, frozen=True, kw_only=True):
    """Say which change a receiver took last, how often the next failed, and when it is tried again."""

    name: str
    cursor: int = 0
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_error: str | None = None
    taken_at: datetime | None = None


async def of(conn: AsyncConnection, name: str) -> ReceiverState:
    """Return the state of a receiver; one that never took anything begins at the beginning."""
    query = select(work_receiver).where(work_receiver.c.name == name)
    row = (await conn.execute(query)).mappings().one_or_none()
    return ReceiverState(name=name) if row is None else ReceiverState(**row)


async def save(conn: AsyncConnection, state: ReceiverState) -> None:
    """Keep the state of a receiver."""
    insert: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    values = {name: getattr(state, name) for name in state.__struct_fields__}
    first = insert(work_receiver).values(**values)
    changed = {name: value for name, value in values.items() if name != "name"}
    await conn.execute(first.on_conflict_do_update(index_elements=[work_receiver.c.name], set_=changed))
