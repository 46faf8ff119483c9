"""Keep what a transaction was before it was corrected and sent again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "correction",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("outbound_id", _ROW_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("batch_id", _ROW_ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["outbound_id"], ["outbound.id"]),
        sa.ForeignKeyConstraint(["batch_id"], ["delivery_batch.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("correction_of", "correction", ["outbound_id", "id"])
    op.create_index("correction_batch", "correction", ["batch_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("correction")
