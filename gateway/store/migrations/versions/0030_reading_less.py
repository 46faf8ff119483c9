"""Let lists of one office, and what waits, be told from indexes without reading cases and transactions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_WAITING = "status IN ('held', 'queued', 'sending', 'dead')"
_UNUSUAL = "status <> 'decided'"


def upgrade() -> None:
    """Make the index of offices, and put into the others what is counted by."""
    _make("case_file_office", "case_file", ["case_id", "office"], "office IS NOT NULL")
    op.drop_index("outbound_waiting", "outbound")
    op.drop_index("inbound_unusual", "inbound")
    _make("outbound_waiting", "outbound", ["status", "serial", "partner", "far", "created_at"], _WAITING)
    _make("inbound_unusual", "inbound", ["status", "id", "sender", "far"], _UNUSUAL)


def downgrade() -> None:
    """Make the indexes what they were."""
    op.drop_index("inbound_unusual", "inbound")
    op.drop_index("outbound_waiting", "outbound")
    _make("inbound_unusual", "inbound", ["status", "id"], _UNUSUAL)
    _make("outbound_waiting", "outbound", ["status", "serial"], _WAITING)
    op.drop_index("case_file_office", "case_file")


def _make(name: str, table: str, columns: list[str], chosen: str) -> None:
    where = sa.text(chosen)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
