"""Hash and check passwords, slowly on purpose and beside the event loop.

The hash is argon2id, which FIPS 140 does not know: where only approved algorithms may be used, it is PBKDF2
with HMAC-SHA-512 (NIST SP 800-132), and a hash made before lets nobody in until the password is reset.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_LONGEST: Final = 256
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 5


_APPROVED: Final = "pbkdf2-sha512"
_ROUNDS: Final = 210_000
_SALT: Final = 16


class _Way:
    """Remember which way the process was told to hash."""

    approved = False


def use_approved_only(wanted: bool) -> None:
    """Hash with approved algorithms only from now on, or with the best one again."""
    _Way.approved = wanted
    _nobodys.cache_clear()


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    """Keep a hash that no password fits: checking it takes as long as checking a real one."""
    return _hash(secrets.token_hex(32))


def first_password() -> str:
    """Make a password to be given out once: five groups of five letters and digits that are not mixed up."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(_GROUPS))


async def hashed(password: str) -> str:
    """Hash a password the way that the store keeps it."""
    return await asyncio.to_thread(_hash, password)


def _hash(password: str) -> str:
    if not _Way.approved:
        return _hasher().hash(password)
    salt = secrets.token_bytes(_SALT)
    return f"${_APPROVED}${_ROUNDS}${_text(salt)}${_text(_stretched(password, salt, _ROUNDS))}"


def _stretched(password: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode("utf-8", "surrogatepass"), salt, rounds)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def fits(kept: str | None, password: str) -> bool:
    """Tell whether a password is the one kept; takes as long where none is kept."""
    return await asyncio.to_thread(_fits, kept, password)


def _fits(kept: str | None, password: str) -> bool:
    known = kept or _nobodys()
    if known.startswith(f"${_APPROVED}$"):
        return _fits_approved(known, password[:_LONGEST]) and kept is not None
    if _Way.approved:
        _fits_approved(_nobodys(), password[:_LONGEST])
        return False
    try:
        found = _hasher().verify(known, password[:_LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return found and kept is not None


def _fits_approved(known: str, password: str) -> bool:
    _, _, rounds, salt, made = known.split("$")
    found = _stretched(password, base64.b64decode(salt), int(rounds))
    return hmac.compare_digest(found, base64.b64decode(made))


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
