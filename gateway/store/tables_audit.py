"""The tables of the audit: the record itself, the head of its chain, and which cases were seen."""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, ForeignKey, Index, Integer, String, Table, event, text

from csenet.gateway.store.append_only import POSTGRESQL, SQLITE
from csenet.gateway.store.columns import ROW_ID, Sealed, UtcDateTime, content
from csenet.gateway.store.tables import metadata

# Written through store.audit only: numbered and chained without gaps, and never changed.
audit = Table(
    "audit",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", String(128), nullable=False),
    Column("detail", Sealed("json")),
    Column("hash", String(64), nullable=False),
    info=content("audit", "id"),
)

# Who did what, and about what, is looked for among what is not in the nature of every transaction: that would
# be most of the index, and each part of the record is full of it.
TRAFFIC: Final = ("transaction.decided", "transaction.queued")
TRAFFIC_ACTOR: Final = "exchange"
BESIDE_TRAFFIC: Final = text("action NOT IN ('transaction.decided', 'transaction.queued')")
BY_OTHERS: Final = text("actor <> 'exchange'")
for _column, _chosen in (("action", BESIDE_TRAFFIC), ("actor", BY_OTHERS), ("object", BESIDE_TRAFFIC)):
    Index(
        f"audit_{_column}",
        audit.c[_column],
        audit.c.id,
        sqlite_where=_chosen,
        postgresql_where=_chosen,
    )
# Word for word the condition of the query, or SQLite would not use it.
_is_about_tax = text("action IN ('tax.received', 'tax.accessed', 'tax.disclosed', 'tax.destroyed')")
Index("audit_tax", audit.c.id, sqlite_where=_is_about_tax, postgresql_where=_is_about_tax)

# One row: up to where the chain goes.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

# Finds in moments who saw a case; what counts is the record itself.
audit_case = Table(
    "audit_case",
    metadata,
    Column("case_id", String(15), primary_key=True),
    Column("audit_id", ROW_ID, ForeignKey("audit.id"), primary_key=True, autoincrement=False),
)

for _dialect, _statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
    for _statement in _statements:
        _trigger = DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]
        event.listen(audit, "after_create", _trigger)
