"""Remember by which words a case was found before: its transactions still are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark; whatever is there is of today."""
    op.add_column("search_case", sa.Column("former", sa.Boolean(), nullable=False, server_default=sa.false()))
