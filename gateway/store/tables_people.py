"""The tables of people and programs: accounts, the sign-ins that are valid, and tokens of the API."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from csenet.gateway.store.columns import ROW_ID, Json, Sealed, UtcDateTime, content, one_of
from csenet.gateway.store.tables import metadata

STAGES = ("code", "password", "enrol", "full")

account = Table(
    "account",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", String(60), nullable=False, unique=True),
    Column("roles", String(128), nullable=False),
    Column("offices", Json, nullable=False),
    # An argon2 hash that carries its own parameters; none for who signs in elsewhere only.
    Column("password", Text),
    # Given out by an administrator: to be changed at the first sign-in, and no use after that moment.
    Column("password_until", UtcDateTime),
    Column("code_secret", Sealed("json")),
    Column("code_since", UtcDateTime),
    # The period of the code used last: none is taken twice.
    Column("code_used", BigInteger),
    Column("subject", String(255), unique=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("signed_in_at", UtcDateTime),
    Column("disabled_at", UtcDateTime),
    info=content("account", "name"),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("account_id", ROW_ID, ForeignKey("account.id"), nullable=False),
    # Only the digest: the secret is in the browser's cookie and kept nowhere.
    Column("sha256", String(64), nullable=False, unique=True),
    Column("stage", String(16), nullable=False),
    Column("way", String(16), nullable=False),
    Column("source", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    one_of("stage", STAGES, "sign_in_stage"),
)
Index("sign_in_account", sign_in.c.account_id, sign_in.c.id)

api_token = Table(
    "api_token",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", String(64), nullable=False),
    # One role, or several with blanks between them.
    Column("role", String(64), nullable=False),
    # Only the digest: the token itself is shown once and kept nowhere.
    Column("sha256", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)
