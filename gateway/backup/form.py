"""Write and read the sealed form of a backup: a header anybody may read, then pieces that nobody can but us.

Each piece is sealed (AES-256-GCM) with a key of this backup alone, and with the header, its own place, and
whether it is the last: pieces cannot be exchanged, repeated or left out at the end.  The key stands in the
header, wrapped.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator
from typing import IO, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from csenet.gateway.backup.errors import BackupError
from csenet.gateway.store.wrapping import Wrapped, WrappingKeys

MAGIC: Final = b"csenet-backup 1\n"
PIECE: Final = 1 << 20
_TAG: Final = 16
_LONGEST_HEADER: Final = 65_536


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what a backup is of, and hold its wrapped key."""

    made_at: str
    jurisdiction: str
    schema: str
    database: str
    """What it was made from, ``sqlite`` or ``postgresql``; it may be put back into either."""
    wrapped_by: str = ""
    wrapped: str = ""


class Writer:
    """Seal a stream piece by piece."""

    def __init__(self, target: IO[bytes], header: Header, keys: WrappingKeys) -> None:
        """Write the header; ``header`` lacks its key."""
        key = os.urandom(32)
        wrapped = keys.wrap(key, _about(header))
        text = base64.b64encode(wrapped.data).decode("ascii")
        whole = msgspec.structs.replace(header, wrapped_by=wrapped.by, wrapped=text)
        head = MAGIC + msgspec.json.encode(whole) + b"\n"
        self._cipher, self._bound = AESGCM(key), hashlib.sha256(head).digest()
        self._target, self._digest = target, hashlib.sha256()
        self._left = bytearray()
        self._number = 0
        self.size = 0
        self._put(head)

    def write(self, data: bytes) -> None:
        """Take the next bytes; a piece is kept back, as it may be the last."""
        self._left += data
        while len(self._left) > PIECE:
            self._seal(bytes(self._left[:PIECE]), last=False)
            del self._left[:PIECE]

    def finish(self) -> str:
        """Write the last piece and return the SHA-256 of the whole."""
        self._seal(bytes(self._left), last=True)
        return self._digest.hexdigest()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        place = _place(self._bound, self._number, last=last)
        self._put(self._cipher.encrypt(_nonce(self._number), piece, place))
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._target.write(data)
        self.size += len(data)


def read_header(source: IO[bytes]) -> tuple[Header, bytes]:
    """Read what anybody may read, and the digest of it to which the pieces are bound."""
    if source.read(len(MAGIC)) != MAGIC:
        raise BackupError("this is no backup of a gateway")
    line = source.readline(_LONGEST_HEADER)
    try:
        return msgspec.json.decode(line, type=Header), hashlib.sha256(MAGIC + line).digest()
    except msgspec.DecodeError:
        raise BackupError("the header of the backup is damaged") from None


def pieces(source: IO[bytes], header: Header, bound: bytes, keys: WrappingKeys) -> Iterator[bytes]:
    """Open the pieces one after the other; raises ``BackupError`` at the first that is not as it was.

    Raises ``SealingError`` where the key that wrapped the backup's is not among ``keys``.
    """
    cipher = AESGCM(keys.unwrap(_wrapped(header), _about(header)))
    piece, number = source.read(PIECE + _TAG), 0
    while True:
        following = source.read(PIECE + _TAG)
        try:
            yield cipher.decrypt(_nonce(number), piece, _place(bound, number, last=not following))
        except InvalidTag:
            place = number * (PIECE + _TAG)
            raise BackupError(
                f"the backup was changed or cut off, at byte {place} behind its header"
            ) from None
        if not following:
            return
        piece, number = following, number + 1


def _wrapped(header: Header) -> Wrapped:
    try:
        return Wrapped(header.wrapped_by, base64.b64decode(header.wrapped, validate=True))
    except binascii.Error:
        raise BackupError("the header of the backup is damaged") from None


def _about(header: Header) -> bytes:
    return f"csenet backup\x1f{header.jurisdiction}\x1f{header.made_at}".encode()


def _nonce(number: int) -> bytes:
    return number.to_bytes(12)


def _place(bound: bytes, number: int, *, last: bool) -> bytes:
    return bound + number.to_bytes(8) + (b"\x01" if last else b"\x00")
