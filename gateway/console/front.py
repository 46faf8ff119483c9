"""Answer the first address: figures for who may see them, for anybody else whether the gateway serves."""

from __future__ import annotations

from aiohttp import web

from csenet.gateway.away import COME_AGAIN
from csenet.gateway.casework import access, service
from csenet.gateway.console import pages, today
from csenet.gateway.people.rights import Right


async def get_front(request: web.Request) -> web.Response:
    """Show Today, or what a stranger may know.

    How much comes and goes is not for everybody: it takes the right `figures.read`.  The address itself is
    open, so that whoever comes finds the way in.
    """
    person = await access.visitor(request)
    if person is not None and person.may(Right.FIGURES_READ):
        return await today.get_today(request)
    serving = await service.serves(request.app)
    template = "front_part.html" if pages.is_part(request) else "front.html"
    answer = pages.render(
        request, template, {"here": "today", "serving": serving}, status=200 if serving else 503
    )
    answer.headers.update({} if serving else COME_AGAIN)
    return answer
