"""Look at files of settings again and again, so that a new one comes into force without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.waiting import first_of

Stamp = tuple[int, int, int] | None
"""Tell a file from what it was: its number, size and time of change; None for one that is not there."""


def stamps(files: Iterable[Path]) -> dict[Path, Stamp]:
    """Tell what files are now."""
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> Stamp:
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


async def keep_looking(
    look: Callable[[], Awaitable[object]], stop: asyncio.Event, clock: Clock, seconds: float
) -> None:
    """Call ``look`` every so many seconds until ``stop`` is set."""
    while not stop.is_set():
        await first_of(stop.wait(), clock.sleep(seconds))
        if not stop.is_set():
            await look()
