"""The tables of retention: which cases must be kept whatever their age, and what was destroyed."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, text

from csenet.gateway.store.columns import ROW_ID, Json, Sealed, UtcDateTime, content
from csenet.gateway.store.tables import metadata

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("case_id", String(15), nullable=False),
    # What people write about a case may name somebody.
    Column("reason", Sealed("json"), nullable=False),
    Column("held_by", String(64), nullable=False),
    Column("held_at", UtcDateTime, nullable=False),
    Column("released_by", String(64)),
    Column("released_at", UtcDateTime),
    Column("release_reason", Sealed("json")),
    info=content("case", "case_id", "held_at"),
)
_in_force = text("released_at IS NULL")
Index(
    "legal_hold_in_force",
    legal_hold.c.case_id,
    unique=True,
    sqlite_where=_in_force,
    postgresql_where=_in_force,
)

# One row for each step of a purge, written in its commit: what is certified when the run is over.
purged = Table(
    "purged",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(16), nullable=False),
    # A keyed digest of the case's ID, which is destroyed itself.
    Column("subject", String(64)),
    # How many records of each table.
    Column("records", Json, nullable=False),
    # SHA-256 of the certificate that names this row; without one the run was cut off.
    Column("certificate", String(64)),
)
_open = text("certificate IS NULL")
Index("purged_uncertified", purged.c.id, sqlite_where=_open, postgresql_where=_open)
