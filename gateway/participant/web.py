"""Show participants their pages: sign in, own cases, notices; each whole without scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from functools import wraps
from importlib import resources
from pathlib import Path
from typing import Any, Final

import aiohttp_jinja2
import structlog
from aiohttp import hdrs, web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from csenet.gateway.away import COME_AGAIN, may_pass
from csenet.gateway.console import assets
from csenet.gateway.errors import SlowBody
from csenet.gateway.participant.entering import EntryRefused, Visit
from csenet.gateway.participant.site import PREFIX, SITE, Site, caller_of
from csenet.gateway.people.cookies import Cookie
from csenet.gateway.people.entering import field_of
from csenet.gateway.people.limits import holder_of
from csenet.gateway.wording import paragraphs

COOKIE: Final = Cookie("csenet-participant")
NOTICES: Final = {
    "privacy": "Privacy and security",
    "disclaimers": "What this information is, and what it is not",
    "links": "Links to other sites",
}
TEMPLATES: Final[web.AppKey[Environment]] = web.AppKey("participant_templates", Environment)
_FOLDER: Final = Path(__file__).parent / "templates"
_ASSETS: Final = PREFIX + "/assets"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
_OVER: Final = "Your visit has ended. Please sign in again."
_ELSEWHERE: Final = "This page is too old. Please try again."

View = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("csenet.gateway.participant")


def add_pages(app: web.Application) -> None:
    """Add the pages; the application has its site already."""
    aiohttp_jinja2.setup(
        app,
        app_key=TEMPLATES,
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters={"day": day},
    )
    app.router.add_get(PREFIX, _as_page(show_sign_in))
    app.router.add_post(PREFIX + "/sign-in", _as_page(take_pin))
    app.router.add_get(PREFIX + "/cases", _as_page(show_cases))
    app.router.add_post(PREFIX + "/sign-out", _as_page(sign_out))
    app.router.add_get(PREFIX + "/about/{notice}", _as_page(show_notice))
    app.router.add_get(_ASSETS + "/{digest}/{file:.+}", assets.get_asset)


def day(value: date) -> Markup:
    """Write a date out: it is read on small screens, by people who write dates in many ways."""
    return Markup('<time datetime="{}">{}</time>').format(
        value.isoformat(), f"{value:%B} {value.day}, {value.year}"
    )


def text_of(name: str, site: Site) -> str:
    """Read a notice: the agency's own, or ours in its place."""
    file: Path | None = getattr(site.settings, name)
    if file is not None:
        return file.read_text("utf-8")
    return resources.files(__package__).joinpath(f"texts/{name}.txt").read_text("utf-8")


def _as_page(view: View) -> View:
    """Answer with a page whatever happens; texts of failures are never shown."""

    @wraps(view)
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await view(request)
        except web.HTTPNotFound:
            return _message(request, 404, "There is nothing here", "The address may be misspelt.")
        except (web.HTTPException, web.RequestPayloadError, SlowBody):
            raise
        except Exception as error:
            if may_pass(error):
                later = "Your information is not lost. Please try again in a few minutes."
                answer = _message(request, 503, "This cannot be shown at the moment", later)
                answer.headers.update(COME_AGAIN)
                return answer
            log.error("http.failed", exc_info=error)
            return _message(
                request, 500, "Something went wrong", "Please try again later, or call your office."
            )

    return answered


def _render(
    request: web.Request, template: str, context: dict[str, Any], status: int = 200
) -> web.StreamResponse:
    site = request.app[SITE]
    common = {
        "jurisdiction": site.jurisdiction_name,
        "here": PREFIX,
        "notices": NOTICES,
        "visit": None,
        "csrf": COOKIE.form_token(request),
        "asset": lambda file: assets.address(file).replace(assets.PREFIX, _ASSETS, 1),
        "contact": paragraphs(text_of("contact", site)),
    }
    response = aiohttp_jinja2.render_template(
        template, request, {**common, **context}, app_key=TEMPLATES, status=status
    )
    response.headers.update(_HEADERS)
    COOKIE.give_if_new(request, response)
    return response


def _message(request: web.Request, status: int, title: str, detail: str) -> web.StreamResponse:
    return _render(request, "message.html", {"title": title, "detail": detail}, status)


def _ask(request: web.Request, wrong: str = "", status: int = 200) -> web.StreamResponse:
    banner = paragraphs(text_of("banner", request.app[SITE]))
    return _render(request, "sign_in.html", {"banner": banner, "wrong": wrong}, status)


def _onward(place: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: place, hdrs.CACHE_CONTROL: "no-store"})


async def _visit_of(request: web.Request) -> Visit | None:
    return await request.app[SITE].entering.find(COOKIE.secret_of(request), "page")


def _wait(request: web.Request, seconds: float) -> web.StreamResponse:
    response = _message(request, 429, "Please wait a minute", "There were too many requests. Try again then.")
    response.headers[hdrs.RETRY_AFTER] = str(int(seconds) + 1)
    return response


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """Ask for number and PIN, below the banner."""
    if await _visit_of(request) is not None:
        return _onward(PREFIX + "/cases")
    return _ask(request)


async def take_pin(request: web.Request) -> web.StreamResponse:
    """Check number and PIN."""
    if not await COOKIE.is_ours(request):
        return _ask(request, _ELSEWHERE, 403)
    site = request.app[SITE]
    seconds = site.tries.wait(holder_of(caller_of(request).source))
    if seconds:
        return _wait(request, seconds)
    number, pin = await field_of(request, "number"), await field_of(request, "pin")
    try:
        visit = await site.enter(number, pin, "page", caller_of(request))
    except EntryRefused as refusal:
        return _ask(request, str(refusal), 401)
    response = _onward(PREFIX + "/cases")
    COOKIE.give(request, response, visit.secret)
    return response


async def show_cases(request: web.Request) -> web.StreamResponse:
    """Show a participant's own cases; that they were shown is on record before."""
    visit = await _visit_of(request)
    if visit is None:
        return _ask(request, _OVER if COOKIE.secret_of(request) else "", 401)
    site = request.app[SITE]
    seconds = site.views.wait(visit.name)
    if seconds:
        return _wait(request, seconds)
    seen = await site.seeing.cases(visit, caller_of(request), "participant page")
    return _render(request, "cases.html", {"visit": visit, "seen": seen})


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the visit and have the browser forget it."""
    if not await COOKIE.is_ours(request):
        return _ask(request, _ELSEWHERE, 403)
    visit = await _visit_of(request)
    if visit is not None:
        await request.app[SITE].entering.leave(visit, caller_of(request))
    response = _onward(PREFIX)
    COOKIE.take_away(request, response)
    return response


async def show_notice(request: web.Request) -> web.StreamResponse:
    """Show one of the agency's notices."""
    name = request.match_info["notice"]
    if name not in NOTICES:
        raise web.HTTPNotFound
    parts = paragraphs(text_of(name, request.app[SITE]))
    return _render(request, "notice.html", {"title": NOTICES[name], "parts": parts})
