"""Make the first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "api_token",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "audit",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "case_file",
        sa.Column("case_id", sa.String(length=15), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("other_fips", sa.String(length=7), nullable=False),
        sa.Column("other_case_id", sa.String(length=15), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('initiating', 'responding')", name="case_file_role"),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_table(
        "delivery_batch",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("framing", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('composed', 'spooled', 'delivered', 'dead')", name="delivery_batch_state"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index(
        "delivery_batch_open",
        "delivery_batch",
        ["state", "id"],
        unique=False,
        sqlite_where=sa.text("state <> 'delivered'"),
        postgresql_where=sa.text("state <> 'delivered'"),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "inbound_file",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('transactions', 'errors')", name="inbound_file_kind"),
        sa.CheckConstraint("state IN ('received', 'settled')", name="inbound_file_state"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "serial_counter",
        sa.Column("jurisdiction", sa.String(length=2), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jurisdiction"),
    )
    op.create_table(
        "attempt",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("batch_id", _ROW_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["delivery_batch.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attempt_batch", "attempt", ["batch_id", "id"], unique=False)
    op.create_table(
        "inbound",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("file_id", _ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("sender", sa.String(length=2), nullable=True),
        sa.Column("serial", sa.String(length=12), nullable=True),
        sa.Column("far", sa.String(length=16), nullable=True),
        sa.Column("case_id", sa.String(length=15), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problems", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("replies", sa.Integer(), nullable=False),
        sa.Column("correlation", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "status IN ('received', 'malformed', 'duplicate', 'conflict', 'parked', 'decided')",
            name="inbound_status",
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["inbound_file.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("file_id", "position", name="inbound_place"),
    )
    op.create_index("inbound_case", "inbound", ["case_id", "id"], unique=False)
    op.create_index("inbound_key", "inbound", ["sender", "serial"], unique=False)
    op.create_index(
        "inbound_parked",
        "inbound",
        ["case_id", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'parked'"),
        postgresql_where=sa.text("status = 'parked'"),
    )
    op.create_table(
        "outbound",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("partner", sa.String(length=2), nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=True),
        sa.Column("far", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("transaction_date", sa.Date(), nullable=True),
        sa.Column("in_reply_to", _ROW_ID, nullable=True),
        sa.Column("correlation", sa.String(length=64), nullable=False),
        sa.Column("intake_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch_id", _ROW_ID, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('held', 'queued', 'sending', 'delivered', 'refused', 'dead', 'cancelled')",
            name="outbound_status",
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["delivery_batch.id"],
        ),
        sa.ForeignKeyConstraint(
            ["in_reply_to"],
            ["inbound.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("serial"),
    )
    op.create_index("outbound_batch", "outbound", ["batch_id"], unique=False)
    op.create_index("outbound_case", "outbound", ["case_id", "id"], unique=False)
    op.create_index("outbound_reply", "outbound", ["in_reply_to"], unique=False)
    op.create_index(
        "outbound_waiting",
        "outbound",
        ["status", "serial"],
        unique=False,
        sqlite_where=sa.text("status IN ('held', 'queued', 'sending', 'dead')"),
        postgresql_where=sa.text("status IN ('held', 'queued', 'sending', 'dead')"),
    )
    op.create_table(
        "transaction_key",
        sa.Column("sender", sa.String(length=2), nullable=False),
        sa.Column("serial", sa.String(length=12), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("inbound_id", _ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["inbound_id"],
            ["inbound.id"],
        ),
        sa.PrimaryKeyConstraint("sender", "serial"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "timeline",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("inbound_id", _ROW_ID, nullable=True),
        sa.Column("outbound_id", _ROW_ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["inbound_id"],
            ["inbound.id"],
        ),
        sa.ForeignKeyConstraint(
            ["outbound_id"],
            ["outbound.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("timeline_case", "timeline", ["case_id", "id"], unique=False)
    op.create_table(
        "work_item",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=True),
        sa.Column("group", sa.String(length=64), nullable=False),
        sa.Column("duty", sa.String(length=32), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("inbound_id", _ROW_ID, nullable=True),
        sa.Column("outbound_id", _ROW_ID, nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('open', 'completed')", name="work_item_status"),
        sa.ForeignKeyConstraint(
            ["inbound_id"],
            ["inbound.id"],
        ),
        sa.ForeignKeyConstraint(
            ["outbound_id"],
            ["outbound.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("work_item_case", "work_item", ["case_id", "status", "id"], unique=False)
    op.create_index("work_item_inbound", "work_item", ["inbound_id"], unique=False)
    op.create_index("work_item_due", "work_item", ["status", "due"], unique=False)
