"""Let what records of the audit say be sealed; those that are there are, beside the running gateway."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from csenet.gateway.store.append_only import POSTGRESQL, SQLITE

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the triggers again, which now let content be sealed anew; a server is told of bytes."""
    if op.get_bind().dialect.name == "sqlite":
        for word in ("update", "delete"):
            op.execute(f"DROP TRIGGER audit_keeps_{word}")
        for statement in SQLITE:
            op.execute(statement)
        return
    op.execute("DROP TRIGGER audit_keeps ON audit")
    op.execute("DROP FUNCTION audit_refuses()")
    using = "convert_to(detail, 'UTF8')"
    op.alter_column("audit", "detail", type_=sa.LargeBinary(), postgresql_using=using)
    for statement in POSTGRESQL:
        op.execute(statement)
