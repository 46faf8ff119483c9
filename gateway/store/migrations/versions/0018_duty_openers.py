"""Make room for what opens a duty: an event on a case has a longer name than a transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_OF_DUTY = sa.text("SELECT name, type, sql FROM sqlite_master WHERE tbl_name = 'duty' AND sql IS NOT NULL")


def upgrade() -> None:
    """Widen the column."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        op.alter_column("duty", "opened_by", type_=sa.String(length=40))


def _rebuild() -> None:
    """Make the table again as it was but for the column, which an embedded database cannot change."""
    parts = op.get_bind().execute(_OF_DUTY).all()
    (table,) = (sql for _, kind, sql in parts if kind == "table")
    indexes = {name: sql for name, kind, sql in parts if kind == "index"}
    for name in indexes:
        op.drop_index(name, "duty")
    op.rename_table("duty", "duty_before")
    op.execute(table.replace("opened_by VARCHAR(16)", "opened_by VARCHAR(40)"))
    op.execute("INSERT INTO duty SELECT * FROM duty_before")
    op.drop_table("duty_before")
    for sql in indexes.values():
        op.execute(sql)
