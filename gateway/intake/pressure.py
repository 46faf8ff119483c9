"""Take nothing more while the disk is nearly full or too much is in hand; what was taken goes on leaving.

A caller is refused before anything of the body is read, and told when to come again.  The connection asks
as soon as a head has come (``gateway.bounded``), so that a refusal waits for nothing else; the middleware
asks for what was not asked for there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from structlog.typing import FilteringBoundLogger

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# In bytes: what the exchange may post at once; other requests are far smaller.
LONGEST: Final = 32 * 1024 * 1024
PROBLEM: Final = "application/problem+json"
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TOLD: Final = {
    "stopping": "The gateway is stopping; come again when it is back.",
    "disk_full": "The gateway's disk is nearly full; nothing is taken in until there is room again.",
    "too_many_requests": "The gateway has as many requests in hand as it may; come again.",
    "too_many_bytes": "The gateway has as many bytes in hand as it may; come again.",
}
REFUSALS: Final = frozenset(_TOLD)
_BODIES: Final = {
    why: json.dumps(
        {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": text}
    ).encode()
    for why, text in _TOLD.items()
}
# In bytes: what has come with the headers or comes right behind them.
SHORT: Final = 65_536


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Say why a request is not taken now, when to come again (in seconds), and the answer's body."""

    why: str
    retry_after: int
    body: bytes


class Place:
    """Keep a request's place among those in hand, until it is given back."""

    __slots__ = ("_bytes", "_pressure")

    def __init__(self, pressure: Pressure, announced: int) -> None:
        """Take the place; it holds so many bytes."""
        self._pressure: Pressure | None = pressure
        self._bytes = announced
        pressure.in_hand += 1
        pressure.bytes += announced

    def give_back(self) -> None:
        """Let another have it; harmless when it was given back before."""
        pressure, self._pressure = self._pressure, None
        if pressure is not None:
            pressure.in_hand -= 1
            pressure.bytes -= self._bytes


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
        # Bound, as many may be refused in a second.
        self._log = log.bind()
        self._reserve = reserve
        self._requests = requests
        self._size = size
        self._refusals = {
            why: Refusal(why=why, retry_after=retry_after, body=body) for why, body in _BODIES.items()
        }
        self.in_hand = self.bytes = 0
        self.stopping = False
        """Nothing is taken any more, and connections are of no use."""
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

    def stop(self) -> None:
        """Take nothing from now on, for good."""
        self.stopping = True

    def enter(self, method: str, announced: int | None, *, has_body: bool) -> Place | Refusal | None:
        """Give a request its place, or say why it has none now; None where it changes nothing.

        ``announced`` is the length of its body in bytes; without it the body may be as long as the longest.
        """
        if method not in _CHANGING:
            return None
        why = self._why_not(announced or 0, LONGEST if announced is None and has_body else announced or 0)
        if why is None:
            return Place(self, announced or 0)
        self._log.debug("intake.refused", reason=why)
        return self._refusals[why]

    def _why_not(self, announced: int, longest: int) -> str | None:
        """Say why a request with a body of ``announced`` bytes, ``longest`` at the most, is not taken now."""
        if self.stopping:
            return "stopping"
        if self.in_hand >= self._requests:
            return "too_many_requests"
        # One alone is always taken: its own limit says how long it may be.
        if self.in_hand and self.bytes + announced > self._size:
            return "too_many_bytes"
        # What is in hand is not on the disk yet, and needs its place there.
        return "disk_full" if self.disk_full() or self._room < self.bytes + longest else None

    def middleware(self) -> Any:
        """Guard all that changes something, where the connection has not done so."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            place = _place_of(request) or self.enter(
                request.method, request.content_length, has_body=request.body_exists
            )
            if place is None:
                return await handler(request)
            if isinstance(place, Refusal):
                return _refused(place, request, last=self.stopping)
            try:
                return await handler(request)
            finally:
                place.give_back()

        return guard


def _place_of(request: web.Request) -> Place | None:
    """Take over the place that was given when the head came."""
    connection: Any = request.protocol
    place: Place | None = getattr(connection, "place", None)
    if place is not None:
        connection.place = None
    return place


def _refused(refusal: Refusal, request: web.Request, *, last: bool) -> web.Response:
    response = web.Response(
        status=503,
        body=refusal.body,
        content_type=PROBLEM,
        headers={"Retry-After": str(refusal.retry_after)},
    )
    # To let a short body run out costs less than the connection with which the caller would come again;
    # one with the rest of a long body on its way is of no use any more.
    long = request.body_exists and (request.content_length is None or request.content_length > SHORT)
    if long or last:
        response.force_close()
    return response


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
