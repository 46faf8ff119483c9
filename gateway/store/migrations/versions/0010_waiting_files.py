"""Find the files that wait to be settled without walking past all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index of those that wait."""
    waits = sa.text("state = 'received'")
    op.create_index(
        "inbound_file_waiting", "inbound_file", ["id"], sqlite_where=waits, postgresql_where=waits
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("inbound_file_waiting", "inbound_file")
