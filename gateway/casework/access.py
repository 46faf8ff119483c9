"""Decide who may call what: one table of role by route, and bearer tokens.

A route that is missing from the table is open to administrators only, so that forgetting a row closes a door
rather than opening one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.store import tokens
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tokens import Role, Token

PUBLIC: Final[frozenset[Role]] = frozenset()
_CASE: Final = frozenset({Role.CASEWORKER, Role.ADMIN})
_LISTS: Final = frozenset({Role.CASEWORKER, Role.OPERATOR, Role.ADMIN})
_OPERATE: Final = frozenset({Role.OPERATOR, Role.ADMIN})
_EXCHANGE: Final = frozenset({Role.EXCHANGE, Role.ADMIN})
_ADMIN_ONLY: Final = frozenset({Role.ADMIN})

ACCESS: Final[Mapping[tuple[str, str], frozenset[Role]]] = {
    ("GET", "/"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    # Whom it lets in is a setting of its own, observe.metrics.
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/v1/openapi.json"): PUBLIC,
    ("GET", "/console/assets/{digest}/{file}"): PUBLIC,
    ("PUT", "/v1/cases/{case_id}"): _CASE,
    ("GET", "/v1/cases/{case_id}"): _CASE,
    ("POST", "/v1/transactions"): _CASE,
    ("GET", "/v1/transactions"): _LISTS,
    ("GET", "/v1/transactions/{transaction_id}"): _CASE,
    ("GET", "/v1/work-items"): _LISTS,
    ("GET", "/v1/work-items/{item_id}"): _CASE,
    ("POST", "/v1/work-items/{item_id}/complete"): _CASE,
    ("GET", "/v1/ledger"): _OPERATE,
    ("GET", "/v1/dead"): _OPERATE,
    ("POST", "/v1/dead/resend"): _OPERATE,
    ("POST", "/v1/exchange/batches"): _EXCHANGE,
    ("GET", "/v1/policy/rules"): _LISTS,
    ("GET", "/v1/policy/rules/{rule}"): _LISTS,
    ("GET", "/v1/policy/deadlines"): _LISTS,
    ("GET", "/v1/policy/diff"): _LISTS,
}

STORE: Final = web.AppKey("store", Store)
TOKEN: Final = web.RequestKey("token", Token)


def route_of(request: web.Request) -> tuple[str, str] | None:
    """Give the method and template of the matched route; None if no route matched.

    HEAD counts as GET.  The template is what may stand in a log: the path itself holds case IDs.
    """
    resource = request.match_info.route.resource
    if resource is None or request.match_info.http_exception is not None:
        return None
    method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
    return method, resource.canonical


async def authorize(request: web.Request) -> None:
    """Let the request pass, or raise the problem 401 or 403.

    The token found is left on the request for the views, which name it in the audit.
    """
    route = route_of(request)
    if route is None:
        return
    allowed = ACCESS.get(route, _ADMIN_ONLY)
    if allowed == PUBLIC:
        return
    token = await _token(request)
    if token.role not in allowed:
        needed = ", ".join(sorted(allowed))
        raise ApiProblem(Kind.FORBIDDEN, f"This needs a token with one of these roles: {needed}.")
    request[TOKEN] = token


async def _token(request: web.Request) -> Token:
    """Find the token that the request shows; a missing, unknown or revoked one is answered alike."""
    scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    token = None
    if scheme.lower() == "bearer" and secret:
        async with request.app[STORE].read() as conn:
            token = await tokens.verify(conn, secret.strip())
    if token is None:
        challenge = 'Bearer realm="csenet"' + (', error="invalid_token"' if secret else "")
        raise ApiProblem(
            Kind.UNAUTHENTICATED,
            "Send the header Authorization: Bearer TOKEN with a token that is valid now.",
            headers={hdrs.WWW_AUTHENTICATE: challenge},
        )
    return token
