"""Let participants sign in to see their own case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "participant",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("number", sa.String(length=10), nullable=False),
        sa.Column("pin", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", moment, nullable=True),
        sa.Column("locked_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("signed_in_at", moment, nullable=True),
        sa.Column("revoked_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "participant_case",
        sa.Column("participant_id", _ROW_ID, nullable=False),
        sa.Column("case_id", sa.String(length=15), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.CheckConstraint("role IN ('ncp', 'cp')", name="participant_case_role"),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"]),
        sa.PrimaryKeyConstraint("participant_id", "case_id"),
    )
    op.create_index("participant_case_case", "participant_case", ["case_id"])
    op.create_table(
        "participant_session",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("participant_id", _ROW_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.CheckConstraint("way IN ('page', 'api')", name="participant_session_way"),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index("participant_session_participant", "participant_session", ["participant_id", "id"])
