"""Take nothing more while the disk is nearly full or too much is in hand; what was taken goes on leaving.

A caller is refused before anything of the body is read, and told when to come again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# In bytes: what the exchange may post at once; other requests are far smaller.
LONGEST: Final = 32 * 1024 * 1024
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TOLD: Final = {
    "disk_full": "The gateway's disk is nearly full; nothing is taken in until there is room again.",
    "too_many_requests": "The gateway has as many requests in hand as it may; come again.",
    "too_many_bytes": "The gateway has as many bytes in hand as it may; come again.",
}
_BODIES: Final = {
    why: json.dumps(
        {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": text}
    ).encode()
    for why, text in _TOLD.items()
}
# In bytes: what has come with the headers or comes right behind them.
_SHORT: Final = 65_536


class Pressure:
    """Know how much is in hand and how much room is left."""

    def __init__(
        self,
        folder: Path,
        log: FilteringBoundLogger,
        *,
        reserve: int,
        requests: int,
        size: int,
        retry_after: int,
    ) -> None:
        """Take the folder whose disk counts; ``reserve`` and ``size`` are in bytes, the wait in seconds."""
        self._folder = folder
        self._log = log
        self._reserve = reserve
        self._requests = requests
        self._size = size
        self._retry_after = retry_after
        self._in_hand = self._bytes = 0
        self._full = False
        self._room = 0
        # Asked of the system; a test puts something else here.
        self.free: Callable[[Path], int] = _free

    def disk_full(self) -> bool:
        """Say whether less than the reserve is left; told in the log when that begins and ends."""
        try:
            free = self.free(self._folder)
        except OSError:
            return self._full
        self._room = free - self._reserve
        full = self._room < 0
        if full != self._full:
            self._full = full
            if full:
                self._log.error("intake.disk_full", bytes=free, limit=self._reserve)
            else:
                self._log.info("intake.disk_recovered", bytes=free, limit=self._reserve)
        return full

    def refusal(self, announced: int, longest: int) -> str | None:
        """Say why a request with a body of ``announced`` bytes, ``longest`` at the most, is not taken now."""
        if self._in_hand >= self._requests:
            return "too_many_requests"
        # One alone is always taken: its own limit says how long it may be.
        if self._in_hand and self._bytes + announced > self._size:
            return "too_many_bytes"
        # What is in hand is not on the disk yet, and needs its place there.
        return "disk_full" if self.disk_full() or self._room < self._bytes + longest else None

    def middleware(self) -> Any:
        """Guard all that changes something."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method not in _CHANGING:
                return await handler(request)
            announced = request.content_length or 0
            # A body that comes in pieces, without its length, may be as long as the longest.
            unknown = request.content_length is None and request.body_exists
            why = self.refusal(announced, LONGEST if unknown else announced)
            if why is not None:
                return self._refused(why, request)
            self._in_hand += 1
            self._bytes += announced
            try:
                return await handler(request)
            finally:
                self._in_hand -= 1
                self._bytes -= announced

        return guard

    def _refused(self, why: str, request: web.Request) -> web.Response:
        self._log.debug("intake.refused", reason=why)
        response = web.Response(
            status=503,
            body=_BODIES[why],
            content_type="application/problem+json",
            headers={"Retry-After": str(self._retry_after)},
        )
        # To let a short body run out costs less than the connection with which the caller would come again;
        # one with the rest of a long body on its way is of no use any more.
        if request.body_exists and (request.content_length is None or request.content_length > _SHORT):
            response.force_close()
        return response


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
