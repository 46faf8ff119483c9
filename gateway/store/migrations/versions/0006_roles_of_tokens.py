"""Let a token have several roles, and give the roles of programs their own names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NEW_NAMES = {"caseworker": "casesystem", "admin": "administrator"}


def upgrade() -> None:
    """Widen the column and rename the roles; tokens stay valid."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        op.alter_column("api_token", "role", type_=sa.String(length=64))
    tokens = sa.table("api_token", sa.column("role", sa.String))
    for old, new in _NEW_NAMES.items():
        op.execute(tokens.update().where(tokens.c.role == old).values(role=new))


def _rebuild() -> None:
    """Make the table again: an embedded database cannot change a column."""
    op.rename_table("api_token", "api_token_before")
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.execute(
        "INSERT INTO api_token SELECT id, name, role, sha256, created_at, revoked_at FROM api_token_before"
    )
    op.drop_table("api_token_before")
