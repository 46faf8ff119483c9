"""Make room for sealed content: the keys, the digests to search by, and bytes where text stood."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TEXTS = (
    ("inbound", "problems"),
    ("inbound", "decision"),
    ("case_file", "facts"),
    ("case_file", "state"),
    ("timeline", "detail"),
    ("work_item", "reasons"),
    ("work_item", "details"),
    ("idempotency", "result"),
)


def upgrade() -> None:
    """Make the tables; SQLite keeps bytes in a text column as they are, a server has to be told."""
    op.create_table(
        "data_key",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("kind", "period", "generation", name="data_key_period"),
    )
    op.create_table(
        "sealing_progress",
        sa.Column("table", sa.String(length=64), nullable=False),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("table"),
    )
    op.create_table(
        "search_key",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("search_key_digest", "search_key", ["digest"])
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column in _TEXTS:
        op.alter_column(
            table,
            column,
            type_=sa.LargeBinary(),
            postgresql_using=f"convert_to({column}, 'UTF8')",
        )
