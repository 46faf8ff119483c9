"""Wrap a backup's key with what somebody can write on paper, where no wrapping key shall be needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from csenet.gateway.backup.errors import BackupError
from csenet.gateway.store.wrapping import Wrapped

NAME: Final = "passphrase"
_SALT: Final = 16
_NONCE: Final = 12
_SHORTEST: Final = 16
# 128 MiB and about half a second a guess.
_COST: Final = {"length": 32, "n": 1 << 17, "r": 8, "p": 1}


class Passphrase:
    """Wrap with a key made of a passphrase (scrypt)."""

    where = "the passphrase"

    def __init__(self, file: Path) -> None:
        """Read the passphrase, the first line of a file; raises ``BackupError`` for one that is too short."""
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise BackupError(f"{file}: cannot be read") from None
        self._secret = (lines[0] if lines else "").strip().encode()
        if len(self._secret) < _SHORTEST:
            raise BackupError(f"{file}: a passphrase has at least {_SHORTEST} characters")

    def present(self) -> str | None:
        """Return the one name."""
        return NAME

    def make(self) -> str:
        """Refuse: it is made by a person."""
        raise BackupError("a passphrase is made by a person")

    def wrap(self, secret: bytes, about: bytes) -> Wrapped:
        """Wrap with AES-256-GCM under a salt of its own."""
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        return Wrapped(NAME, salt + nonce + self._cipher(salt).encrypt(nonce, secret, about))

    def unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        """Unwrap; raises ``BackupError`` for another passphrase."""
        if wrapped.by != NAME:
            raise BackupError(
                f"the backup is sealed with the wrapping key {wrapped.by}, not with a passphrase"
            )
        salt, rest = wrapped.data[:_SALT], wrapped.data[_SALT:]
        try:
            return self._cipher(salt).decrypt(rest[:_NONCE], rest[_NONCE:], about)
        except InvalidTag:
            raise BackupError("this is not the passphrase of the backup, or its header was changed") from None

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(Scrypt(salt=salt, **_COST).derive(self._secret))
