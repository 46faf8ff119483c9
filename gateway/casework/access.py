"""Decide who may call what: the person behind each request, and the right that its route needs.

Which right a route needs, and whose it is, stands in `gateway/people/rights.toml`.  A route that has no row
there is nobody's, so that forgetting a row closes a door rather than opening one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from aiohttp import hdrs, web

from csenet.gateway.casework.operations import OPERATIONS
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.people import cookies, tokens
from csenet.gateway.people.entering import caller_of, entry_of
from csenet.gateway.people.person import PERSON, Person, machine
from csenet.gateway.people.rights import OPEN, Right, Role, Route, allows, table
from csenet.gateway.people.signing import FULL
from csenet.gateway.people.tokens import Token
from csenet.gateway.store.engine import Store
from csenet.gateway.store.errors import is_away


def _needs() -> Mapping[Route, str]:
    """Find what each route needs; operations without a row are left out."""
    found = dict(table().page_routes())
    rows = table().operations
    found |= {(each.method, each.path): rows[each.id] for each in OPERATIONS if each.id in rows}
    return MappingProxyType(found)


NEEDS: Final = _needs()
"""The right that each route needs, or ``open``."""

PUBLIC: Final[frozenset[Role]] = frozenset()
ACCESS: Final[Mapping[Route, frozenset[Role]]] = MappingProxyType(
    {
        route: PUBLIC if needed == OPEN else table().roles_with(Right(needed))
        for route, needed in NEEDS.items()
    }
)
"""The roles that each route is for; follows from the table, nothing is added here."""

STORE: Final = web.AppKey("store", Store)
TOKEN: Final = web.RequestKey("token", Token)


def route_of(request: web.Request) -> Route | None:
    """Give the method and template of the matched route; None if no route matched.

    HEAD counts as GET.  The template is what may stand in a log: the path itself holds case IDs.
    """
    resource = request.match_info.route.resource
    if resource is None or request.match_info.http_exception is not None:
        return None
    method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
    return method, resource.canonical


def lets_in(route: Route, person: Person) -> bool:
    """Tell whether a route is for somebody; one without a row is nobody's."""
    return allows(person.roles, NEEDS.get(route))


async def authorize(request: web.Request) -> None:
    """Let the request pass with its person on it, or raise the problem 401 or 403."""
    route = route_of(request)
    if route is None:
        if _is_page(request):
            # So that the page that says so has the menu.
            await _named(request)
        return
    needed = NEEDS.get(route)
    if needed == OPEN:
        await _named(request)
        return
    person = await _person(request)
    if not lets_in(route, person):
        raise _forbidden(needed)
    request[PERSON] = person


def _forbidden(needed: str | None) -> ApiProblem:
    """Say which roles would do."""
    roles = () if needed is None else sorted(table().roles_with(Right(needed)))
    return ApiProblem(Kind.FORBIDDEN, f"This needs one of these roles: {', '.join(roles) or 'none has it'}.")


async def _person(request: web.Request) -> Person:
    """Find who calls: a program by its token, or somebody who signed in by their cookie."""
    if hdrs.AUTHORIZATION not in request.headers:
        person = await _signed_in(request)
        if person is not None:
            if not await cookies.is_ours(request):
                raise ApiProblem(Kind.FORBIDDEN, "This did not come from a page of ours; load it again.")
            return person
        if _is_page(request):
            raise web.HTTPSeeOther("/sign-in?" + urlencode({"next": request.path}))
    token = await _token(request)
    request[TOKEN] = token
    return machine(token.name, token.roles, request, f"token {token.id}")


async def _named(request: web.Request) -> None:
    """Find out who is signed in, only so that a page can say so: it opens too while nobody can be asked."""
    try:
        await _signed_in(request)
    except Exception as error:
        if not is_away(error):
            raise


async def visitor(request: web.Request) -> Person | None:
    """Find who looks at what is open to everybody; who shows something that does not hold is nobody."""
    if PERSON not in request and hdrs.AUTHORIZATION in request.headers:
        try:
            request[PERSON] = await _person(request)
        except Exception as error:
            if not (isinstance(error, ApiProblem) or is_away(error)):
                raise
    found: Person | None = request.get(PERSON)
    return found


async def _signed_in(request: web.Request) -> Person | None:
    """Find who is signed in, past the last step, and put them on the request."""
    entry = await entry_of(request)
    if entry is None or entry.stage != FULL:
        return None
    person = request[PERSON] = entry.person(caller_of(request))
    return person


def _is_page(request: web.Request) -> bool:
    """Tell whether a person waits for a page rather than a program for an answer."""
    wanted = request.headers.get(hdrs.ACCEPT, "")
    return request.method == hdrs.METH_GET and "text/html" in wanted and not request.path.startswith("/v1")


async def _token(request: web.Request) -> Token:
    """Find the token that the request shows; a missing, unknown or revoked one is answered alike."""
    scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    token = None
    if scheme.lower() == "bearer" and secret:
        async with request.app[STORE].glance() as conn:
            token = await tokens.verify(conn, secret.strip())
    if token is None:
        challenge = 'Bearer realm="csenet"' + (', error="invalid_token"' if secret else "")
        raise ApiProblem(
            Kind.UNAUTHENTICATED,
            "Send the header Authorization: Bearer TOKEN with a token that is valid now.",
            headers={hdrs.WWW_AUTHENTICATE: challenge},
        )
    return token
