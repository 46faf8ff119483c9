"""Say with whom work is, and let what was done and the record of who did what be found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_ABOUT = """
UPDATE work_item SET
  "partner" = coalesce(
    (SELECT substr(sender, 1, 2) FROM inbound
      WHERE inbound.id = work_item.inbound_id AND work_item.outbound_id IS NULL),
    (SELECT substr(partner, 1, 2) FROM outbound WHERE outbound.id = work_item.outbound_id),
    (SELECT substr(other_fips, 1, 2) FROM case_file WHERE case_file.case_id = work_item.case_id)),
  "function" = coalesce(
    (SELECT substr(far, 1, 3) FROM inbound WHERE inbound.id = work_item.inbound_id),
    (SELECT substr(far, 1, 3) FROM outbound WHERE outbound.id = work_item.outbound_id))
"""
_BESIDE_TRAFFIC = "action NOT IN ('transaction.decided', 'transaction.queued')"
_INDEXES = (
    ("work_item_done", "work_item", ["status", "completed_on"], "status = 'completed'"),
    ("audit_action", "audit", ["action", "id"], _BESIDE_TRAFFIC),
    ("audit_actor", "audit", ["actor", "id"], "actor <> 'exchange'"),
    ("audit_object", "audit", ["object", "id"], _BESIDE_TRAFFIC),
)
_CHOSEN_BY = ["id", "kind", "partner", "function", "case_id"]


def upgrade() -> None:
    """Add the columns and fill them from what each item is about; make the indexes."""
    op.add_column("work_item", sa.Column("partner", sa.String(length=2)))
    op.add_column("work_item", sa.Column("function", sa.String(length=3)))
    op.execute(_ABOUT)
    op.drop_index("work_item_due", "work_item")
    op.create_index("work_item_due", "work_item", ["status", "due", *_CHOSEN_BY])
    for name, table, columns, chosen in _INDEXES:
        more = _CHOSEN_BY if table == "work_item" else []
        where = sa.text(chosen)
        op.create_index(name, table, [*columns, *more], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    for name, table, *_ in _INDEXES:
        op.drop_index(name, table)
    op.drop_index("work_item_due", "work_item")
    op.create_index("work_item_due", "work_item", ["status", "due"])
    op.drop_column("work_item", "function")
    op.drop_column("work_item", "partner")
