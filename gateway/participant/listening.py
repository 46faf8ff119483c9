"""Offer the participants' pages and API: beside the other pages, or on a listener that has nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp import web

from csenet.gateway.bounded import BoundedRunner, Bounds
from csenet.gateway.casework import middleware
from csenet.gateway.casework.requests import LIMITS, Limits
from csenet.gateway.errors import GatewayError
from csenet.gateway.headers import protect
from csenet.gateway.participant.api import add_api
from csenet.gateway.participant.site import SITE, Site
from csenet.gateway.participant.web import add_pages
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.tls import server_context

if TYPE_CHECKING:
    from csenet.gateway.clock import Clock
    from csenet.gateway.desk import Desk
    from csenet.gateway.store.engine import Store

_LARGEST_BODY = 16 * 1024
_CLOSE_SECONDS = 2.0


def add_participants(app: web.Application, site: Site) -> None:
    """Add pages and API to an application."""
    app[SITE] = site
    add_pages(app)
    add_api(app)


def participant_app(site: Site) -> web.Application:
    """Build an application that offers nothing else."""
    app = web.Application(middlewares=[middleware.outermost], client_max_size=_LARGEST_BODY)
    protect(app)
    app[LIMITS] = Limits(body_bytes=_LARGEST_BODY, batch_bytes=_LARGEST_BODY)
    add_participants(app, site)
    return app


class ParticipantListener:
    """Listen for participants, if the settings say so."""

    def __init__(self, settings: ParticipantSection, log: Any, bounds: Bounds | None = None) -> None:
        """Take the settings; nothing is opened yet."""
        self._bounds = bounds or Bounds()
        self._settings, self._log = settings, log
        self._runner: web.AppRunner | None = None
        self.port: int | None = None
        """Where participants are let in, if that is a listener of their own."""

    async def open(self, app: web.Application, desk: Desk, store: Store, clock: Clock) -> None:
        """Add everything to the common application, or listen apart; raises GatewayError for an address."""
        if not self._settings.enabled:
            return
        site = Site(desk, store, clock, self._settings, desk.agency.profile.name)
        if self._settings.port is None:
            add_participants(app, site)
            return
        runner = BoundedRunner(participant_app(site), self._bounds, shutdown_timeout=_CLOSE_SECONDS)
        await runner.setup()
        self._runner = runner
        host, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(runner, host, port, ssl_context=self._tls()).start()
        except OSError as error:
            text = error.strerror or type(error).__name__
            raise GatewayError(f"participant: cannot listen on {host} port {port}: {text}") from None
        self.port = runner.addresses[0][1]
        self._log.info("participant.listens", port=self.port)

    def _tls(self) -> ssl.SSLContext | None:
        tls = self._settings.tls
        if tls is None:
            return None

        def refused(reason: str) -> None:
            self._log.warning("http.tls_refused", reason=reason)

        return server_context(tls.certificate, tls.key, refused=refused)

    async def close(self) -> None:
        """Stop listening and let requests in hand finish."""
        runner, self._runner = self._runner, None
        if runner is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS + 0.5):
                    await runner.cleanup()
