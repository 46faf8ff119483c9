"""Listen with bounds: on connections at once, and on the time in which a request's head and body have come.

The library bounds how long lines are and how many headers there may be; who sends a byte a minute would keep
a connection, and its place, for ever.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
import uuid
from collections import Counter
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final, cast

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.errors import SlowBody
from csenet.gateway.headers import HEADERS, SERVER, TRANSPORT
from csenet.gateway.intake.pressure import PROBLEM, SHORT, Place, Pressure, Refusal
from csenet.gateway.people.limits import holder_of

log = structlog.get_logger("csenet.gateway.http")

_KNOCKING: Final = 1024
"""How many may wait for their connection: whom the system turns away tries again only after a second."""
_DOORS: Final = 16
"""How many are let in at one step of the event loop: libuv takes one for each handle that listens, and where
a step takes milliseconds, hundreds would wait for seconds before anybody told them to come again."""
_LINGERING: Final = 10.0
_IDLE: Final = 75.0
"""Seconds for which a connection without a request in hand is kept."""


OWN: Final = frozenset(map(holder_of, ("127.0.0.1", "::1")))
"""Where this machine calls from, unless it chooses otherwise."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Say how many connections there may be, and in how many seconds head and body must have come."""

    connections: int = 1000
    per_address: int = 100
    unbounded: frozenset[str] = OWN
    """Addresses that count only for the whole: this machine, and proxies, which come for many."""
    head_seconds: float = 20.0
    body_seconds: float = 300.0


class BoundedRunner(web.AppRunner):
    """Run an application within bounds."""

    def __init__(
        self, app: web.Application, bounds: Bounds, *, pressure: Pressure | None = None, **more: Any
    ) -> None:
        """Take the application and its bounds; ``more`` as for ``AppRunner``.

        ``pressure`` refuses requests as soon as their heads have come.
        """
        # After an answer that did not need the body, the rest of it is waited for no longer than that either.
        lingering = min(_LINGERING, bounds.body_seconds)
        super().__init__(app, access_log=None, keepalive_timeout=_IDLE, lingering_time=lingering, **more)
        self._bounds = bounds
        self._pressure = pressure

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            bounds=self._bounds,
            pressure=self._pressure,
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
            **self._kwargs,
        )


async def listen(runner: web.BaseRunner, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> None:
    """Let callers in at an address; raises ``OSError`` where that cannot be."""
    site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=_KNOCKING)
    await site.start()
    doors = [int(each.fileno()) for each in cast(asyncio.Server, site._server).sockets]
    for door in doors * (_DOORS - 1):
        # The same door once more, which is closed with the others.
        again = socket.socket(fileno=os.dup(door))
        await web.SockSite(runner, again, ssl_context=tls, backlog=_KNOCKING).start()


class _Server(web.Server):
    def __init__(self, handler: Any, *, bounds: Bounds, pressure: Pressure | None, **more: Any) -> None:
        super().__init__(handler, **more)
        self.bounds = bounds
        self.pressure = pressure
        self.callers: Counter[str] = Counter()
        """How many connections each caller has now."""

    def lets_in(self, caller: str) -> bool:
        """Count a connection, and say whether there is room for it."""
        self.callers[caller] += 1
        if len(self.connections) > self.bounds.connections:
            log.info("http.connection_closed", reason="too_many_connections")
        elif caller not in self.bounds.unbounded and self.callers[caller] > self.bounds.per_address:
            log.info("http.connection_closed", reason="too_many_of_one_address")
        else:
            return True
        return False

    def forget(self, caller: str) -> None:
        """Count a connection no longer."""
        self.callers[caller] -= 1
        if self.callers[caller] <= 0:
            del self.callers[caller]

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Sieve:
    """Stand before the parser of a connection and keep back the requests that are refused."""

    def __init__(self, parser: Any, connection: _Connection) -> None:
        self._parser = parser
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed_data(self, data: bytes) -> tuple[Any, bool, bytes]:
        """Parse, and give on what is not refused."""
        messages, upgraded, tail = self._parser.feed_data(data)
        if len(messages) == 1 and self._connection.turned_away(*messages[0]):
            self._parser.message_consumed()
            return (), upgraded, tail
        return messages, upgraded, tail


class _Connection(RequestHandler):
    """Serve one connection, and close it when what it sends does not come.

    Under pressure it answers by itself: whoever is to come again is told in the same step of the event loop
    in which the head has come, whatever else is in line, and at a fraction of what a view would cost.
    """

    def __init__(self, manager: _Server, **more: Any) -> None:
        super().__init__(manager, **more)
        self._server = manager
        self._bounds = manager.bounds
        self._caller = ""
        self._head: asyncio.TimerHandle | None = None
        self._body: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self.place: Place | None = None
        """What the request in hand was given when its head came; the middleware takes it over."""
        self._left_out: Any = None
        if manager.pressure is not None:
            self._parser: Any = _Sieve(self._parser, self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or end at once where there are too many."""
        super().connection_made(transport)
        self._caller = caller_of(transport)
        if self._server.lets_in(self._caller):
            self._await_head()
        else:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what was waited for."""
        self._forget()
        self._give_back()
        self._server.forget(self._caller)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes, and tell from them whether a head is whole now or has begun."""
        before, rest = self._request_count, self._left_out
        coming = rest is not None and not rest.is_eof()
        super().data_received(data)
        if self._request_count != before:
            self._forget()
            self._body = self._loop.call_later(self._bounds.body_seconds, self._end_body)
        elif coming or self._left_out is not rest:
            # It was the body of what is refused.
            return
        elif self._head is None and self._waits():
            self._await_head()

    def turned_away(self, message: Any, payload: Any) -> bool:
        """Refuse a request whose head has come, and say whether it was; otherwise it has its place.

        What would leave something to do behind the answer is refused on the ordinary way: a body that is
        long, packed or of unknown length, one that waits to be asked for, a request sent before the answer to
        the one before it.
        """
        pressure, transport = self._server.pressure, self.transport
        if pressure is None or transport is None or not self._waits():
            return False
        self._left_out = None
        self._give_back()
        if not _plain(message):
            return False
        whole, last = payload.is_eof(), pressure.stopping or message.should_close
        if last and not whole:
            return False
        found = pressure.enter(message.method, _length(message), has_body=not whole)
        if not isinstance(found, Refusal):
            self.place = found
            return False
        secure = transport.get_extra_info("sslcontext") is not None
        transport.write(_answer(found, secure=secure, last=last))
        if last:
            self.force_close()
        else:
            self._rest(payload)
        return True

    def _rest(self, body: Any) -> None:
        """Wait for the next request, of which the body of the one that was refused is no part."""
        self._forget()
        self._left_out = body
        self._idle = self._loop.call_later(_IDLE, self._end_idle)

    def _give_back(self) -> None:
        place, self.place = self.place, None
        if place is not None:
            place.give_back()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request by a problem document that repeats nothing of it."""
        log.info("http.connection_closed", reason="malformed" if status < 500 else "failed")
        kind = Kind.MALFORMED if status < 500 else Kind.INTERNAL
        told = ApiProblem(kind, "This is not HTTP as this server speaks it.", status=status)
        response = told.response(str(uuid.uuid4()))
        response.headers.update({**HEADERS, "Server": SERVER})
        response.force_close()
        return response

    def _waits(self) -> bool:
        """Tell whether no request is in hand or in line."""
        # Before the first one nobody waits for it yet.
        idle = self._waiter is not None or self._request_count == 0
        return idle and not self._messages

    def _await_head(self) -> None:
        self._head = self._loop.call_later(self._bounds.head_seconds, self._end_head)

    def _forget(self) -> None:
        for timer in (self._head, self._body, self._idle):
            if timer is not None:
                timer.cancel()
        self._head = self._body = self._idle = None

    def _end_head(self) -> None:
        self._head = None
        if self._waits():
            log.info("http.connection_closed", reason="slow_head")
            self.force_close()

    def _end_idle(self) -> None:
        self._idle = None
        if self._waits():
            self.force_close()

    def _end_body(self) -> None:
        self._body = None
        request = self._current_request
        if request is not None and not request.content.is_eof():
            log.info("http.connection_closed", reason="slow_body")
            request.content.set_exception(SlowBody())
            # What is left of it is not waited for either, once the answer is out.
            self.close()


def caller_of(transport: asyncio.BaseTransport) -> str:
    """Name who calls, by an address, or of IPv6 a network; nothing where there is neither."""
    peer = transport.get_extra_info("peername")
    return holder_of(str(peer[0])) if peer else ""


def _plain(message: RawRequestMessage) -> bool:
    """Say whether a request's body, if it has one, comes by itself, as it is, and is short."""
    if message.chunked or message.upgrade or message.compression or "Expect" in message.headers:
        return False
    return (_length(message) or 0) <= SHORT


def _length(message: RawRequestMessage) -> int | None:
    stated = message.headers.get("Content-Length")
    return None if stated is None else int(stated)


def _answer(refusal: Refusal, *, secure: bool, last: bool) -> bytes:
    """Write a refusal as it goes over the line."""
    return _written(refusal, secure, last, formatdate(int(time.time()), usegmt=True))


@lru_cache(maxsize=32)
def _written(refusal: Refusal, secure: bool, last: bool, date: str) -> bytes:
    headers = {
        **HEADERS,
        **(TRANSPORT if secure else {}),
        "Server": SERVER,
        "Date": date,
        "Content-Type": PROBLEM,
        "Content-Length": str(len(refusal.body)),
        "Retry-After": str(refusal.retry_after),
        **({"Connection": "close"} if last else {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{lines}\r\n".encode() + refusal.body
