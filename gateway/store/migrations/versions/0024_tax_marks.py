"""Mark which transactions hold federal tax information; csenet fti mark looks at those there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_KINDS = "action IN ('tax.received', 'tax.accessed', 'tax.disclosed', 'tax.destroyed')"


def upgrade() -> None:
    """Make the table of marks, and have their records found without walking along all."""
    op.create_table(
        "tax_mark",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("far", sa.String(length=16), nullable=False),
        sa.Column("partner", sa.String(length=2), nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=True),
        sa.Column("blocks", sa.String(length=128), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_index("tax_mark_case", "tax_mark", ["case_id"])
    op.create_index(
        "audit_tax",
        "audit",
        ["id"],
        sqlite_where=sa.text(_KINDS),
        postgresql_where=sa.text(_KINDS),
    )
