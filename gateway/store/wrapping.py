"""Wrap data keys with a key that is kept apart from the store: in a file, by systemd, in a token, in a vault.

Whoever has the store alone has nothing; whoever has both can read everything.  A provider has only to wrap
and unwrap thirty-two bytes, so that a vault or a token need never give its key away.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from csenet.gateway.durable import replace_durably
from csenet.gateway.store.errors import SealingError

CREDENTIAL: Final = "csenet-wrapping-key"
"""The name under which systemd hands the key over (``LoadCredential=`` or ``LoadCredentialEncrypted=``)."""

_LINE: Final = re.compile(r"csenet-wrapping-key ([0-9a-f]{16}) ([A-Za-z0-9_-]{43}=)")
_HEADER: Final = (
    "# Keys that wrap the data keys of a CSENet gateway's store; the last line wraps, earlier ones open old\n"
    "# backups. Without this file the store and its backups cannot be read by anybody: keep a copy of it in\n"
    "# another place than theirs.\n"
)
_NONCE: Final = 12
_BYTES: Final = 32


class Wrapped(msgspec.Struct, frozen=True):
    """Hold a wrapped key and the identifier of what wrapped it."""

    by: str
    data: bytes


class WrappingKeys(Protocol):
    """Wrap and unwrap; what a key is called is the provider's to say, up to 64 characters."""

    where: str
    """Says to a person where the keys are."""

    def present(self) -> str | None:
        """Return the identifier of the key that wraps, None where none was made yet."""
        ...

    def make(self) -> str:
        """Make the first key, or the next one, which wraps from now on; earlier ones still unwrap."""
        ...

    def wrap(self, secret: bytes, about: bytes) -> Wrapped:
        """Wrap a data key; ``about`` has to be the same when it is unwrapped."""
        ...

    def unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        """Return a data key; raises ``SealingError`` for one that another key wrapped."""
        ...


class HeldKeys:
    """Wrap with keys that this process holds in memory, by identifier, the one that wraps last."""

    where = "memory"

    def __init__(self, keys: dict[str, bytes] | None = None) -> None:
        """Take the keys."""
        self.keys = keys if keys is not None else {}

    def present(self) -> str | None:
        """Return the identifier of the newest key."""
        return next(reversed(self.keys), None)

    def make(self) -> str:
        """Add a random key."""
        key = os.urandom(_BYTES)
        name = name_of(key)
        self.keys[name] = key
        return name

    def wrap(self, secret: bytes, about: bytes) -> Wrapped:
        """Wrap with AES-256-GCM."""
        name = self.present()
        if name is None:
            raise SealingError(f"sealing: there is no wrapping key in {self.where}")
        nonce = os.urandom(_NONCE)
        return Wrapped(name, nonce + AESGCM(self.keys[name]).encrypt(nonce, secret, about))

    def unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        """Unwrap with the key that wrapped."""
        key = self.keys.get(wrapped.by)
        if key is None:
            raise wrong_key(wrapped.by, list(self.keys), self.where)
        try:
            return AESGCM(key).decrypt(wrapped.data[:_NONCE], wrapped.data[_NONCE:], about)
        except InvalidTag:
            raise SealingError(
                f"sealing: a data key of the store was changed after wrapping key {wrapped.by} wrapped it; "
                "restore the store from a backup"
            ) from None


class WrongKey(SealingError):  # noqa: N818 - names what happened
    """Report a key that is not among those at hand."""


def wrong_key(wanted: str, found: list[str], where: str) -> WrongKey:
    """Say that the store was sealed with another key, and what to do."""
    have = f"holds {', '.join(found)}" if found else "holds none"
    return WrongKey(
        f"sealing: the store's data keys are wrapped with key {wanted}, but {where} {have}; put the right "
        "key back from its backup. Nothing was changed"
    )


class KeyFile(HeldKeys):
    """Keep the keys in a file that only its owner can read; made at first need."""

    def __init__(self, path: Path) -> None:
        """Read the file if it is there; raises ``SealingError`` if it is broken or others can read it."""
        super().__init__()
        self.path = path
        self.where = str(path)
        self._read()

    def present(self) -> str | None:
        """Return the newest key of the file as it is now: a command may have added one meanwhile."""
        self._read()
        return super().present()

    def unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        """Unwrap, looking into the file again for a key that is new."""
        if wrapped.by not in self.keys:
            self._read()
        return super().unwrap(wrapped, about)

    def make(self) -> str:
        """Add a random key to the file, on disk when this returns."""
        self._read()
        name = super().make()
        # Of folders that are made on the way, only the last gets the mode.
        for folder in (self.path.parent.parent, self.path.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = [f"csenet-wrapping-key {each} {_text(key)}\n" for each, key in self.keys.items()]
        replace_durably(self.path, (_HEADER + "".join(lines)).encode("ascii"), 0o600)
        return name

    def _read(self) -> None:
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
            text = self.path.read_text("ascii")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError):
            raise SealingError(f"sealing: {self.path} cannot be read as a file of keys") from None
        if mode & 0o077:
            raise SealingError(f"sealing: others can read {self.path} (mode {mode:04o}); run chmod 600 on it")
        self.keys = parse(text, str(self.path))


class Credential(HeldKeys):
    """Take the keys from systemd, which decrypts them for this service alone; they are made outside."""

    def __init__(self, name: str = CREDENTIAL) -> None:
        """Read the credential; raises ``SealingError`` where systemd gave none."""
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        self.where = f"the systemd credential {name}"
        if not folder:
            raise SealingError(
                f"sealing: systemd handed nothing over; add LoadCredentialEncrypted={name}:… to the unit"
            )
        try:
            text = (Path(folder) / name).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            raise SealingError(f"sealing: {self.where} is missing or cannot be read") from None
        super().__init__(parse(text, self.where))

    def make(self) -> str:
        """Refuse: a service cannot write its own credentials."""
        raise SealingError(
            f"sealing: {self.where} is made outside: add a line of csenet keys make at its end, encrypt it "
            "with systemd-creds, start again"
        )


class Following:
    """Wrap with keys of one place, and open with those of the place before what those wrapped.

    Until the new place has a key the former wraps; ``csenet keys rotate --wrapping`` makes one, moves all.
    """

    def __init__(self, keys: WrappingKeys, former: WrappingKeys) -> None:
        """Take both."""
        self.keys, self.former, self.where = keys, former, keys.where

    def present(self) -> str | None:
        """Return the identifier of the key that wraps, the former one as long as there is no new one."""
        return self.keys.present() or self.former.present()

    def make(self) -> str:
        """Make the next key, in the new place."""
        return self.keys.make()

    def wrap(self, secret: bytes, about: bytes) -> Wrapped:
        """Wrap with the key that is present."""
        keys = self.former if self.keys.present() is None else self.keys
        return keys.wrap(secret, about)

    def unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        """Unwrap in the place that has the key; raises what the new one says where neither has."""
        try:
            return self.keys.unwrap(wrapped, about)
        except WrongKey:
            with contextlib.suppress(WrongKey):
                return self.former.unwrap(wrapped, about)
            raise


def parse(text: str, where: str) -> dict[str, bytes]:
    """Read a file of keys; raises ``SealingError`` naming the line that is none."""
    found: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        with contextlib.suppress(binascii.Error, ValueError):
            key = base64.urlsafe_b64decode(match[2]) if match else b""
            if match and len(key) == _BYTES and name_of(key) == match[1]:
                found[match[1]] = key
                continue
        raise SealingError(f"sealing: line {number} of {where} is no wrapping key; take its backup")
    if not found:
        raise SealingError(f"sealing: {where} holds no wrapping key; take its backup")
    return found


def new_line() -> str:
    """Return a fresh key as a line for a file or credential."""
    key = os.urandom(_BYTES)
    return f"csenet-wrapping-key {name_of(key)} {_text(key)}\n"


def name_of(key: bytes) -> str:
    """Name a key by what nobody can turn back into it."""
    return hashlib.sha256(b"csenet wrapping key\x00" + key).hexdigest()[:16]


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode("ascii")
