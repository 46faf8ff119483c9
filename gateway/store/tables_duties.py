"""The table of duties: what we owe other states and they owe us, each with its clock."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, String, Table, text

from csenet.gateway.store.columns import ROW_ID, UtcDateTime, one_of
from csenet.gateway.store.tables import metadata
from csenet.handlers.policy.kept_duties import OUTCOMES, SIDES

duty = Table(
    "duty",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    # The duty's id in the table of deadlines, such as CR1.
    Column("kind", String(8), nullable=False),
    Column("side", String(8), nullable=False),
    Column("case_id", String(15)),
    Column("partner", String(2), nullable=False),
    Column("office", String(64)),
    # The transaction that opened it, or the kind of event.
    Column("opened_by", String(40), nullable=False),
    Column("inbound_id", ROW_ID, ForeignKey("inbound.id")),
    Column("outbound_id", ROW_ID, ForeignKey("outbound.id")),
    Column("started_on", Date, nullable=False),
    Column("due", Date, nullable=False),
    # From this day on the gateway acts by itself, once.
    Column("act_on", Date),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("warned_at", UtcDateTime),
    Column("overdue_at", UtcDateTime),
    Column("reminded_at", UtcDateTime),
    Column("acted_at", UtcDateTime),
    Column("closed_on", Date),
    Column("closed_by", String(64)),
    Column("closed_outbound_id", ROW_ID, ForeignKey("outbound.id")),
    Column("outcome", String(16)),
    one_of("side", SIDES, "duty_side"),
    one_of("outcome", OUTCOMES, "duty_outcome"),
)
_is_open = text("closed_on IS NULL")
Index("duty_open", duty.c.due, duty.c.id, sqlite_where=_is_open, postgresql_where=_is_open)
Index("duty_case", duty.c.case_id, duty.c.closed_on)
Index("duty_inbound", duty.c.inbound_id)
Index("duty_closed", duty.c.closed_on)
Index("duty_answer", duty.c.closed_outbound_id)
Index("duty_outbound", duty.c.outbound_id)
