"""Find out from a request who has signed in, and from where."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from csenet.gateway.people import cookies
from csenet.gateway.people.person import agent_of, source_of
from csenet.gateway.people.signing import Caller, Entry, Signing

SIGNING: Final = web.AppKey("signing", Signing)
ENTRY: Final = web.RequestKey("entry", Entry)


def caller_of(request: web.Request) -> Caller:
    """Say from where a request comes."""
    return Caller(source_of(request), agent_of(request))


async def field_of(request: web.Request, name: str) -> str:
    """Give what was filled into a field of a form; a file in its place is nothing."""
    found = (await request.post()).get(name, "")
    return found if isinstance(found, str) else ""


async def entry_of(request: web.Request) -> Entry | None:
    """Find the sign-in that a request's cookie stands for, at whatever step it is."""
    if ENTRY in request:
        return request[ENTRY]
    secret = cookies.secret_of(request)
    entry = await request.app[SIGNING].find(secret) if secret and SIGNING in request.app else None
    if entry is not None:
        request[ENTRY] = entry
    return entry
