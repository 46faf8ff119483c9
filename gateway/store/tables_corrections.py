"""The table of corrections: what a transaction of ours was before it was corrected and sent again."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from csenet.gateway.store.columns import ROW_ID, Json, Sealed, UtcDateTime, content
from csenet.gateway.store.tables import metadata

correction = Table(
    "correction",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("outbound_id", ROW_ID, ForeignKey("outbound.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    # The transaction as it had left, the batch it left in, and why the exchange refused it.
    Column("raw", Sealed("bytes"), nullable=False),
    Column("batch_id", ROW_ID, ForeignKey("delivery_batch.id")),
    Column("reason", Text),
    Column("refused_at", UtcDateTime),
    # The places that were changed, without their values.
    Column("fields", Json, nullable=False),
    info=content("outbound", "outbound_id", "at"),
)
Index("correction_of", correction.c.outbound_id, correction.c.id)
Index("correction_batch", correction.c.batch_id)
