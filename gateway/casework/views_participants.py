"""Answer the agency's own people who let participants in and keep them out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from csenet.gateway.casework import requests
from csenet.gateway.casework.access import STORE
from csenet.gateway.casework.ports import CLOCK, READER
from csenet.gateway.casework.requests import LIMITS, Finder
from csenet.gateway.casework.views import View, reply
from csenet.gateway.desk.names import case_key
from csenet.gateway.participant.enrolling import Enrolling
from csenet.gateway.participant.managing import Managing
from csenet.gateway.people.person import PERSON

ROLES: Final = ("ncp", "cp")
_CREATED: Final = 201
_LONGEST: Final = 15
_LONGEST_NUMBER: Final = 32


def _case(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(case_key(value)) <= _LONGEST:
        raise ValueError
    return case_key(value)


def _number(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NUMBER:
        raise ValueError
    return value


def _yes(value: Any) -> bool:
    if value is not True:
        raise ValueError
    return True


def _managing(request: web.Request) -> Managing:
    app = request.app
    return Managing(app[STORE], app[CLOCK], app[READER], request[PERSON], "api")


async def list_participants(request: web.Request) -> web.Response:
    """List participants of the cases that one may see."""
    asked, limits = requests.query(request), request.app[LIMITS]
    case_id = asked.take("case_id", _case, "a case ID")
    after = asked.take("after", requests.whole_number(0), "the `next` of an earlier page")
    hint = f"a number from 1 to {limits.page_max}"
    limit = asked.take("limit", requests.whole_number(1, limits.page_max), hint) or limits.page
    asked.finish()
    return reply(await _managing(request).page(case_id, after or 0, limit))


async def enrol(request: web.Request) -> web.Response:
    """Let somebody of a case in; number and PIN stand in this answer and nowhere after it."""
    body = Finder(await requests.read_object(request), in_body=True)
    case_id = body.take("case_id", _case, "a case ID", required=True)
    role = body.take("role", requests.one_of(ROLES), f"one of {', '.join(ROLES)}", required=True)
    number = body.take("number", _number, "a participant number")
    body.finish()
    actor = request[PERSON].name
    made = await _managing(request).act(
        "participant.enrol",
        lambda each: each.enrol(case_id or "", role or "", number=number, actor=actor),
    )
    return reply(made, _CREATED)


async def reset_pin(request: web.Request) -> web.Response:
    """Give another PIN, which stands in this answer and nowhere after it."""
    row, actor = requests.identifier(request, "participant_id"), request[PERSON].name
    await _nothing_else(request)
    made = await _managing(request).act("participant.reset", lambda each: each.reset_pin(row, actor=actor))
    return reply(made)


async def lock(request: web.Request) -> web.Response:
    """Let somebody in no more until they are unlocked."""
    return await _done(request, "participant.lock", lambda each, row, who: each.lock(row, actor=who))


async def unlock(request: web.Request) -> web.Response:
    """Let somebody in again."""
    return await _done(request, "participant.unlock", lambda each, row, who: each.unlock(row, actor=who))


async def revoke(request: web.Request) -> web.Response:
    """Let somebody see a case, or anything, no more."""
    row, actor = requests.identifier(request, "participant_id"), request[PERSON].name
    body = Finder(await requests.read_object(request), in_body=True)
    case_id = body.take("case_id", _case, "a case ID")
    whole = body.take("whole", _yes, "true")
    if (case_id is None) is (whole is None):
        # What is left out by mistake must not end everything.
        body.wrong("case_id", "request.either", "Say which case, or that the whole number ends: one of both.")
    body.finish()
    await _managing(request).act(
        "participant.revoke", lambda each: each.revoke(row, case_id=case_id, actor=actor)
    )
    return web.Response(status=204)


async def _done(
    request: web.Request, action: str, work: Callable[[Enrolling, int, str], Awaitable[None]]
) -> web.Response:
    row, actor = requests.identifier(request, "participant_id"), request[PERSON].name
    await _nothing_else(request)
    await _managing(request).act(action, lambda each: work(each, row, actor))
    return web.Response(status=204)


async def _nothing_else(request: web.Request) -> None:
    """Refuse a body that says more than the path does: somebody would believe that it counted."""
    Finder(await requests.read_object(request), in_body=True).finish()


VIEWS: Final[Mapping[str, View]] = {
    "listParticipants": list_participants,
    "enrolParticipant": enrol,
    "resetParticipantPin": reset_pin,
    "lockParticipant": lock,
    "unlockParticipant": unlock,
    "revokeParticipant": revoke,
}
"""The views by the operation they answer."""
