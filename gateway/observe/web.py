"""Show the metrics to whoever may read them, and count the requests that are answered."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from csenet.gateway.casework.access import route_of
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.observe.registry import CONTENT_TYPE
from csenet.gateway.settings.kinds import is_loopback

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

    from csenet.gateway.casework.middleware import Handler
    from csenet.gateway.observe.registry import Metrics
    from csenet.gateway.observe.sampling import Sampler
    from csenet.gateway.settings.observe import ObserveSection

PATH: Final = "/metrics"
_READINESS: Final = "/readyz"
# A proxy on this machine passes on what came from elsewhere.
_PASSED_ON: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def add_metrics(app: web.Application, observe: ObserveSection, metrics: Metrics, sampler: Sampler) -> None:
    """Add ``GET /metrics``, and count each request from now on."""
    app.middlewares.insert(0, _counting(metrics))

    async def show(request: web.Request) -> web.Response:
        _let_in(request, observe)
        sampler.refresh()
        body = metrics.text()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    app.router.add_get(PATH, show)


def _let_in(request: web.Request, observe: ObserveSection) -> None:
    """Let in whom the setting names; raises the problem 401, 403 or 404."""
    if observe.metrics == "off":
        raise web.HTTPNotFound
    if observe.metrics == "loopback":
        if is_loopback(request.remote or "") and not any(name in request.headers for name in _PASSED_ON):
            return
        raise ApiProblem(Kind.FORBIDDEN, "The metrics are for this machine only; see observe.metrics.")
    scheme, _, shown = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if observe.token_file is not None and scheme.lower() == "bearer":
        # Read each time, so that it can be changed without a restart.
        expected = observe.token_file.read_text("utf-8").strip()
        if expected and hmac.compare_digest(shown.strip().encode(), expected.encode()):
            return
    raise ApiProblem(
        Kind.UNAUTHENTICATED,
        "Send the header Authorization: Bearer TOKEN with the token of observe.token_file.",
        headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="metrics"'},
    )


def _counting(metrics: Metrics) -> Middleware:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun, status = time.perf_counter(), 500
        try:
            response = await handler(request)
            status = response.status
        finally:
            _note(metrics, request, status, time.perf_counter() - begun)
        return response

    return count


def _note(metrics: Metrics, request: web.Request, status: int, seconds: float) -> None:
    found = route_of(request)
    route = found[1] if found else "(none)"
    kind, method = f"{status // 100}xx", request.method
    metrics.add("csenet_http_requests_total", route=route, method=method, status=kind)
    metrics.observe("csenet_http_request_seconds", seconds, method=method)
    # What asks again and again whether the gateway is ready would make one fault look like many.
    if status >= 500 and route != _READINESS:
        metrics.add("csenet_errors_total", part="http")
