"""The tables of sealing: the keys that seal content, and how far each table has been sealed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from csenet.gateway.store.columns import UtcDateTime
from csenet.gateway.store.tables import metadata

# The keys that seal content, themselves sealed by a key that is kept elsewhere: one a kind and month.
data_key = Table(
    "data_key",
    metadata,
    # Stands in each value that was sealed with it.
    Column("number", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    # Year and month in which it began to seal; empty for the key of the search words.
    Column("period", String(7), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("wrapped_by", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Since when a later generation has taken its place everywhere.
    Column("retired_at", UtcDateTime),
    UniqueConstraint("kind", "period", "generation", name="data_key_period"),
)

# How far a table's content has been sealed, or sealed anew; a table without its row has yet to be looked at.
sealing_progress = Table(
    "sealing_progress",
    metadata,
    Column("table", String(64), primary_key=True),
    # The key of the last row done, as JSON.
    Column("after", Text),
    Column("rows", BigInteger, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
)
