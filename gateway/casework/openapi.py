"""Write the OpenAPI 3.1 document of what an application really offers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from aiohttp import hdrs, web

from csenet.gateway.casework import examples, schemas
from csenet.gateway.casework.access import ACCESS, PUBLIC
from csenet.gateway.casework.block_schemas import reference
from csenet.gateway.casework.operations import JSON, OPERATIONS, Answer, Operation
from csenet.gateway.casework.problems import MEDIA_TYPE, Kind

Schema = dict[str, Any]

_SCHEME: Final = "bearer"
_TAGS: Final = {
    "Cases": "Facts of interstate cases, told by the case system.",
    "Transactions": "What is sent to and received from other states.",
    "Work": "What people or the case system have to do.",
    "Duties": "What we owe other states, and they us, each with its clock.",
    "Releases": "What disclosure rules withhold, released by two persons.",
    "Retention": "Cases that are kept although their time is over.",
    "Participants": "Who of a case may see it; for the agency's own people.",
    "Policy": "What law, profiles and agreements say, and why.",
    "Operation": "For those who run the gateway.",
    "Exchange": "For the exchange.",
    "Service": "Open to everybody: no case, no person.",
}
_CORRELATION: Final[Schema] = {
    "description": "Finds this request in the log. X-Request-ID (8 to 64 letters, digits, dashes) sets it.",
    "schema": {"type": "string"},
}


def routes_of(app: web.Application) -> set[tuple[str, str]]:
    """List what an application offers to programs, as method and path template; HEAD goes without saying."""
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
        and route.method != hdrs.METH_HEAD
        and not route.resource.canonical.startswith("/console/")
    }


def document(app: web.Application, jurisdiction_name: str) -> Schema:
    """Write the document for the routes of this application."""
    offered = routes_of(app)
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        if (operation.method, operation.path) in offered:
            paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"CSENet gateway: {jurisdiction_name}",
            "version": version("csenet-gateway"),
            "summary": "Interstate child support cases: facts in, work items out, transactions to send.",
            "description": (
                "Dates are `YYYY-MM-DD`, moments are UTC, amounts are strings with two decimals. Whatever is "
                "refused is answered with a problem document (RFC 9457) that names every wrong field at once."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {
                _SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token made by `csenet token create`.",
                }
            },
            "headers": {"X-Correlation-ID": _CORRELATION},
            "schemas": schemas.components(),
            "responses": _problem_responses(),
        },
    }


def _operation(operation: Operation) -> Schema:
    """Write one operation."""
    roles = ACCESS.get((operation.method, operation.path), PUBLIC)
    written: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": " ".join(filter(None, (operation.description, _roles_sentence(roles)))),
        "security": [{_SCHEME: []}] if roles != PUBLIC else [],
        "responses": _responses(operation),
    }
    if operation.parameters:
        written["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.required,
                "description": parameter.description,
                "schema": parameter.form,
            }
            for parameter in operation.parameters
        ]
    if operation.body is not None:
        written["requestBody"] = _body(operation, operation.body)
    return written


def _roles_sentence(roles: frozenset[Any]) -> str:
    """Say who may call an operation."""
    return "No token needed." if roles == PUBLIC else f"For the roles {', '.join(sorted(roles))}."


def _body(operation: Operation, component: str) -> Schema:
    """Describe a request's body."""
    content: Schema = {"schema": reference(component)}
    if operation.body_examples:
        content["examples"] = {name: {"value": value} for name, value in operation.body_examples.items()}
    return {
        "required": True,
        "content": dict.fromkeys((operation.body_media, *operation.other_media), content),
    }


def _responses(operation: Operation) -> Schema:
    """Describe every answer of an operation, the problems too."""
    written = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    for status in sorted(_problem_statuses(operation)):
        written[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return written


def _answer(answer: Answer) -> Schema:
    """Describe one success."""
    headers = {"X-Correlation-ID": {"$ref": "#/components/headers/X-Correlation-ID"}}
    told: Schema = {"description": answer.description, "headers": headers}
    content: Schema = {"schema": reference(answer.schema)} if answer.schema else {}
    if answer.example is not None:
        content["example"] = answer.example
    return told | {"content": {answer.media: content}} if content else told


def _problem_statuses(operation: Operation) -> set[int]:
    """Work out which problems an operation can answer with."""
    found = {500, 503, *operation.problems}
    places = {parameter.place for parameter in operation.parameters}
    if ACCESS.get((operation.method, operation.path)) != PUBLIC:
        found |= {401, 403}
    if "path" in places and operation.id != "putCase":
        found.add(404)
    if places & {"query", "header"}:
        found.add(400)
    if operation.body is not None:
        found |= {400, 413}
        found |= {415, 422} if operation.body_media == JSON or operation.other_media else set()
    return found


def _problem_responses() -> Schema:
    """Describe one answer for each status of a problem."""
    titles: dict[int, str] = {}
    for kind in Kind:
        titles.setdefault(kind.status, kind.title)
    written: Schema = {}
    for status, title in titles.items():
        content: Schema = {"schema": reference("ProblemDocument")}
        if status == examples.PROBLEM["status"]:
            content["example"] = examples.PROBLEM
        described: Schema = {
            "description": f"{title}.",
            "headers": {"X-Correlation-ID": {"$ref": "#/components/headers/X-Correlation-ID"}},
            "content": {MEDIA_TYPE: content},
        }
        if status == Kind.UNAUTHENTICATED.status:
            described["headers"] |= {"WWW-Authenticate": {"schema": {"type": "string"}}}
        if status == Kind.UNAVAILABLE.status:
            described["headers"] |= {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
        written[f"Problem{status}"] = described
    return written
