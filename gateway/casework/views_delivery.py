"""Answer operators about the way out and the partners behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from csenet.gateway.casework.ports import DESK
from csenet.gateway.casework.views import View, reply
from csenet.gateway.people.person import PERSON


async def test_partner(request: web.Request) -> web.Response:
    """Send a test message."""
    actor = request[PERSON].name
    return reply(await request.app[DESK].test_partner(request.match_info["partner"], actor=actor))


VIEWS: Final[Mapping[str, View]] = {"testPartner": test_partner}
"""The views by the operation they answer."""
