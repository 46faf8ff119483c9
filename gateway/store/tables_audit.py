"""The tables around the audit: the head of its chain, and which cases were seen."""

from __future__ import annotations

from sqlalchemy import DDL, BigInteger, Column, ForeignKey, Integer, String, Table, event

from csenet.gateway.store.append_only import POSTGRESQL, SQLITE
from csenet.gateway.store.columns import ROW_ID
from csenet.gateway.store.tables import audit, metadata

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
