"""Write the head of the audit's chain outside the store, where a change of the store cannot reach it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from csenet.gateway.errors import GatewayError
from csenet.gateway.store.chain import Mark

_LONGEST: Final = 1024
"""Bytes of a line, at most."""
_PATIENCE: Final = 5.0


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


class Anchoring:
    """Keep the head of the chain outside as soon as something weighty is on record, and at the end.

    No commit waits for it: a place that does not answer stops nobody's work.
    """

    def __init__(self, file: Path, now: Callable[[], datetime], log: Any) -> None:
        """Take where anchors are kept, a clock, and where it is told when they cannot be."""
        self._file, self._now, self._log = file, now, log
        self._last: Mark | None = None
        self._kept: Mark | None = None
        self._due = False
        self._running: asyncio.Task[None] | None = None

    def note(self, head: Mark, *, weighty: bool) -> None:
        """Hear of a commit that is on disk."""
        if self._last is None or head.id > self._last.id:
            self._last = head
        self._due = self._due or weighty
        if self._due and self._running is None:
            self._running = asyncio.create_task(self._run(), name="anchoring")

    async def close(self) -> None:
        """Keep the last head, unless the place does not answer in time."""
        running = self._running
        if running is not None:
            await asyncio.wait({running}, timeout=_PATIENCE)
        if self._running is None:
            self._due = True
            await asyncio.wait({asyncio.create_task(self._run())}, timeout=_PATIENCE)

    async def _run(self) -> None:
        """Write until nothing weighty was recorded meanwhile; what comes at once shares one line."""
        try:
            while self._due:
                self._due, head = False, self._last
                if head is not None and head != self._kept:
                    await asyncio.to_thread(write, self._file, head, self._now())
                    self._kept = head
        except AnchorError as error:
            self._log.error("audit.not_anchored", exc_info=error)
        finally:
            self._running = None


def _last(file: Path) -> Mark | None:
    """Read the newest anchor, without all that are before it."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - _LONGEST))
            lines = opened.read().splitlines()
        anchor = msgspec.json.decode(lines[-1], type=Anchor) if lines else None
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        # Says what is wrong, and where.
        return next(iter(read(file)[-1:]), None)
    return None if anchor is None else Mark(anchor.id, anchor.hash)


def write(file: Path, head: Mark, at: datetime) -> bool:
    """Add the head if it went on since the last anchor, on disk when this returns; say whether it was."""
    if _last(file) == head:
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
