"""Keep whose case it is where lists can ask for it, and releases of withheld data by two persons."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _sealed() -> sa.Text | sa.LargeBinary:
    return sa.Text() if op.get_bind().dialect.name == "sqlite" else sa.LargeBinary()


def upgrade() -> None:
    """Add the column, empty for all cases that are known, and make the table of releases."""
    op.add_column("case_file", sa.Column("office", sa.String(length=32), nullable=True))
    op.create_table(
        "disclosure_release",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=True),
        sa.Column("far", sa.String(length=16), nullable=False),
        sa.Column("partner", sa.String(length=2), nullable=False),
        sa.Column("content", _sealed(), nullable=False),
        sa.Column("withheld", sa.Text(), nullable=False),
        sa.Column("reason", _sealed(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.Column("refusal", _sealed(), nullable=True),
        sa.Column("outbound_id", _ROW_ID, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["outbound_id"], ["outbound.id"]),
        sa.CheckConstraint("state IN ('asked', 'sent', 'refused')", name="release_state"),
    )
    # Secrets of telephones are sealed from now on; those that are there are, beside the running gateway.
    op.execute("UPDATE account SET code_secret = '\"' || code_secret || '\"' WHERE code_secret IS NOT NULL")
    if op.get_bind().dialect.name == "postgresql":
        using = "convert_to(code_secret, 'UTF8')"
        op.alter_column("account", "code_secret", type_=sa.LargeBinary(), postgresql_using=using)
    op.create_index("release_outbound", "disclosure_release", ["outbound_id"])
