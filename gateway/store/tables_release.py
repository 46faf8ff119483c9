"""The table of releases: withheld data that one person wants to send and another one has to approve."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table

from csenet.gateway.store.columns import ROW_ID, Json, Sealed, UtcDateTime, content, one_of
from csenet.gateway.store.tables import metadata

STATES = ("asked", "sent", "refused")

release = Table(
    "disclosure_release",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("case_id", String(15)),
    Column("far", String(16), nullable=False),
    Column("partner", String(2), nullable=False),
    # The whole transaction: what is approved is what leaves.
    Column("content", Sealed("json"), nullable=False),
    Column("withheld", Json, nullable=False),
    # What people write about a case may name somebody.
    Column("reason", Sealed("json"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("decided_by", String(64)),
    Column("decided_at", UtcDateTime),
    Column("refusal", Sealed("json")),
    Column("outbound_id", ROW_ID, ForeignKey("outbound.id")),
    one_of("state", STATES, "release_state"),
    info=content("outbound", "asked_by", "asked_at", "far"),
)
Index("release_outbound", release.c.outbound_id)
