"""Render pages: one environment that escapes everything, one policy that allows our own files only."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import web
from jinja2 import FileSystemLoader, StrictUndefined

from csenet.gateway.clock import Clock
from csenet.gateway.console import assets, menu, words
from csenet.gateway.people import cookies
from csenet.gateway.people.person import PERSON

CLOCK: Final[web.AppKey[Clock]] = web.AppKey("console_clock")
NAME: Final = web.AppKey("console_jurisdiction", str)

_TEMPLATES: Final = Path(__file__).parent / "templates"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}


def set_up(app: web.Application, *, clock: Clock, jurisdiction_name: str) -> None:
    """Give an application its pages' environment."""
    app[CLOCK] = clock
    app[NAME] = jurisdiction_name
    aiohttp_jinja2.setup(
        app,
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters=words.FILTERS,
    )
    aiohttp_jinja2.get_env(app).globals.update(asset=assets.address)


def _common(request: web.Request) -> dict[str, Any]:
    clock = request.app[CLOCK]
    return {
        "jurisdiction": request.app[NAME],
        "zone": getattr(clock, "zone", UTC),
        "now": clock.now(),
        "today": clock.today(),
        "menu": (offered := menu.offered(request)),
        "offered": {entry.id for entry in offered},
        "here": "",
        "live": False,
        "instance": "",
        "person": request.get(PERSON),
        "csrf": cookies.form_token(request) if PERSON in request else "",
    }


def is_part(request: web.Request) -> bool:
    """Say whether a script on the page asks for what changes in it, rather than a person for the page."""
    return request.headers.get("HX-Request") == "true"


def failed(request: web.Request, status: int, context: dict[str, Any]) -> web.Response:
    """Answer with the page of a failure, or with its text alone where a part of a page was asked for."""
    part = is_part(request)
    return render(
        request, "error_part.html" if part else "error.html", {"part": part, **context}, status=status
    )


def render(request: web.Request, template: str, context: dict[str, Any], status: int = 200) -> web.Response:
    """Answer with a page; the whole of it is in the answer whether scripts run or not."""
    response = aiohttp_jinja2.render_template(
        template, request, {**_common(request), **context}, status=status
    )
    response.headers.update(_HEADERS)
    return response
