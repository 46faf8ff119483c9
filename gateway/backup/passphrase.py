"""Wrap a backup's key with what somebody can write on paper, where no wrapping key shall be needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from csenet.gateway.backup.errors import BackupError
from csenet.gateway.store.wrapping import Wrapped

NAME: Final = "passphrase"
"""Names scrypt in a backup's header, as it did before there was another way."""

APPROVED: Final = "passphrase pbkdf2-sha512"
"""Names PBKDF2 with HMAC-SHA-512, the way where FIPS 140 is demanded (NIST SP 800-132)."""

_SALT: Final = 16
_NONCE: Final = 12
_SHORTEST: Final = 16
# 128 MiB and about half a second a guess.
_COST: Final = {"length": 32, "n": 1 << 17, "r": 8, "p": 1}
_ROUNDS: Final = {"iterations": 600_000}


class Passphrase:
    """Wrap with a key made of a passphrase: by scrypt, or by PBKDF2 where only that is approved."""

    where = "the passphrase"

    def __init__(self, file: Path, *, approved: bool = False) -> None:
        """Read the passphrase, the first line of a file; raises ``BackupError`` for one that is too short.

        With ``approved`` only what FIPS 140 approves of is used: a backup made by scrypt is not opened.
        """
        self._approved = approved
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise BackupError(f"{file}: cannot be read") from None
        self._secret = (lines[0] if lines else "").strip().encode()
        if len(self._secret) < _SHORTEST:
            raise BackupError(f"{file}: a passphrase has at least {_SHORTEST} characters")

    def present(self) -> str:
        """Return the name of the way that wraps, which the backup's header tells."""
        return APPROVED if self._approved else NAME

    def make(self) -> str:
        """Refuse: it is made by a person."""
        raise BackupError("a passphrase is made by a person")

    def wrap(self, secret: bytes, about: bytes) -> Wrapped:
        """Wrap with AES-256-GCM under a salt of its own."""
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        by = self.present()
        return Wrapped(by, salt + nonce + self._cipher(by, salt).encrypt(nonce, secret, about))

    def unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        """Unwrap; raises ``BackupError`` for another passphrase."""
        if wrapped.by not in (NAME, APPROVED):
            raise BackupError(
                f"the backup is sealed with the wrapping key {wrapped.by}, not with a passphrase"
            )
        if self._approved and wrapped.by == NAME:
            raise BackupError(
                "the backup's passphrase goes by scrypt, which gateway.fips forbids; open it where that is "
                "not set"
            )
        salt, rest = wrapped.data[:_SALT], wrapped.data[_SALT:]
        try:
            return self._cipher(wrapped.by, salt).decrypt(rest[:_NONCE], rest[_NONCE:], about)
        except InvalidTag:
            raise BackupError("this is not the passphrase of the backup, or its header was changed") from None

    def _cipher(self, way: str, salt: bytes) -> AESGCM:
        if way == APPROVED:
            return AESGCM(PBKDF2HMAC(SHA512(), 32, salt, **_ROUNDS).derive(self._secret))
        return AESGCM(Scrypt(salt=salt, **_COST).derive(self._secret))
