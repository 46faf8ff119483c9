"""Look at what the gateway stands on: disk, event loop, the machine's clock."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_NTP_EPOCH: Final = datetime(1900, 1, 1, tzinfo=UTC)
_NTP_PORT: Final = 123
_PATIENCE: Final = 5.0
_NTP_ASK: Final = b"\x23" + 47 * b"\0"  # version 4, mode 3: a client asks
_NTP_SERVER: Final = 4
_LAG_EVERY: Final = 0.25
"""Seconds between two looks at the loop."""


def free_bytes(folder: Path) -> int:
    """Give the bytes that this process may still use on the disk of a folder, or of the nearest above it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def newest_change(folder: Path) -> datetime | None:
    """Give when the newest file in a folder was written; None if it holds none or is not there.

    Hidden files do not count: what a command was stopped at is none.
    """
    try:
        times = [
            each.stat().st_mtime
            for each in folder.iterdir()
            if each.is_file() and not each.name.startswith(".")
        ]
    except OSError:
        return None
    return datetime.fromtimestamp(max(times), UTC) if times else None


class LoopLag:
    """Measure how long the event loop keeps others waiting."""

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self._worst = 0.0
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Measure from now on; in the loop's own time, which no clock of a test moves."""
        loop = asyncio.get_running_loop()
        due = loop.time() + _LAG_EVERY

        def look() -> None:
            self._worst = max(self._worst, loop.time() - due)
            self.start()

        self._next = loop.call_at(due, look)

    def stop(self) -> None:
        """Measure no more."""
        if self._next is not None:
            self._next.cancel()

    def take(self) -> float:
        """Give the longest wait since this was last asked, in seconds."""
        worst, self._worst = self._worst, 0.0
        return worst


async def clock_offset(server: str, now: Callable[[], datetime]) -> float:
    """Ask a time server (SNTP, RFC 4330) how many seconds the machine's clock is ahead of it.

    Raises ``OSError`` or ``TimeoutError`` when it does not answer, ``ValueError`` for an answer that says
    nothing.
    """
    host, _, port = server.partition(":")
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_PATIENCE):
        places = await loop.getaddrinfo(host, int(port or _NTP_PORT), type=socket.SOCK_DGRAM)
        family, kind, protocol, _, place = places[0]
        with socket.socket(family, kind, protocol) as asking:
            asking.setblocking(False)
            await loop.sock_connect(asking, place)
            sent = now()
            await loop.sock_sendall(asking, _NTP_ASK)
            answer = await loop.sock_recv(asking, 512)
            came = now()
    taken, given = _server_times(answer)
    return ((sent - taken) + (came - given)).total_seconds() / 2


def _server_times(answer: bytes) -> tuple[datetime, datetime]:
    """Read when the server got the question and when it gave the answer."""
    if len(answer) < 48 or answer[0] & 7 != _NTP_SERVER or not 0 < answer[1] < 16:
        raise ValueError("the time server does not know the time")
    seconds = struct.unpack("!4I", answer[32:48])
    return _moment(*seconds[:2]), _moment(*seconds[2:])


def _moment(seconds: int, fraction: int) -> datetime:
    # The seconds started again at 0 in February 2036; numbers below belong to the era after it.
    era = seconds if seconds >= 2**31 else seconds + 2**32
    return _NTP_EPOCH + timedelta(seconds=era, microseconds=fraction * 1_000_000 // 2**32)
