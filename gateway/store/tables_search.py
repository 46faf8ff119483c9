"""The tables of what is searched for, as keyed digests that say nothing without the key."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, false

from csenet.gateway.store.tables import metadata

search_key = Table(
    "search_key",
    metadata,
    Column("digest", BigInteger, primary_key=True, autoincrement=False),
    # Twice the number of what came or went, and one more for what went.
    Column("subject", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
search_case = Table(
    "search_case",
    metadata,
    Column("case_id", String(15), primary_key=True),
    Column("digest", BigInteger, primary_key=True, autoincrement=False),
    # The case has the word no more; transactions on it may.
    Column("former", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)
Index("search_case_digest", search_case.c.digest)
