"""Wrap each request: correlation ID, access log, problem documents, authorization."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import hdrs, web

from csenet.gateway.away import COME_AGAIN, may_pass
from csenet.gateway.casework import access
from csenet.gateway.casework.problems import (
    ApiProblem,
    Kind,
    from_gateway_error,
    from_http_exception,
    rejected,
    wrongs,
)
from csenet.gateway.console import pages
from csenet.gateway.errors import GatewayError, SlowBody
from csenet.gateway.people.cookies import FORMS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CORRELATION: Final = web.RequestKey("correlation", str)
_LARGEST_FORM: Final = 256 * 1024
_ACCEPTABLE_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_PLAIN: Final = {
    401: "Please sign in: your sign-in has ended, or there was none.",
    403: "If it should, ask an administrator for the role.",
    404: "No page has this address; it may be typed wrongly, or the page is gone.",
    405: "This address is not meant to be opened like that.",
}

log = structlog.get_logger("csenet.gateway.http")


@web.middleware
async def outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its correlation ID, answer it and log it."""
    if request.content_type in FORMS:
        # Anybody may send a form, and it is read whole into memory.
        request = request.clone(client_max_size=min(_LARGEST_FORM, request.client_max_size))
    correlation_id = _correlation_id(request)
    request[CORRELATION] = correlation_id
    started = time.perf_counter()
    # aiohttp serves all requests of a connection in one task: what is bound here must be unbound again.
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        response = await _answer(request, handler)
        if not response.prepared:
            response.headers["X-Correlation-ID"] = correlation_id
        _write_log(request, response, time.perf_counter() - started)
    return response


@web.middleware
async def authorization(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let only those through whom the table of role by route names."""
    await access.authorize(request)
    return await handler(request)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run the request and turn whatever is raised into a problem document."""
    try:
        _refuse_nul(request)
        return await handler(request)
    except ApiProblem as problem:
        return _told(request, problem)
    except web.HTTPException as error:
        if error.status < 400:
            return web.Response(status=error.status, headers=error.headers)
        return _told(request, from_http_exception(error))
    except Exception as error:
        return _told(request, _problem_of(error))


def _refuse_nul(request: web.Request) -> None:
    """Raise what fits an address with a NUL in it: a database server takes none, and nothing has one."""
    if "\0" in request.path:
        raise web.HTTPNotFound
    if any("\0" in part for pair in request.query.items() for part in pair):
        raise ApiProblem(Kind.MALFORMED, "The address holds a NUL.")


def _told(request: web.Request, problem: ApiProblem) -> web.Response:
    """Tell a program by a problem document, and somebody who waits for a page by a page."""
    html = "text/html" in request.headers.get(hdrs.ACCEPT, "") and not request.path.startswith("/v1")
    if not html or pages.NAME not in request.app:
        return problem.response(request[CORRELATION])
    detail = _PLAIN.get(problem.status, problem.detail)
    context = {"title": problem.kind.title, "detail": detail, "instance": request[CORRELATION]}
    response = pages.failed(request, problem.status, context)
    response.headers.update(problem.headers)
    return response


def _problem_of(error: Exception) -> ApiProblem:
    """Translate a failure; what nobody expected is logged and hidden behind a 500.

    Its text may hold values of a case: the answer never gets it, and the log keeps type and places only.
    """
    known = from_gateway_error(error) if isinstance(error, GatewayError) else None
    if known is not None:
        return known
    if isinstance(error, ValueError) and hasattr(error, "problems"):
        return rejected(wrongs(error))
    if isinstance(error, web.RequestPayloadError):
        return ApiProblem(Kind.MALFORMED, "The body breaks off or is not packed as its headers say.")
    if isinstance(error, SlowBody):
        return ApiProblem(Kind.HTTP, "The body came too slowly; see limits.body_seconds.", status=408)
    if may_pass(error):
        detail = "The database is out of reach. Send the same again: what was kept before is known again."
        return ApiProblem(Kind.UNAVAILABLE, detail, headers=COME_AGAIN)
    log.error("http.failed", exc_info=error)
    return ApiProblem(Kind.INTERNAL, "Tell the operator the instance below: it finds the cause in the log.")


def _correlation_id(request: web.Request) -> str:
    """Take the caller's X-Request-ID if it is harmless, otherwise make one."""
    offered = request.headers.get("X-Request-ID", "")
    return offered if _ACCEPTABLE_ID.fullmatch(offered) else str(uuid.uuid4())


def _write_log(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    """Write one line of the access log; the template stands for the path, which may hold a case ID."""
    route = access.route_of(request)
    token = request.get(access.TOKEN)
    log.info(
        "http.request",
        method=request.method if request.method in hdrs.METH_ALL else "(other)",
        route=route[1] if route else "(none)",
        status=response.status,
        milliseconds=round(seconds * 1000, 1),
        token_id=token.id if token else None,
    )
