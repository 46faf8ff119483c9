"""The table of marks: which transactions hold federal tax information, and in which of their blocks."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table

from csenet.gateway.store.columns import UtcDateTime
from csenet.gateway.store.tables import metadata

tax_mark = Table(
    "tax_mark",
    metadata,
    # in-12 or out-7: few transactions are marked, and those that are not cost nothing.
    Column("subject", String(32), primary_key=True),
    Column("far", String(16), nullable=False),
    Column("partner", String(2), nullable=False),
    Column("case_id", String(15)),
    # The names of the blocks, with blanks between them.
    Column("blocks", String(128), nullable=False),
    Column("marked_at", UtcDateTime, nullable=False),
)
Index("tax_mark_case", tax_mark.c.case_id)
