"""The table of notices that leave by e-mail: to whom, which numbers, and what became of each."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from csenet.gateway.store.columns import ROW_ID, Json, UtcDateTime, one_of
from csenet.gateway.store.tables import metadata

NOTICE_STATES = ("waiting", "sending", "sent", "unknown", "dead")

notice = Table(
    "notice",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    # office or worker, and its name; the address stands in the settings only.
    Column("kind", String(8), nullable=False),
    Column("name", String(64), nullable=False),
    # Numbers and nothing else.
    Column("counts", Json, nullable=False),
    # The newest work item that it counts.
    Column("up_to", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("last_error", String(64)),
    Column("made_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    one_of("state", NOTICE_STATES, "notice_state"),
)
Index("notice_of", notice.c.kind, notice.c.name, notice.c.id)
Index("notice_state_id", notice.c.state, notice.c.id)
