"""Tell a whole file from one still being written, where a sender cannot rename it into place.

On a network share a copy shows up under its name from the first byte on.  Three habits of senders help, each
off unless set: a file at rest for a while, a lock beside it while it is written, a marker beside it
afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from csenet.gateway.clock import Clock
from csenet.gateway.durable import sync_folder


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """Hold by what a file is known to be whole: seconds at rest, and the ends of the names beside it."""

    stable_seconds: float = 0.0
    lock_suffix: str | None = None
    done_suffix: str | None = None


class Readiness:
    """Look at files again and again and say which are whole."""

    def __init__(self, signs: Signs, clock: Clock) -> None:
        """Remember the signs; how long a file has rested is measured by ``clock``, not by the share's."""
        self._signs = signs
        self._clock = clock
        self._seen: dict[str, tuple[tuple[int, ...], datetime]] = {}

    def is_sidecar(self, name: str) -> bool:
        """Say whether a file is a lock or a marker, and so nothing to read."""
        ends = tuple(end for end in (self._signs.lock_suffix, self._signs.done_suffix) if end)
        return bool(ends) and name.endswith(ends)

    def whole(self, files: Iterable[Path]) -> list[Path]:
        """Give those of all the files here that may be read now, in the order given."""
        found, seen = [], {}
        for file in files:
            try:
                now, rested = self._look(file)
            except OSError:
                # Taken away, or out of reach for now: it is looked at again.
                continue
            seen[file.name] = now
            if rested and self._released(file):
                found.append(file)
        self._seen = seen
        return found

    def put_away(self, file: Path) -> None:
        """Remove the marker of a file that is no longer there; a later file of that name needs its own."""
        if self._signs.done_suffix is not None:
            beside(file, self._signs.done_suffix).unlink(missing_ok=True)
            sync_folder(file.parent)

    def sweep(self, folder: Path) -> None:
        """Remove markers whose files are gone: a stop came between the two, and names are used again."""
        end = self._signs.done_suffix
        if end is None:
            return
        for marker in folder.iterdir():
            name = marker.name.removesuffix(end)
            if name and marker.name.endswith(end) and not (folder / name).exists():
                marker.unlink(missing_ok=True)

    def _look(self, file: Path) -> tuple[tuple[tuple[int, ...], datetime], bool]:
        """Compare a file with what it was when it was last seen to change."""
        found, at = file.stat(), self._clock.now()
        state = found.st_ino, found.st_size, found.st_mtime_ns
        before, since = self._seen.get(file.name, (None, at))
        # A clock that was set back begins anew.
        since = since if before == state and since <= at else at
        return (state, since), at - since >= timedelta(seconds=self._signs.stable_seconds)

    def _released(self, file: Path) -> bool:
        lock, done = self._signs.lock_suffix, self._signs.done_suffix
        if done is not None and not beside(file, done).exists():
            return False
        return lock is None or not beside(file, lock).exists()


def beside(file: Path, end: str) -> Path:
    """Give the path of a file with an end added to its whole name."""
    return file.with_name(file.name + end)
