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


def path_part(name: str, description: str, form: Schema) -> Parameter:
    """Describe a part of the path."""
    return Parameter(name=name, place="path", description=description, form=form, required=True)


def path_id(name: str, what: str) -> Parameter:
    """Describe a numeric identifier in the path."""
    return path_part(name, f"Identifier of the {what}.", ID_FORM)


def query_filter(name: str, description: str, form: Schema) -> Parameter:
    """Describe a query parameter."""
    return Parameter(name=name, place="query", description=description, form=form)


def query_choice(name: str, description: str, words: tuple[str, ...]) -> Parameter:
    """Describe a query parameter that takes one of a few words."""
    return query_filter(name, description, {"type": "string", "enum": list(words)})


def query_flag(name: str, description: str) -> Parameter:
    """Describe a query parameter that says yes or no."""
    return query_choice(name, description, ("true", "false"))


def query_needed(name: str, description: str, form: Schema) -> Parameter:
    """Describe a query parameter that must be given."""
    return Parameter(name=name, place="query", description=description, form=form, required=True)


def query_after(form: Schema) -> Parameter:
    """Describe the query parameter that asks for the next page."""
    return query_filter("after", "Go on after an earlier page: pass its `next`.", form)


ID_FORM: Final[Schema] = {"type": "integer", "format": "int64", "minimum": 1}
WORD_FORM: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 64}
DAY_FORM: Final[Schema] = {"type": "string", "format": "date"}
STATE_FORM: Final[Schema] = {"type": "string", "pattern": r"^\d{2}$"}

CASE_ID: Final = path_part(
    "case_id",
    "The agency's own case ID, 1 to 15 characters; never blank, all zeros, `*` or `\\`.",
    {"type": "string", "minLength": 1, "maxLength": 15, "pattern": r"^[^ *\\][^*\\]*$"},
)
OUTBOUND_ID: Final = path_part(
    "transaction_id", "`out-` and a number.", {"type": "string", "pattern": r"^out-[1-9][0-9]{0,17}$"}
)
OF_CASE: Final = query_filter("case_id", "Of this case of ours.", CASE_ID.form)
WITH_PARTNER: Final = query_filter("partner", "With this state, by its two-digit FIPS code.", STATE_FORM)
LIMIT: Final = query_filter("limit", "How many to list at most.", {"type": "integer", "minimum": 1})
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
