"""Let work items be assigned, grouped, commented and followed by their changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Widen the table, and begin the list of changes with what is there."""
    op.add_column("work_item", sa.Column("priority", sa.Integer(), nullable=False, server_default="3"))
    op.add_column("work_item", sa.Column("worker", sa.String(length=64), nullable=True))
    op.add_column("work_item", sa.Column("office", sa.String(length=64), nullable=True))
    op.add_column("work_item", sa.Column("messages", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("work_item", sa.Column("outcome", sa.String(length=16), nullable=True))
    op.create_table(
        "work_change",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("item_id", _ROW_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("inbound_id", _ROW_ID, nullable=True),
        sa.Column("text", sa.LargeBinary().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"]),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("work_change_item", "work_change", ["item_id", "id"])
    op.create_index("work_change_inbound", "work_change", ["inbound_id"])
    op.create_table(
        "work_receiver",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute(
        "INSERT INTO work_change (item_id, at, change, actor, inbound_id) "
        "SELECT id, opened_at, 'opened', 'gateway', inbound_id FROM work_item ORDER BY id"
    )
    op.execute(
        "INSERT INTO work_change (item_id, at, change, actor) "
        "SELECT id, completed_at, 'completed', 'gateway' FROM work_item "
        "WHERE status = 'completed' AND completed_at IS NOT NULL ORDER BY id"
    )
