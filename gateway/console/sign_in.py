"""Show the pages on which people sign in, and the agency's notices beside them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from importlib import resources
from pathlib import Path
from typing import Any, Final

from aiohttp import hdrs, web

from csenet.gateway.console import pages
from csenet.gateway.people import codes, cookies
from csenet.gateway.people.entering import SIGNING, caller_of, entry_of, field_of
from csenet.gateway.people.limits import holder_of
from csenet.gateway.people.signing import (
    CODE,
    ENROL,
    FULL,
    PASSWORD,
    Entry,
    Signing,
    SignInRefused,
    TooManyWrong,
)
from csenet.gateway.wording import paragraphs

NOTICES: Final = {
    "privacy": "Privacy and security",
    "disclaimers": "Disclaimers",
    "links": "Links to other sites",
}
_PLACES: Final = {
    CODE: "/sign-in/code",
    PASSWORD: "/sign-in/password",
    ENROL: "/sign-in/enrol",
    FULL: "/",
}
_LONGEST_NEXT: Final = 200
_LONGEST_NAME: Final = 60

View = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_sign_in(app: web.Application, signing: Signing) -> None:
    """Add the pages."""
    app[SIGNING] = signing
    app.router.add_get("/sign-in", show_sign_in)
    app.router.add_post("/sign-in", take_password)
    app.router.add_get("/sign-in/code", show_code)
    app.router.add_post("/sign-in/code", take_code)
    app.router.add_get("/sign-in/password", show_password)
    app.router.add_post("/sign-in/password", take_own_password)
    app.router.add_get("/sign-in/enrol", show_enrol)
    app.router.add_post("/sign-in/enrol", take_enrol)
    app.router.add_post("/sign-out", sign_out)
    app.router.add_get("/about/{notice}", show_notice)


def text_of(name: str, file: Path | None) -> str:
    """Read a notice: the agency's own, or ours in its place."""
    if file is not None:
        return file.read_text("utf-8")
    return resources.files(__package__).joinpath(f"texts/{name}.txt").read_text("utf-8")


def render(
    request: web.Request, template: str, context: dict[str, Any], status: int = 200
) -> web.StreamResponse:
    """Answer with a page whose forms carry the token of this browser."""
    response = pages.render(
        request, template, {"csrf": cookies.form_token(request), **context}, status=status
    )
    cookies.give_if_new(request, response)
    return response


def ours(view: View) -> View:
    """Refuse a form that was not typed on a page of ours."""

    @wraps(view)
    async def checked(request: web.Request) -> web.StreamResponse:
        if not await cookies.is_ours(request):
            return ask_again(request, "This page is too old or came from elsewhere; please sign in.")
        return await view(request)

    return checked


def ask_again(
    request: web.Request, wrong: str, status: int = 403, *, name: str = "", onward: str = ""
) -> web.StreamResponse:
    """Ask for name and password; what was typed and where somebody wanted to go are not lost."""
    settings = request.app[SIGNING].settings
    context = {
        "banner": paragraphs(text_of("banner", settings.banner)),
        "next": _next(onward or request.query.get("next", "")),
        "typed": name,
        "wrong": wrong,
        "elsewhere": settings.openid.label if settings.openid else "",
    }
    return render(request, "sign_in.html", context, status=status)


def _next(told: str) -> str:
    """Let only a plain path of ours pass as the page to go on to."""
    plain = told.startswith("/") and not told.startswith(("//", "/sign-", "/\\")) and told.isprintable()
    return told if plain and len(told) <= _LONGEST_NEXT and "\\" not in told else "/"


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """Ask for name and password, below the banner."""
    return ask_again(request, "", status=200)


@ours
async def take_password(request: web.Request) -> web.StreamResponse:
    """Check name and password."""
    name, password = await field_of(request, "name"), await field_of(request, "password")
    onward = await field_of(request, "next")
    try:
        entry = await _tried(request, request.app[SIGNING].password(name, password, caller_of(request)))
    except TooManyWrong as refusal:
        return ask_again(request, str(refusal), status=429, name=name[:_LONGEST_NAME], onward=onward)
    except SignInRefused as refusal:
        return ask_again(request, str(refusal), status=401, name=name[:_LONGEST_NAME], onward=onward)
    return _on(request, entry, _next(onward))


async def _tried(request: web.Request, proof: Coroutine[Any, Any, Entry]) -> Entry:
    """Let somebody try, unless too many tries from there were wrong; raises SignInRefused."""
    wrong, holder = request.app[SIGNING].wrong, holder_of(caller_of(request).source)
    # Used up before the try, given back after one that was right: many at a moment are as many.
    if wrong.wait(holder):
        proof.close()
        raise TooManyWrong("Too many tries from your network were wrong. Try again later, or elsewhere.")
    entry = await proof
    wrong.give_back(holder)
    return entry


def _on(request: web.Request, entry: Entry, onward: str = "/") -> web.StreamResponse:
    """Send the browser to the next step, with its new secret."""
    place = onward if entry.stage == FULL else _PLACES[entry.stage]
    response = web.Response(status=303, headers={hdrs.LOCATION: place, hdrs.CACHE_CONTROL: "no-store"})
    cookies.give(request, response, entry.secret)
    return response


def _step(stage: str) -> Callable[[Callable[[web.Request, Entry], Awaitable[web.StreamResponse]]], View]:
    """Let only those to a step whose step it is; others go to theirs, or to the beginning."""

    def wrap(view: Callable[[web.Request, Entry], Awaitable[web.StreamResponse]]) -> View:
        @wraps(view)
        async def checked(request: web.Request) -> web.StreamResponse:
            entry = await entry_of(request)
            if entry is None or entry.stage != stage:
                place = "/sign-in" if entry is None else _PLACES[entry.stage]
                return web.Response(status=303, headers={hdrs.LOCATION: place})
            if not await cookies.is_ours(request):
                return ask_again(request, "This page came from elsewhere; please sign in again.")
            return await view(request, entry)

        return checked

    return wrap


@_step(CODE)
async def show_code(request: web.Request, entry: Entry) -> web.StreamResponse:
    """Ask for the one-time code."""
    return _code_page(request, entry)


def _code_page(request: web.Request, entry: Entry, wrong: str = "", status: int = 200) -> web.StreamResponse:
    context = {"wrong": wrong, "account": entry.account.name}
    return render(request, "sign_in_code.html", context, status=status)


@_step(CODE)
async def take_code(request: web.Request, entry: Entry) -> web.StreamResponse:
    """Check the one-time code."""
    try:
        code = await field_of(request, "code")
        onward = await _tried(request, request.app[SIGNING].code(entry, code, caller_of(request)))
    except TooManyWrong as refusal:
        return _code_page(request, entry, str(refusal), 429)
    except SignInRefused as refusal:
        return _code_page(request, entry, str(refusal), 401)
    return _on(request, onward)


@_step(PASSWORD)
async def show_password(request: web.Request, entry: Entry) -> web.StreamResponse:
    """Ask for a password of one's own."""
    return _choose(request, entry, "")


def _choose(request: web.Request, entry: Entry, wrong: str) -> web.StreamResponse:
    shortest = request.app[SIGNING].settings.password_length
    context = {"wrong": wrong, "shortest": shortest, "account": entry.account.name}
    return render(request, "sign_in_password.html", context, status=422 if wrong else 200)


@_step(PASSWORD)
async def take_own_password(request: web.Request, entry: Entry) -> web.StreamResponse:
    """Keep a password of one's own."""
    password = await field_of(request, "password")
    if password != await field_of(request, "again"):
        return _choose(request, entry, "The two passwords are not the same.")
    try:
        onward = await request.app[SIGNING].own_password(entry, password, caller_of(request))
    except SignInRefused as refusal:
        return _choose(request, entry, str(refusal))
    return _on(request, onward)


@_step(ENROL)
async def show_enrol(request: web.Request, entry: Entry) -> web.StreamResponse:
    """Show the secret for a telephone, once."""
    return await _offer(request, entry, "")


async def _offer(request: web.Request, entry: Entry, wrong: str) -> web.StreamResponse:
    secret = await request.app[SIGNING].offered_secret(entry)
    issuer = f"CSENet gateway {request.app[pages.NAME]}"
    context = {
        "wrong": wrong,
        "account": entry.account.name,
        "secret": codes.spaced(secret),
        "picture": codes.picture(secret, entry.account.name, issuer),
    }
    return render(request, "sign_in_enrol.html", context, status=401 if wrong else 200)


@_step(ENROL)
async def take_enrol(request: web.Request, entry: Entry) -> web.StreamResponse:
    """Check the first code of a telephone; after a wrong one a new secret is shown."""
    try:
        onward = await request.app[SIGNING].enrol(entry, await field_of(request, "code"), caller_of(request))
    except SignInRefused as refusal:
        return await _offer(request, entry, str(refusal))
    return _on(request, onward)


@ours
async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the sign-in and have the browser forget it."""
    entry = await entry_of(request)
    if entry is not None:
        await request.app[SIGNING].out(entry, caller_of(request))
    response = web.Response(status=303, headers={hdrs.LOCATION: "/sign-in"})
    cookies.take_away(request, response)
    return response


async def show_notice(request: web.Request) -> web.StreamResponse:
    """Show one of the agency's notices."""
    name = request.match_info["notice"]
    if name not in NOTICES:
        raise web.HTTPNotFound
    settings = request.app[SIGNING].settings
    text = text_of(name, getattr(settings, name))
    return pages.render(request, "notice.html", {"title": NOTICES[name], "parts": paragraphs(text)})
