"""Find what came, left and was returned on a day without walking past all that is older."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index by moment for each."""
    op.create_index("inbound_received", "inbound", ["received_at"])
    op.create_index("outbound_delivered", "outbound", ["delivered_at"])
    refused = sa.text("refused_at IS NOT NULL")
    op.create_index(
        "outbound_refused", "outbound", ["refused_at"], sqlite_where=refused, postgresql_where=refused
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("outbound_refused", "outbound")
    op.drop_index("outbound_delivered", "outbound")
    op.drop_index("inbound_received", "inbound")
