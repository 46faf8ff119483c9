"""Answer the case system when it says what has happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from csenet.gateway.casework import requests
from csenet.gateway.casework.ports import DESK
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.casework.views import View, reply
from csenet.gateway.desk.facts_in import FORMERLY
from csenet.gateway.errors import NotFound
from csenet.gateway.people.person import PERSON
from csenet.handlers.event_table import MEMBERS, kinds
from csenet.handlers.facts import BLOCKS

_ACCEPTED: Final = 202


async def report_event(request: web.Request) -> web.Response:
    """Take in one event on a case."""
    asked = requests.query(request)
    words = requests.one_of(("true", "false"))
    dry_run = asked.take("dry_run", words, "true or false") == "true"
    asked.finish()
    obj = await requests.read_object(request)
    case_id = request.match_info["case_id"]
    try:
        result = await request.app[DESK].happened(case_id, obj, dry_run=dry_run, actor=request[PERSON].name)
    except NotFound as missing:
        raise ApiProblem(Kind.NOT_FOUND, f"{str(missing).capitalize()}.") from None
    return reply(result, 200 if result.repeated or dry_run else _ACCEPTED)


VIEWS: Final[Mapping[str, View]] = {"reportEvent": report_event}
"""The views by the operation they answer."""


def event_schema(
    facts: Mapping[str, Any], day: Mapping[str, Any], collection: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe an event: its own members, and all that one kind or another may say of the facts."""
    text = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    own: dict[str, Any] = {
        "id": {"type": "string", "pattern": "^[!-~]{1,64}$", "description": "Makes the event count once."},
        "kind": {"type": "string", "enum": sorted(kinds())},
        "on": {**day, "description": "The day it happened; today if left out."},
        "of": {"type": "string", "enum": sorted({sort for row in kinds().values() for sort in row.of})},
        "date": {**day, "description": "The day that the event is about, such as that of a hearing."},
        "criterion": {"type": "string", "description": "A ground for closing: its code or paragraph."},
        "new_case_id": {"type": "string", "minLength": 1, "maxLength": 15},
        "text": {**text, "description": "Words for the other state; never cut."},
        "collections": {"type": "array", "items": collection},
    }
    assert set(MEMBERS) < own.keys()  # noqa: S101 - the two lists are one
    said = {name: form for name, form in facts.items() if name not in ("role", FORMERLY)}
    return {
        "type": "object",
        "description": "Something that happened on a case. What is null is erased from the facts. "
        f"The blocks {', '.join(BLOCKS)} hold only what the event says.",
        "additionalProperties": False,
        "properties": own | said,
        "required": ["id", "kind"],
    }
