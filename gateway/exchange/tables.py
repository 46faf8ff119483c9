"""The simulated exchange's own store: what states sent, what waits for whom, what was pushed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from csenet.gateway.store.columns import ROW_ID, Json, UtcDateTime, one_of
from csenet.gateway.store.engine import Store, store_at, store_url

metadata = MetaData()

batch = Table(
    "batch",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("sender", String(2), nullable=False),
    Column("key", String(128), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("count", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("receipt", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    UniqueConstraint("sender", "key", name="batch_key"),
    one_of("state", ("received", "processed"), "batch_state"),
)

push = Table(
    "push",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("to", String(2), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
    one_of("state", ("open", "delivered"), "push_state"),
)
Index("push_open", push.c.to, push.c.state)

message = Table(
    "message",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("batch_id", ROW_ID, ForeignKey("batch.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("from", String(2), nullable=False),
    Column("serial", String(12)),
    Column("to", String(2)),
    Column("far", String(16)),
    # What is pushed: the transaction as its receiver sees it, or a record of the error file.
    Column("raw", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("push_id", ROW_ID, ForeignKey("push.id")),
    Column("received_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
    one_of("kind", ("transaction", "error"), "message_kind"),
    one_of("state", ("waiting", "delivered", "refused"), "message_state"),
)
Index("message_waiting", message.c.to, message.c.state, message.c.id)
Index("message_push", message.c.push_id)
_counts = text("kind = 'transaction' AND state <> 'refused'")
Index("message_key", message.c["from"], message.c.serial, unique=True, sqlite_where=_counts)


async def open_exchange_store(path: Path) -> Store:
    """Open the store at ``path``, created if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = store_at(store_url(path))
    async with store.begin() as conn:
        await conn.run_sync(metadata.create_all)
    return store
