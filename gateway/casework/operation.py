"""Say what an operation of the API is described by, for the tables that list them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

Schema = dict[str, Any]

JSON: Final = "application/json"
HTML: Final = "text/html"
TEXT: Final = "text/plain"
FLAT: Final = "application/octet-stream"
XML: Final = "application/xml"
CMS: Final = "application/pkcs7-mime"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one parameter in the path, the query or a header."""

    name: str
    place: str
    description: str
    form: Schema
    required: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one successful answer; `schema` names a component."""

    description: str
    schema: str | None = None
    example: Any = None
    media: str = JSON


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one operation. `body` names the component that the request must match.

    `problems` lists statuses beyond those that follow from parameters, body and access.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    body_media: str = JSON
    other_media: tuple[str, ...] = ()
    body_examples: dict[str, Any] = {}
    answers: dict[int, Answer]
    problems: tuple[int, ...] = ()


ID_FORM: Final[Schema] = {"type": "integer", "format": "int64", "minimum": 1}

CASE_ID: Final = Parameter(
    name="case_id",
    place="path",
    description="The agency's own case ID, 1 to 15 characters; never blank, all zeros, `*` or `\\`.",
    form={"type": "string", "minLength": 1, "maxLength": 15, "pattern": r"^[^ *\\][^*\\]*$"},
    required=True,
)
OUTBOUND_ID: Final = Parameter(
    name="transaction_id",
    place="path",
    description="`out-` and a number.",
    form={"type": "string", "pattern": r"^out-[1-9][0-9]{0,17}$"},
    required=True,
)
PURPOSE: Final = Parameter(
    name="X-Purpose",
    place="header",
    description="Why a person wants to see personal fields in clear; they are masked without it. It is kept "
    "in the record. Programs that own the content get it in clear.",
    form={"type": "string", "minLength": 8, "maxLength": 200},
)


IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    description="1 to 64 printable characters. Key and body repeated give the first answer; "
    "the same key with another body is a conflict.",
    form={"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
)


def path_id(name: str, what: str) -> Parameter:
    """Describe a numeric identifier in the path."""
    return Parameter(
        name=name, place="path", description=f"Identifier of the {what}.", form=ID_FORM, required=True
    )


def query_filter(name: str, description: str, form: Schema) -> Parameter:
    """Describe a query parameter."""
    return Parameter(name=name, place="query", description=description, form=form)


def query_choice(name: str, description: str, words: tuple[str, ...]) -> Parameter:
    """Describe a query parameter that takes one of a few words."""
    return query_filter(name, description, {"type": "string", "enum": list(words)})


def query_needed(name: str, description: str, form: Schema) -> Parameter:
    """Describe a query parameter that must be given."""
    return Parameter(name=name, place="query", description=description, form=form, required=True)
