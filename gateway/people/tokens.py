"""Make, check and revoke the bearer tokens of programs that call the gateway.

A token is 256 random bits; only its SHA-256 is kept, so a stolen store opens nothing.  A slow password hash
would add nothing here: nobody can guess 256 bits, and each request pays the check.  Looking the digest up
leaks no timing about the secret, because an attacker cannot steer the digest of a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.errors import GatewayError
from csenet.gateway.people.rights import FORMER, Role, table
from csenet.gateway.store.prepared import Prepared
from csenet.gateway.store.sealing import Row
from csenet.gateway.store.tables_people import api_token

PREFIX: Final = "csn_"
"""Lets secret scanners find a token that strayed into a repository or a log."""

_RANDOM_BYTES: Final = 32
_LONGEST: Final = 128
_LENT: Final = (Role.OPERATOR, Role.ADMINISTRATOR)
"""Roles of people that a program may have as well, to do their errands."""
_WITH_DIGEST: Final = Prepared(select(api_token).where(api_token.c.sha256 == bindparam("digest")))
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a token without its secret; `name` stands in the audit as the one who acted."""

    id: int
    name: str
    roles: frozenset[Role]
    created_at: datetime
    revoked_at: datetime | None = None


class TokenError(GatewayError):
    """Report a token that cannot be made: a bad or taken name, or an unknown role."""


async def create(conn: AsyncConnection, name: str, roles: str | Sequence[str], now: datetime) -> str:
    """Make a token for a role or several and return its secret, which can never be shown again.

    `name` is 1 to 60 letters, digits, dots, dashes or underscores, and no other valid token may have it:
    otherwise the audit could not tell the two apart.  Raises TokenError.
    """
    if _NAME.fullmatch(name) is None:
        raise TokenError("the name of a token is 1 to 60 letters, digits, dots, dashes or underscores")
    held = [FORMER.get(role, role) for role in ([roles] if isinstance(roles, str) else roles)]
    if not held or not set(held) <= set(role_names()):
        raise TokenError(f"there is no such role; choose one of: {', '.join(role_names())}")
    taken = select(api_token.c.id).where(api_token.c.name == name, api_token.c.revoked_at.is_(None))
    if (await conn.execute(taken)).first() is not None:
        raise TokenError("a valid token has this name already; revoke it or choose another name")
    secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    row = {"name": name, "role": " ".join(sorted(set(held))), "sha256": _digest(secret), "created_at": now}
    await conn.execute(insert(api_token).values(row))
    return secret


async def verify(conn: AsyncConnection, secret: str) -> Token | None:
    """Find the valid token with this secret; None if it is malformed, unknown or revoked."""
    if not secret.startswith(PREFIX) or len(secret) > _LONGEST:
        return None
    digest = _digest(secret)
    found = await _WITH_DIGEST.mappings(conn, digest=digest)
    row = found[0] if found else None
    if row is None or not hmac.compare_digest(row["sha256"], digest) or row["revoked_at"] is not None:
        return None
    return _token(row)


async def revoke(conn: AsyncConnection, name: str, now: datetime) -> bool:
    """End the validity of the token with this name at once; False if no valid token has it."""
    valid = api_token.c.revoked_at.is_(None)
    changed = await conn.execute(
        update(api_token).where(api_token.c.name == name, valid).values(revoked_at=now)
    )
    return changed.rowcount > 0


async def list_tokens(conn: AsyncConnection) -> tuple[Token, ...]:
    """List all tokens ever made, the revoked ones too, in the order in which they were made."""
    rows = (await conn.execute(select(api_token).order_by(api_token.c.id))).mappings()
    return tuple(_token(row) for row in rows)


list = list_tokens  # noqa: A001 - reads `tokens.list(conn)` where it is called


def role_names() -> tuple[str, ...]:
    """List the roles that a token can have."""
    return tuple(str(role) for role in (*table().of_kind("machine"), *_LENT))


def _token(row: Row) -> Token:
    """Read one row; the digest stays behind."""
    return Token(
        id=row["id"],
        name=row["name"],
        roles=_roles(row["role"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )


@lru_cache(maxsize=128)
def _roles(written: str) -> frozenset[Role]:
    return frozenset(Role(each) for each in written.split())


def _digest(secret: str) -> str:
    """Hash a secret the way that the store keeps it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
