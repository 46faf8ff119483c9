"""Answer a program that a participant uses, such as the agency's own app: sign in, own cases, sign out.

It shows a bearer token that a sign-in gave it; cookies count for pages only, so that no other site can act.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from csenet.gateway.casework.problems import MEDIA_TYPE, ApiProblem, Kind, ProblemDocument
from csenet.gateway.casework.requests import Finder, read_object
from csenet.gateway.participant.entering import EntryRefused, Visit
from csenet.gateway.participant.seeing import Seen
from csenet.gateway.participant.site import PREFIX, SITE, caller_of
from csenet.gateway.participant.web import NOTICES, text_of
from csenet.gateway.people.limits import holder_of

API: Final = PREFIX + "/api"
_CHALLENGE: Final[Mapping[str, str]] = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="csenet participant"'}
_LONGEST: Final = 64
_NO_STORE: Final = {hdrs.CACHE_CONTROL: "no-store"}


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the token of a sign-in, until when it lasts at most, and the notice to be shown before use."""

    token: str
    ends_at: datetime
    notice: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one of the agency's notices."""

    name: str
    title: str
    text: str


def add_api(app: web.Application) -> None:
    """Add the operations; the application has its site already."""
    app.router.add_post(API + "/sessions", post_session)
    app.router.add_delete(API + "/session", delete_session)
    app.router.add_get(API + "/cases", get_cases)
    app.router.add_get(API + "/notices/{notice}", get_notice)
    app.router.add_get(API + "/openapi.json", get_description)


def _json(value: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=_NO_STORE)


def _wait(seconds: float) -> ApiProblem:
    headers: dict[str, str] = {hdrs.RETRY_AFTER: str(int(seconds) + 1)}
    return ApiProblem(Kind.HTTP, "There were too many requests.", status=429, headers=headers)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise ValueError
    return value


async def post_session(request: web.Request) -> web.Response:
    """Sign in by number and PIN."""
    site, caller = request.app[SITE], caller_of(request)
    seconds = site.tries.wait(holder_of(caller.source))
    if seconds:
        raise _wait(seconds)
    finder = Finder(await read_object(request), in_body=True)
    number = finder.take("number", _text, "the participant number", required=True)
    pin = finder.take("pin", _text, "the PIN", required=True)
    finder.finish()
    try:
        visit = await site.enter(number or "", pin or "", "api", caller)
    except EntryRefused as refusal:
        raise ApiProblem(Kind.UNAUTHENTICATED, str(refusal), headers=_CHALLENGE) from None
    notice = text_of("banner", site)
    return _json(Entered(token=visit.secret, ends_at=visit.ends_at, notice=notice), 201)


async def _visit(request: web.Request) -> Visit:
    scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    visit = None
    if scheme.lower() == "bearer" and secret:
        visit = await request.app[SITE].entering.find(secret.strip(), "api")
    if visit is None:
        raise ApiProblem(
            Kind.UNAUTHENTICATED, "Sign in first, and send the token that you get.", headers=_CHALLENGE
        )
    return visit


async def get_cases(request: web.Request) -> web.Response:
    """Show a participant's own cases; that they were shown is on record before."""
    visit = await _visit(request)
    seconds = request.app[SITE].views.wait(visit.name)
    if seconds:
        raise _wait(seconds)
    return _json(await request.app[SITE].seeing.cases(visit, caller_of(request), "participant api"))


async def delete_session(request: web.Request) -> web.Response:
    """End the sign-in; the token is of no use any more."""
    await request.app[SITE].entering.leave(await _visit(request), caller_of(request))
    return web.Response(status=204, headers=_NO_STORE)


async def get_notice(request: web.Request) -> web.Response:
    """Show one of the agency's notices."""
    name = request.match_info["notice"]
    if name not in NOTICES:
        raise ApiProblem(Kind.NOT_FOUND, f"There are the notices {', '.join(NOTICES)}.")
    return _json(Notice(name=name, title=NOTICES[name], text=text_of(name, request.app[SITE])))


async def get_description(request: web.Request) -> web.Response:
    """Describe these operations."""
    return _json(document(request.app[SITE].jurisdiction_name))


def document(jurisdiction_name: str) -> dict[str, Any]:
    """Write the OpenAPI document of the participants' API."""
    kinds = (Seen, Entered, Notice, ProblemDocument)
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    seen, entered, notice, problem = schemas
    typed = {"type": "string", "minLength": 1, "maxLength": _LONGEST}
    body = {
        "type": "object",
        "required": ["number", "pin"],
        "additionalProperties": False,
        "properties": {"number": typed, "pin": typed},
    }
    named = {"name": "notice", "in": "path", "required": True, "schema": {"enum": list(NOTICES)}}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Participants of {jurisdiction_name}", "version": version("csenet-gateway")},
        "paths": {
            f"{API}/sessions": {
                "post": {
                    "operationId": "enterParticipant",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                    "responses": _answers(problem, 201, entered, 400, 401, 413, 415, 422, 429),
                }
            },
            f"{API}/session": {
                "delete": {
                    "operationId": "leaveParticipant",
                    "security": [{"token": []}],
                    "responses": _answers(problem, 204, None, 401),
                }
            },
            f"{API}/cases": {
                "get": {
                    "operationId": "listOwnCases",
                    "security": [{"token": []}],
                    "responses": _answers(problem, 200, seen, 401, 429),
                }
            },
            f"{API}/notices/{{notice}}": {
                "get": {
                    "operationId": "getNotice",
                    "parameters": [named],
                    "responses": _answers(problem, 200, notice, 404),
                }
            },
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _answers(problem: dict[str, Any], status: int, schema: dict[str, Any] | None, *wrong: int) -> Any:
    good: dict[str, Any] = {"description": "Done."}
    if schema is not None:
        good["content"] = {"application/json": {"schema": schema}}
    bad = {"description": "A problem document.", "content": {MEDIA_TYPE: {"schema": problem}}}
    return {str(status): good, **{str(each): bad for each in wrong}}
