"""Answer what needs no token: the description, liveness, readiness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import structlog
from aiohttp import web
from sqlalchemy import text

from csenet.gateway.away import COME_AGAIN
from csenet.gateway.casework import answers, openapi
from csenet.gateway.casework.access import STORE
from csenet.gateway.casework.ports import JURISDICTION
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.casework.views import View, reply
from csenet.gateway.health_book import HEALTH

DESCRIPTION: Final = web.AppKey("description", dict[str, bytes])

log = structlog.get_logger("csenet.gateway.http")


async def get_openapi(request: web.Request) -> web.Response:
    """Describe the API; written once, when first asked for, because routes may be added until the start."""
    kept = request.app[DESCRIPTION]
    if "json" not in kept:
        kept["json"] = msgspec.json.encode(openapi.document(request.app, request.app[JURISDICTION]))
    return web.Response(body=kept["json"], content_type="application/json")


async def get_health(request: web.Request) -> web.Response:
    """Say that the event loop turns, as this answer shows, and that the parts in the background run."""
    book = request.app.get(HEALTH)
    _demand([] if book is None else book.not_alive(), "http.not_alive")
    return reply(answers.Health(status="alive"))


async def get_readiness(request: web.Request) -> web.Response:
    """Say whether the store answers and takes commits, the disk has its reserve, and the keys are there."""
    book = request.app.get(HEALTH)
    _demand([] if book is None else book.not_ready(), "http.not_ready")
    if not await _store_answers(request.app):
        raise ApiProblem(Kind.UNAVAILABLE, "The store does not answer.", headers=COME_AGAIN)
    return reply(answers.Health(status="ready", notes=[] if book is None else book.notes()))


async def serves(app: web.Application) -> bool:
    """Say whether the gateway is ready, without saying what it lacks."""
    book = app.get(HEALTH)
    return not (book and book.not_ready()) and await _store_answers(app)


async def _store_answers(app: web.Application) -> bool:
    try:
        async with app[STORE].read() as conn:
            await conn.execute(text("SELECT 1"))
    except Exception as error:
        log.warning("http.not_ready", exc_info=error)
        return False
    return True


def _demand(problems: list[str], event: str) -> None:
    """Raise the problem 503 if there are any; they name parts and settings, never a case."""
    if problems:
        log.warning(event, problems=problems)
        raise ApiProblem(Kind.UNAVAILABLE, f"Not now: {'; '.join(problems)}.", headers=COME_AGAIN)


VIEWS: Final[Mapping[str, View]] = {
    "getOpenApi": get_openapi,
    "getHealth": get_health,
    "getReadiness": get_readiness,
}
"""The views by the operation they answer."""
