"""Hash and check passwords with argon2id, slowly on purpose and beside the event loop."""

from __future__ import annotations

import asyncio
import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_LONGEST: Final = 256
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 5


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    """Keep a hash that no password fits: checking it takes as long as checking a real one."""
    return _hasher().hash(secrets.token_hex(32))


def first_password() -> str:
    """Make a password to be given out once: five groups of five letters and digits that are not mixed up."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(_GROUPS))


async def hashed(password: str) -> str:
    """Hash a password the way that the store keeps it."""
    return await asyncio.to_thread(_hasher().hash, password)


async def fits(kept: str | None, password: str) -> bool:
    """Tell whether a password is the one kept; takes as long where none is kept."""
    return await asyncio.to_thread(_fits, kept, password)


def _fits(kept: str | None, password: str) -> bool:
    try:
        found = _hasher().verify(kept or _nobodys(), password[:_LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return found and kept is not None


def complaint(password: str, name: str, shortest: int) -> str:
    """Say why a password cannot be chosen; empty if it can."""
    if len(password) < shortest:
        return f"A password has {shortest} characters or more; a few words are easy to remember."
    if len(password) > _LONGEST:
        return f"A password has {_LONGEST} characters at most."
    if name.casefold() in password.casefold():
        return "A password must not contain the name of the account."
    if len(set(password)) < 5:
        return "A password has five different characters or more."
    return ""
