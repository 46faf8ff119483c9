"""Write the head of the audit's chain outside the store, where a change of the store cannot reach it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from csenet.gateway.errors import GatewayError
from csenet.gateway.store.chain import Mark


class AnchorError(GatewayError):
    """Report a file of anchors that cannot be read or written."""


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one line of the file."""

    at: datetime
    id: int
    hash: str


def read(file: Path) -> list[Mark]:
    """Read all anchors, none from a file that is not there; raises AnchorError naming the first bad line."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AnchorError(f"{file}: cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            anchor = msgspec.json.decode(line, type=Anchor)
        except msgspec.DecodeError:
            raise AnchorError(f"{file}:{number}: is no anchor; was the file changed?") from None
        found.append(Mark(anchor.id, anchor.hash))
    return found


def write(file: Path, head: Mark, at: datetime) -> bool:
    """Add the head if it went on since the last anchor, on disk when this returns; say whether it was."""
    kept = read(file)
    if kept and kept[-1] == head:
        return False
    line = msgspec.json.encode(Anchor(at=at, id=head.id, hash=head.hash)) + b"\n"
    try:
        number = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o640)
        try:
            os.write(number, line)
            os.fsync(number)
        finally:
            os.close(number)
    except OSError as error:
        raise AnchorError(f"{file}: cannot be written: {error.strerror}") from None
    return True
