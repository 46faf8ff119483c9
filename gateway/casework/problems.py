"""Say what went wrong as RFC 9457 problem documents, naming every wrong field at once.

Views raise `ApiProblem`; a middleware turns it, and what lower floors raise, into a document.  Texts name
fields, rules and positions, never the value that was wrong: values are personal data.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from enum import Enum
from typing import Any

import msgspec
from aiohttp import web

from csenet.codecs.layout import python_name
from csenet.gateway.away import COME_AGAIN
from csenet.gateway.desk.results import Conflict, TransactionRejected
from csenet.gateway.errors import GatewayError, NotFound, Rejected
from csenet.gateway.people.looks import ReadRefused, Unrecorded
from csenet.handlers.facts import BLOCKS, REPEATED

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:csenet:problem:"


class Kind(Enum):
    """List every kind of problem that the API answers with: name in the URN, HTTP status, title."""

    MALFORMED = ("malformed-request", 400, "The request cannot be read")
    PARAMETERS = ("invalid-parameters", 400, "Parameters of the request are wrong")
    UNAUTHENTICATED = ("unauthenticated", 401, "A valid access token is needed")
    FORBIDDEN = ("forbidden", 403, "Your role does not allow this")
    NOT_FOUND = ("not-found", 404, "There is nothing here")
    METHOD = ("method-not-allowed", 405, "This method is not offered here")
    CONFLICT = ("conflict", 409, "The request contradicts an earlier one")
    TOO_LARGE = ("too-large", 413, "The request is too large")
    MEDIA_TYPE = ("unsupported-media-type", 415, "The content type is not supported")
    REJECTED = ("rejected", 422, "The request was understood and refused")
    HTTP = ("http-error", 400, "The request cannot be served")
    INTERNAL = ("internal-error", 500, "Something went wrong inside the gateway")
    UNAVAILABLE = ("unavailable", 503, "The gateway cannot serve requests at the moment")

    def __init__(self, slug: str, status: int, title: str) -> None:
        """Unpack the row."""
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def urn(self) -> str:
        """Give the stable identifier that clients may compare."""
        return TYPE_PREFIX + self.slug


class Wrong(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Name one thing that is wrong.

    `pointer` is an RFC 6901 JSON pointer into the request's body; `parameter` names a query, path or header
    parameter instead, and `fact` a place in the facts of the case when those are to be completed.  `field`
    is the federal name of a field, `columns` its first and last position within the block, `severity` what
    the exchange would do, `citation` the chart or rule that says so.
    """

    code: str
    message: str
    severity: str | None = None
    pointer: str | None = None
    parameter: str | None = None
    fact: str | None = None
    field: str | None = None
    columns: str | None = None
    citation: str | None = None


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hold the body of every answer that is not a success.

    `instance` carries the correlation ID, which also stands in the log and in the X-Correlation-ID header.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: tuple[Wrong, ...] = ()


class ApiProblem(Exception):  # noqa: N818 - an answer, not an accident
    """Carry one problem from the place that finds it to the middleware that answers it."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Iterable[Wrong] = (),
        *,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        """Keep what the document needs; `status` overrides the kind's own for plain HTTP errors."""
        super().__init__(kind.slug)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.status = kind.status if status is None else status

    def document(self, correlation_id: str) -> ProblemDocument:
        """Write the document for one request."""
        return ProblemDocument(
            type=self.kind.urn,
            title=self.kind.title,
            status=self.status,
            detail=self.detail,
            instance=f"urn:csenet:request:{correlation_id}",
            errors=self.errors,
        )

    def response(self, correlation_id: str) -> web.Response:
        """Answer a request with the document."""
        return web.Response(
            body=msgspec.json.encode(self.document(correlation_id)),
            status=self.status,
            content_type=MEDIA_TYPE,
            headers=self.headers,
        )


def from_http_exception(error: web.HTTPException) -> ApiProblem:
    """Translate aiohttp's own answers: unknown path, method not offered, body too large, others."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return ApiProblem(Kind.METHOD, f"Offered here: {allowed}.", headers={"Allow": allowed})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ApiProblem(Kind.TOO_LARGE, "Send less at once.")
    if isinstance(error, web.HTTPNotFound):
        return ApiProblem(Kind.NOT_FOUND, "No such path; see /v1/openapi.json for those that exist.")
    by_status = {kind.status: kind for kind in Kind if kind is not Kind.PARAMETERS}
    kind = by_status.get(error.status, Kind.INTERNAL if error.status >= 500 else Kind.HTTP)
    return ApiProblem(kind, kind.title + ".", status=error.status)


def from_gateway_error(error: GatewayError) -> ApiProblem | None:
    """Translate what the desk refuses; None for a failure that is the gateway's own fault."""
    if isinstance(error, NotFound):
        return ApiProblem(Kind.NOT_FOUND, "No such case, transaction or work item.")
    if isinstance(error, Conflict):
        return ApiProblem(Kind.CONFLICT, str(error) or f"{Kind.CONFLICT.title}.")
    if isinstance(error, Rejected):
        return rejected(wrongs(error), work_of(error))
    if isinstance(error, ReadRefused):
        if isinstance(error, Unrecorded):
            return ApiProblem(Kind.UNAVAILABLE, str(error), headers=COME_AGAIN)
        return ApiProblem(Kind.FORBIDDEN, str(error))
    return None


def about_facts(error: Rejected, body: Container[str]) -> ApiProblem:
    """Refuse a transaction asked for by its code: what is wrong stands in the body or in the case's facts."""
    found = []
    for wrong in wrongs(error):
        place = wrong.pointer or ""
        top = place.split("/")[1] if place else ""
        if not place or place == "/header":
            # What names no place is about the code that was asked for.
            wrong = msgspec.structs.replace(wrong, pointer="/far")
        if top and top not in body and top not in ("case_id", "far"):
            fact = place if top in BLOCKS else None
            wrong = msgspec.structs.replace(wrong, pointer=None, fact=fact)
        found.append(wrong)
    return rejected(found, work_of(error))


def work_of(error: Rejected) -> int | None:
    """Give the number of the work that takes the place of what was refused."""
    return error.work_item if isinstance(error, TransactionRejected) else None


def rejected(errors: Iterable[Wrong], work_item: int | None = None) -> ApiProblem:
    """Refuse a request that was understood, with every reason, and name the work that takes its place."""
    found = tuple(errors)
    count = "One thing is" if len(found) == 1 else f"{len(found)} things are"
    follows = "nothing was changed"
    if work_item is not None:
        follows = f"nothing was queued, and work item {work_item} has a person do it instead"
    return ApiProblem(Kind.REJECTED, f"{count} wrong; {follows}.", found)


def wrongs(error: Exception) -> tuple[Wrong, ...]:
    """Collect the problems that an exception carries, whether codec problems or (path, text) pairs."""
    return tuple(wrong_from(problem) for problem in getattr(error, "problems", ()))


def wrong_from(problem: Any) -> Wrong:
    """Translate one problem of a lower floor."""
    if isinstance(problem, tuple):
        path, message = problem
        return Wrong(code="request.invalid", message=str(message), pointer=pointer_from_path(str(path)))
    return Wrong(
        code=problem.code,
        message=problem.message,
        severity=problem.severity.value,
        pointer=pointer_from_block(problem.block, problem.occurrence, problem.field),
        field=problem.field or None,
        columns="{}-{}".format(*problem.columns) if problem.columns else None,
        citation=problem.citation or None,
    )


def pointer_from_path(path: str) -> str:
    """Turn `orders[0].amount` or `orders.0.amount` into the JSON pointer `/orders/0/amount`."""
    parts = [part for part in re.split(r"[.\[\]/]+", path) if part and part != "$"]
    return "".join("/" + part.replace("~", "~0") for part in parts)


def pointer_from_block(block: str, occurrence: int, federal: str) -> str:
    """Turn a place in a transaction into a JSON pointer of its JSON form."""
    if not block:
        return ""
    place = f"/{block}/{occurrence - 1}" if block in REPEATED else f"/{block}"
    return f"{place}/{python_name(federal)}" if federal else place
