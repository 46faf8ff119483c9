"""Recognise a request that is sent again under another serial number, by what stays the same in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the digest of the content; requests from before have none and are not compared."""
    op.add_column("transaction_key", sa.Column("content", sa.String(64)))
    op.create_index("transaction_key_content", "transaction_key", ["sender", "content"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("transaction_key_content", "transaction_key")
    op.drop_column("transaction_key", "content")
