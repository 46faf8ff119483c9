"""Seal the copies that the intake puts away, each by itself.

Each has a key of its own in its head, wrapped by the key that wraps the store's data keys, and needs nothing
else to be opened: copies are for the day on which the store is gone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from csenet.gateway.durable import sync_folder, write_durably
from csenet.gateway.errors import GatewayError
from csenet.gateway.store.wrapping import Wrapped, WrappingKeys

SEALED: Final = ".sealed"
RECEIPT: Final = ".receipt.json"
_MAGIC: Final = b"csenet-sealed-file 1\n"
_NONCE: Final = 12


class ArchiveError(GatewayError):
    """Report a file that is no sealed copy, or was changed."""


class _Head(msgspec.Struct, frozen=True):
    """Hold the digest of what is sealed, and the wrapped key."""

    sha256: str
    wrapped_by: str
    wrapped: str


def closed(data: bytes, keys: WrappingKeys) -> bytes:
    """Seal a file's bytes."""
    key, sha256 = os.urandom(32), hashlib.sha256(data).hexdigest()
    wrapped = keys.wrap(key, _about(sha256))
    text = base64.b64encode(wrapped.data).decode("ascii")
    head = _MAGIC + msgspec.json.encode(_Head(sha256, wrapped.by, text)) + b"\n"
    nonce = os.urandom(_NONCE)
    return head + nonce + AESGCM(key).encrypt(nonce, data, head)


def opened(data: bytes, keys: WrappingKeys) -> bytes:
    """Open a sealed file; raises ``ArchiveError``, or ``SealingError`` where its wrapping key is missing."""
    end = data.find(b"\n", len(_MAGIC)) + 1
    if not data.startswith(_MAGIC) or not end:
        raise ArchiveError("this is no sealed copy of a file")
    try:
        found = msgspec.json.decode(data[len(_MAGIC) : end], type=_Head)
        wrapped = Wrapped(found.wrapped_by, base64.b64decode(found.wrapped, validate=True))
    except (msgspec.DecodeError, binascii.Error):
        raise ArchiveError("the head of the sealed copy is damaged") from None
    cipher, rest = AESGCM(keys.unwrap(wrapped, _about(found.sha256))), data[end:]
    try:
        return cipher.decrypt(rest[:_NONCE], rest[_NONCE:], data[:end])
    except (InvalidTag, ValueError):
        raise ArchiveError("the sealed copy was changed") from None


def seal_in_place(file: Path, keys: WrappingKeys) -> Path:
    """Put a sealed copy in a file's place, of the same age; a stop in between leaves either or both whole."""
    times = file.stat()
    target = file.with_name(file.name + SEALED)
    draft = file.with_name(f".{target.name}.tmp")
    write_durably(draft, closed(file.read_bytes(), keys))
    os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))
    draft.replace(target)
    sync_folder(file.parent)
    file.unlink()
    sync_folder(file.parent)
    return target


def unsealed(folder: Path) -> list[Path]:
    """List the copies of an archive that are not sealed: of before, or from a stop in between."""
    return [
        file
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".") and not file.name.endswith((SEALED, RECEIPT))
    ]


def _about(sha256: str) -> bytes:
    return f"csenet sealed file\x1f{sha256}".encode()
