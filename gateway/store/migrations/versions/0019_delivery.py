"""Hold what goes to one partner, and keep the receipts for our batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = "state IN ('good', 'late', 'repeated', 'contradicting')"


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.create_table(
        "partner_hold",
        sa.Column("partner", sa.String(length=2), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("partner"),
    )
    op.create_table(
        "delivery_receipt",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("batch_id", _ROW_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(_STATES, name="delivery_receipt_state"),
        sa.ForeignKeyConstraint(["batch_id"], ["delivery_batch.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("delivery_receipt_batch", "delivery_receipt", ["batch_id", "id"])
    op.create_index("delivery_receipt_state", "delivery_receipt", ["state", "id"])
    op.create_table(
        "receipt_expected",
        sa.Column("batch_id", _ROW_ID, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["delivery_batch.id"]),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_index("receipt_expected_due", "receipt_expected", ["due_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("receipt_expected")
    op.drop_table("delivery_receipt")
    op.drop_table("partner_hold")
