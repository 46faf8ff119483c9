"""Find what keeps a case waiting without walking through all that ever left for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    blocks = sa.text("status IN ('held', 'sending', 'dead')")
    op.create_index(
        "outbound_blocking", "outbound", ["case_id", "serial"], sqlite_where=blocks, postgresql_where=blocks
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("outbound_blocking", "outbound")
