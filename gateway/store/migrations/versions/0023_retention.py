"""Keep holds on cases, what was purged, and of which records the content is gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_PURGED = ("inbound_file", "inbound", "delivery_batch", "outbound")


def _sealed() -> sa.Text | sa.LargeBinary:
    return sa.Text() if op.get_bind().dialect.name == "sqlite" else sa.LargeBinary()


def upgrade() -> None:
    """Make the tables, and a column for the moment in which content was destroyed."""
    for table in _PURGED:
        op.add_column(table, sa.Column("purged_at", _MOMENT, nullable=True))
    op.create_table(
        "legal_hold",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=False),
        sa.Column("reason", _sealed(), nullable=False),
        sa.Column("held_by", sa.String(length=64), nullable=False),
        sa.Column("held_at", _MOMENT, nullable=False),
        sa.Column("released_by", sa.String(length=64), nullable=True),
        sa.Column("released_at", _MOMENT, nullable=True),
        sa.Column("release_reason", _sealed(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    in_force = sa.text("released_at IS NULL")
    op.create_index(
        "legal_hold_in_force",
        "legal_hold",
        ["case_id"],
        unique=True,
        sqlite_where=in_force,
        postgresql_where=in_force,
    )
    op.create_table(
        "purged",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("records", sa.Text(), nullable=False),
        sa.Column("certificate", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    uncertified = sa.text("certificate IS NULL")
    op.create_index(
        "purged_uncertified", "purged", ["id"], sqlite_where=uncertified, postgresql_where=uncertified
    )
