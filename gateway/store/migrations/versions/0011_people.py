"""Make the tables of people and their sign-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "account",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("roles", sa.String(length=128), nullable=False),
        sa.Column("offices", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("password_until", _MOMENT, nullable=True),
        sa.Column("code_secret", sa.Text(), nullable=True),
        sa.Column("code_since", _MOMENT, nullable=True),
        sa.Column("code_used", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("signed_in_at", _MOMENT, nullable=True),
        sa.Column("disabled_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("subject"),
    )
    op.create_table(
        "sign_in",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("account_id", _ROW_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.CheckConstraint("stage IN ('code', 'password', 'enrol', 'full')", name="sign_in_stage"),
    )
    op.create_index("sign_in_account", "sign_in", ["account_id", "id"])
