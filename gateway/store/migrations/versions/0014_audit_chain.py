"""Chain the audit: each record is bound to those before it, and none can be changed any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from csenet.gateway.store.append_only import POSTGRESQL, SQLITE
from csenet.gateway.store.chain import START, Mark, chained
from csenet.gateway.store.columns import Json, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STEP = 1_000


def upgrade() -> None:
    """Make the table again with the digests of all records that are there, then let nobody change them."""
    op.rename_table("audit", "audit_before")
    op.create_table(
        "audit",
        sa.Column("id", _ROW_ID, nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit_case",
        sa.Column("case_id", sa.String(length=15), nullable=False),
        sa.Column("audit_id", _ROW_ID, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("case_id", "audit_id"),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"]),
    )
    head = _copy()
    heads = sa.table("audit_head", sa.column("id"), sa.column("last"), sa.column("hash"))
    op.execute(heads.insert().values(id=1, last=head.id, hash=head.hash))
    op.drop_table("audit_before")
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def _copy() -> Mark:
    """Take the records over in their order, numbered without gaps."""
    names = ("at", "actor", "action", "object", "detail")
    types = {"at": UtcDateTime(), "detail": Json()}
    before, after = (
        sa.table(
            table, sa.column("id"), sa.column("hash"), *(sa.column(name, types.get(name)) for name in names)
        )
        for table in ("audit_before", "audit")
    )
    conn, head, last = op.get_bind(), Mark(0, START), -1
    while True:
        kept = [before.c.id, *(before.c[name] for name in names)]
        query = sa.select(*kept).where(before.c.id > last).order_by(before.c.id).limit(_STEP)
        page = [dict(row) for row in conn.execute(query).mappings()]
        if not page:
            return head
        last = page[-1]["id"]
        rows = list(chained(head, page))
        head = Mark(rows[-1]["id"], rows[-1]["hash"])
        conn.execute(after.insert(), rows)
