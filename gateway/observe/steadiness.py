"""Notice a clock that jumps, a disk that is slow and a database that is gone; say so until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

_TOLD_FOR: Final = 600.0
"""Seconds for which a jump is told: nothing ends it, but somebody should know."""


class Steadiness:
    """Watch what the gateway stands on; each change is logged once, and forgotten when it has mended."""

    def __init__(
        self,
        now: Callable[[], datetime],
        log: Any,
        *,
        jump_seconds: float,
        slow_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the clock that decides by, one that never jumps, and from when on something is told."""
        self._now, self._monotonic, self._log = now, monotonic, log
        self._jump, self._slow = jump_seconds, slow_seconds
        self._offset: float | None = None
        self._jumped: tuple[float, float] | None = None
        self._slow_by: float | None = None
        self._lost_at: float | None = None

    def tick(self) -> None:
        """Compare the two clocks; what they moved apart since the last time is a jump of the first."""
        offset = self._now().timestamp() - self._monotonic()
        before, self._offset = self._offset, offset
        if before is None or abs(offset - before) < self._jump:
            return
        self._jumped = offset - before, self._monotonic()
        self._log.warning("clock.jumped", seconds=round(offset - before, 1))

    def committed(self, seconds: float) -> None:
        """Note how long a commit took, down to the disk."""
        if self._lost_at is not None:
            gone, self._lost_at = self._monotonic() - self._lost_at, None
            self._log.warning("store.found_again", seconds=round(gone, 1))
        if seconds >= self._slow:
            if self._slow_by is None:
                self._log.warning("store.slow", seconds=round(seconds, 3), limit=self._slow)
            self._slow_by = seconds
        elif self._slow_by is not None:
            self._slow_by = None
            self._log.info("store.quick_again", seconds=round(seconds, 3))

    def lost(self, error: BaseException) -> None:
        """Note that the store took no commit."""
        if self._lost_at is None:
            self._lost_at = self._monotonic()
            self._log.error("store.lost", error_type=type(error).__name__)

    def notes(self) -> list[str]:
        """Say what is not as it should be, a sentence each, and in a second one what to do about it."""
        found = []
        if self._lost_at is not None:
            gone = self._monotonic() - self._lost_at
            what = f"The store has been out of reach for {gone:.0f} s; it is tried again and again."
            found.append(f"{what} See that its disk or server is up: runbook, CsenetStoreUnwritable.")
        if self._slow_by is not None:
            what = f"A commit takes {self._slow_by:.1f} s: the disk or the database is slow."
            found.append(
                f"{what} See what else keeps it busy; csenet logs --event store.slow says since when."
            )
        if self._jumped is not None and self._monotonic() - self._jumped[1] < _TOLD_FOR:
            what = f"The clock jumped by {self._jumped[0]:+.0f} s; due dates follow the new time."
            found.append(f"{what} See what sets the clock of this machine: runbook, CsenetClockOff.")
        return found
