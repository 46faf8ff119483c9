"""The tables of participants: whom the agency let in to see their own case, their cases, their sign-ins."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from csenet.gateway.store.columns import ROW_ID, Sealed, UtcDateTime, content, one_of
from csenet.gateway.store.tables import metadata

ROLES = ("ncp", "cp")
WAYS = ("page", "api")

# Nobody is named here: a participant is a number that the agency gave out.
participant = Table(
    "participant",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("number", String(10), nullable=False, unique=True),
    # An argon2 hash of eight digits; sealed besides, as so few could be tried out by whoever has the hash.
    Column("pin", Sealed("bytes"), nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", UtcDateTime),
    # Locked by the agency, until the agency unlocks it.
    Column("locked_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("signed_in_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    info=content("participant", "number"),
)

participant_case = Table(
    "participant_case",
    metadata,
    Column("participant_id", ROW_ID, ForeignKey("participant.id"), primary_key=True),
    Column("case_id", String(15), primary_key=True),
    Column("role", String(8), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    one_of("role", ROLES, "participant_case_role"),
)
Index("participant_case_case", participant_case.c.case_id)

participant_session = Table(
    "participant_session",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("participant_id", ROW_ID, ForeignKey("participant.id"), nullable=False),
    # Only the digest: the secret is with the participant's browser or program and kept nowhere.
    Column("sha256", String(64), nullable=False, unique=True),
    Column("way", String(8), nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    one_of("way", WAYS, "participant_session_way"),
)
Index("participant_session_participant", participant_session.c.participant_id, participant_session.c.id)
