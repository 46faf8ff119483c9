"""The table of case IDs of ours that were replaced: which case each of them names today."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table

from csenet.gateway.store.columns import Sealed, UtcDateTime, content
from csenet.gateway.store.tables import metadata

case_alias = Table(
    "case_alias",
    metadata,
    Column("alias", String(15), primary_key=True),
    # A case that has a record; where that gets another ID, its aliases follow.
    Column("case_id", String(15), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    # Facts and state under the former ID, where there were others under the new one.
    Column("facts", Sealed("written")),
    Column("state", Sealed("written")),
    info=content("case", "alias"),
)
Index("case_alias_case", case_alias.c.case_id)
