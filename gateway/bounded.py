"""Listen with bounds: on connections at once, and on the time in which a request's head and body have come.

The library bounds how long lines are and how many headers there may be; who sends a byte a minute would keep
a connection, and its place, for ever.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.errors import SlowBody
from csenet.gateway.headers import HEADERS, SERVER

log = structlog.get_logger("csenet.gateway.http")

_LINGERING: Final = 10.0
_IDLE: Final = 75.0
"""Seconds for which a connection without a request in hand is kept."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Say how many connections there may be, and in how many seconds head and body must have come."""

    connections: int = 1000
    head_seconds: float = 20.0
    body_seconds: float = 300.0


class BoundedRunner(web.AppRunner):
    """Run an application within bounds."""

    def __init__(self, app: web.Application, bounds: Bounds, **more: Any) -> None:
        """Take the application and its bounds; ``more`` as for ``AppRunner``."""
        # After an answer that did not need the body, the rest of it is waited for no longer than that either.
        lingering = min(_LINGERING, bounds.body_seconds)
        super().__init__(app, access_log=None, keepalive_timeout=_IDLE, lingering_time=lingering, **more)
        self._bounds = bounds

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            bounds=self._bounds,
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
            **self._kwargs,
        )


class _Server(web.Server):
    def __init__(self, handler: Any, *, bounds: Bounds, **more: Any) -> None:
        super().__init__(handler, **more)
        self.bounds = bounds

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    """Serve one connection, and close it when what it sends does not come."""

    def __init__(self, manager: _Server, **more: Any) -> None:
        super().__init__(manager, **more)
        self._server = manager
        self._bounds = manager.bounds
        self._head: asyncio.TimerHandle | None = None
        self._body: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or end at once where there are too many."""
        super().connection_made(transport)
        if len(self._server.connections) > self._bounds.connections:
            log.info("http.connection_closed", reason="too_many_connections")
            self.force_close()
            return
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what was waited for."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes, and tell from them whether a head is whole now or has begun."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._forget()
            self._body = self._loop.call_later(self._bounds.body_seconds, self._end_body)
        elif self._head is None and self._waits():
            self._await_head()

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
        return self._waiter is not None and not self._messages

    def _await_head(self) -> None:
        self._head = self._loop.call_later(self._bounds.head_seconds, self._end_head)

    def _forget(self) -> None:
        for timer in (self._head, self._body):
            if timer is not None:
                timer.cancel()
        self._head = self._body = None

    def _end_head(self) -> None:
        self._head = None
        if self._waits():
            log.info("http.connection_closed", reason="slow_head")
            self.force_close()

    def _end_body(self) -> None:
        self._body = None
        request = self._current_request
        if request is not None and not request.content.is_eof():
            log.info("http.connection_closed", reason="slow_body")
            request.content.set_exception(SlowBody())
            # What is left of it is not waited for either, once the answer is out.
            self.close()
