"""Find transactions by partner, code, unusual status and problem without walking past all others."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEXES = (
    ("inbound_sender", "inbound", ["sender", "id", "far"], ""),
    ("inbound_far", "inbound", ["far", "id", "sender"], ""),
    ("inbound_unusual", "inbound", ["status", "id"], "status <> 'decided'"),
    ("outbound_created", "outbound", ["created_at"], ""),
    ("outbound_partner", "outbound", ["partner", "id", "far"], ""),
    ("outbound_far", "outbound", ["far", "id", "partner"], ""),
    ("outbound_unusual", "outbound", ["status", "id"], "status <> 'delivered'"),
)
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the indexes and the table of problem codes, filled from what was found so far."""
    for name, table, columns, where in _INDEXES:
        condition = sa.text(where) if where else None
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
    made = op.create_table(
        "inbound_problem",
        sa.Column("code", sa.String(length=128), nullable=False),
        sa.Column("inbound_id", _ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"]),
        sa.PrimaryKeyConstraint("code", "inbound_id"),
        sqlite_with_rowid=False,
    )
    found = op.get_bind().execute(sa.text("SELECT id, problems FROM inbound WHERE problems IS NOT NULL"))
    rows = {
        (problem["code"], number)
        for number, text in found
        if not isinstance(text, bytes)
        for problem in json.loads(text)
    }
    if rows:
        op.bulk_insert(made, [{"code": code, "inbound_id": number} for code, number in sorted(rows)])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("inbound_problem")
    for name, table, _columns, _where in reversed(_INDEXES):
        op.drop_index(name, table)
