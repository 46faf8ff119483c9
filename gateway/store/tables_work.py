"""The table of all that happened to work items, and how far each receiver of them is."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from csenet.gateway.store.columns import ROW_ID, Sealed, UtcDateTime, content
from csenet.gateway.store.tables import metadata

# Its numbers are the cursor by which a case system follows the work: they are given under a lock that is held
# until the commit, so that a smaller number never appears after a greater one.
work_change = Table(
    "work_change",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("item_id", ROW_ID, ForeignKey("work_item.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("change", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    # The message that was added, or that brought the item about.
    Column("inbound_id", ROW_ID, ForeignKey("inbound.id")),
    # What a person wrote, or what a message says; never sent out with the item.
    Column("text", Sealed("json")),
    info=content("work", "item_id", "at", "change", "actor"),
)
Index("work_change_item", work_change.c.item_id, work_change.c.id)
Index("work_change_inbound", work_change.c.inbound_id)

work_receiver = Table(
    "work_receiver",
    metadata,
    Column("name", String(16), primary_key=True),
    # The newest change it has taken.
    Column("cursor", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("last_error", Text),
    Column("taken_at", UtcDateTime),
)
