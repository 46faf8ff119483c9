"""Keep what leaves by e-mail, so that nothing is told twice or forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "notice",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", moment, nullable=True),
        sa.Column("last_error", sa.String(length=64), nullable=True),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("sent_at", moment, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'unknown', 'dead')", name="notice_state"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notice_of", "notice", ["kind", "name", "id"])
    op.create_index("notice_state_id", "notice", ["state", "id"])
