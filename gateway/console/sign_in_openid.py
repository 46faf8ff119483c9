"""Lead people to an issuer of identities and back."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from csenet.gateway.console.sign_in import ask_again, ours, render
from csenet.gateway.people import cookies
from csenet.gateway.people.entering import SIGNING, caller_of
from csenet.gateway.people.openid import CALLBACK, OpenId
from csenet.gateway.people.signing import SignInRefused, new_secret

OPEN_ID: Final = web.AppKey("openid", OpenId)
_PLAIN: Final = "csenet-openid"
_SECURE: Final = "__Host-csenet-openid"
_SECONDS: Final = 600
_LONGEST: Final = 2_000


def add_openid(app: web.Application, openid: OpenId) -> None:
    """Add the way out and the way back."""
    app[OPEN_ID] = openid
    app.router.add_post("/sign-in/openid", lead)
    app.router.add_get(CALLBACK, take_back)


def _cookie(request: web.Request) -> str:
    return _SECURE if cookies.is_secure(request) else _PLAIN


@ours
async def lead(request: web.Request) -> web.StreamResponse:
    """Send somebody to the issuer."""
    secret = new_secret()
    try:
        address = await request.app[OPEN_ID].address(secret)
    except SignInRefused as refusal:
        return ask_again(request, str(refusal), status=502)
    response = web.Response(status=303, headers={hdrs.LOCATION: address, hdrs.CACHE_CONTROL: "no-store"})
    # Lax: the way back starts on the issuer's site, from where a Strict cookie would not come.
    response.set_cookie(
        _cookie(request),
        secret,
        path="/",
        max_age=_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=cookies.is_secure(request),
    )
    return response


async def take_back(request: web.Request) -> web.StreamResponse:
    """Sign in whom the issuer sends back."""
    secret = request.cookies.get(_cookie(request), "")
    state, code = (request.query.get(name, "")[:_LONGEST] for name in ("state", "code"))
    caller = caller_of(request)
    try:
        row = await request.app[OPEN_ID].account(secret, state, code)
        entry = await request.app[SIGNING].known_elsewhere(row, caller)
    except SignInRefused as refusal:
        response = ask_again(request, str(refusal), status=401)
    else:
        # A page of ours, not a redirect: the Strict cookie comes along only from here.
        response = render(request, "sign_in_on.html", {})
        cookies.give(request, response, entry.secret)
    response.del_cookie(_cookie(request), path="/", secure=cookies.is_secure(request), httponly=True)
    return response
