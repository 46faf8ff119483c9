"""Make room for what opens a duty: an event on a case has a longer name than a transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENTS = ("warned_at", "overdue_at", "reminded_at", "acted_at")
_IS_OPEN = sa.text("closed_on IS NULL")
_INDEXES = {
    "duty_case": ["case_id", "closed_on"],
    "duty_inbound": ["inbound_id"],
    "duty_closed": ["closed_on"],
    "duty_answer": ["closed_outbound_id"],
    "duty_outbound": ["outbound_id"],
}


def upgrade() -> None:
    """Widen the column."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        op.alter_column("duty", "opened_by", type_=sa.String(length=40))


def _rebuild() -> None:
    """Make the table again: an embedded database cannot change a column."""
    for name in ("duty_open", *_INDEXES):
        op.drop_index(name, "duty")
    op.rename_table("duty", "duty_before")
    op.create_table(
        "duty",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=True),
        sa.Column("partner", sa.String(length=2), nullable=False),
        sa.Column("office", sa.String(length=64), nullable=True),
        sa.Column("opened_by", sa.String(length=40), nullable=False),
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
    op.execute("INSERT INTO duty SELECT * FROM duty_before")
    op.drop_table("duty_before")
    op.create_index("duty_open", "duty", ["due", "id"], sqlite_where=_IS_OPEN)
    for name, columns in _INDEXES.items():
        op.create_index(name, "duty", columns)
