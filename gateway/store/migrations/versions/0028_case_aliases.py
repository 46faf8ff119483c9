"""Keep case IDs of ours that were replaced, so that what names one reaches the case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    loose = sa.LargeBinary().with_variant(sa.Text(), "sqlite")
    op.create_table(
        "case_alias",
        sa.Column("alias", sa.String(length=15), primary_key=True),
        sa.Column("case_id", sa.String(length=15), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", loose),
        sa.Column("state", loose),
    )
    op.create_index("case_alias_case", "case_alias", ["case_id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("case_alias_case", "case_alias")
    op.drop_table("case_alias")
