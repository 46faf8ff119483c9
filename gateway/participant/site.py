"""Hold what the participants' pages and their API work with, and find out where somebody comes from."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from csenet.gateway.clock import Clock
from csenet.gateway.participant.entering import Entering, Visit
from csenet.gateway.participant.seeing import ParticipantDesk, Seeing
from csenet.gateway.people.limits import Rate
from csenet.gateway.people.person import agent_of, source_of
from csenet.gateway.people.signing import Caller
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.store.engine import Store

PREFIX: Final = "/participant"
_AT_ONCE: Final = 2
"""How many PINs are checked at the same moment: each takes memory and a processor."""


class Site:
    """Hold the parts."""

    def __init__(
        self,
        desk: ParticipantDesk,
        store: Store,
        clock: Clock,
        settings: ParticipantSection,
        jurisdiction_name: str,
    ) -> None:
        """Put the parts together; nothing is read yet."""
        self.settings, self.jurisdiction_name = settings, jurisdiction_name
        self.entering = Entering(store, clock, settings)
        self.seeing = Seeing(desk, store, clock)
        self.tries = Rate(clock, settings.tries_per_minute)
        self.views = Rate(clock, settings.views_per_minute)
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def enter(self, number: str, pin: str, way: str, caller: Caller) -> Visit:
        """Let somebody in when it is their turn; raises EntryRefused."""
        async with self._turn:
            return await self.entering.enter(number, pin, way, caller)


SITE: Final = web.AppKey("participant_site", Site)


def caller_of(request: web.Request) -> Caller:
    """Say from where a request comes."""
    return Caller(source_of(request, request.app[SITE].settings.proxies), agent_of(request))
