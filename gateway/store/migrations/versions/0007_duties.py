"""Make the table of duties."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENTS = ("warned_at", "overdue_at", "reminded_at", "acted_at")
_IS_OPEN = sa.text("closed_on IS NULL")


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "duty",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=True),
        sa.Column("partner", sa.String(length=2), nullable=False),
        sa.Column("office", sa.String(length=64), nullable=True),
        sa.Column("opened_by", sa.String(length=16), nullable=False),
        sa.Column("inbound_id", _ROW_ID, nullable=True),
        sa.Column("outbound_id", _ROW_ID, nullable=True),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("act_on", sa.Date(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in _MOMENTS),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_outbound_id", _ROW_ID, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"]),
        sa.ForeignKeyConstraint(["outbound_id"], ["outbound.id"]),
        sa.ForeignKeyConstraint(["closed_outbound_id"], ["outbound.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("side IN ('we-owe', 'they-owe')", name="duty_side"),
        sa.CheckConstraint(
            "outcome IN ('answered', 'done', 'declined', 'lapsed', 'rejected', 'not sent')",
            name="duty_outcome",
        ),
    )
    op.create_index("duty_open", "duty", ["due", "id"], sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
    op.create_index("duty_case", "duty", ["case_id", "closed_on"])
    op.create_index("duty_inbound", "duty", ["inbound_id"])
    op.create_index("duty_closed", "duty", ["closed_on"])
    op.create_index("duty_answer", "duty", ["closed_outbound_id"])
    op.create_index("duty_outbound", "duty", ["outbound_id"])
