"""Answer those who ask for releases of withheld data, and those who decide about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from csenet.gateway.casework import requests
from csenet.gateway.casework.ports import DESK, READER
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.casework.requests import Finder
from csenet.gateway.casework.views import View, reply
from csenet.gateway.desk.releases import ReleaseView
from csenet.gateway.people.person import PERSON

_CREATED: Final = 201


class ReleasePage(msgspec.Struct, frozen=True, kw_only=True):
    """List releases, newest first."""

    releases: Sequence[ReleaseView]


class ReleaseDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Show a release with the transaction that is to leave, masked unless a purpose was given."""

    release: ReleaseView
    content: dict[str, Any]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


async def ask(request: web.Request) -> web.Response:
    """Keep what somebody wants to send although it is withheld."""
    body = Finder(await requests.read_object(request), in_body=True)
    wish = body.take("transaction", _object, "a whole transaction", required=True)
    reason = body.take("reason", requests.reason, requests.REASON, required=True)
    body.finish()
    if wish is None or reason is None:
        raise AssertionError("finish lets nothing pass that is required")
    person = request[PERSON]
    await request.app[READER].must_see(person, requests.case_of(wish), "release.ask")
    return reply(await request.app[DESK].ask_release(wish, reason, actor=person.name), _CREATED)


async def list_releases(request: web.Request) -> web.Response:
    """List releases."""
    requests.query(request).finish()
    found = await request.app[READER].releases(request[PERSON])
    return reply(ReleasePage(releases=found))


async def get_release(request: web.Request) -> web.Response:
    """Show a release."""
    number = requests.identifier(request, "release_id")
    found = await request.app[READER].release(request[PERSON], number, requests.looking(request))
    if found is None:
        raise ApiProblem(Kind.NOT_FOUND, "There is no such release.")
    view, content = found
    return reply(ReleaseDetail(release=view, content=content))


async def approve(request: web.Request) -> web.Response:
    """Send what was asked for, as the second person."""
    number = requests.identifier(request, "release_id")
    return reply(await request.app[DESK].approve_release(number, actor=request[PERSON].name))


async def refuse(request: web.Request) -> web.Response:
    """Leave it withheld."""
    number = requests.identifier(request, "release_id")
    body = Finder(await requests.read_object(request), in_body=True)
    reason = body.take("reason", requests.reason, requests.REASON, required=True)
    body.finish()
    if reason is None:
        raise AssertionError("finish lets nothing pass that is required")
    return reply(await request.app[DESK].refuse_release(number, reason, actor=request[PERSON].name))


VIEWS: Final[Mapping[str, View]] = {
    "askRelease": ask,
    "listReleases": list_releases,
    "getRelease": get_release,
    "approveRelease": approve,
    "refuseRelease": refuse,
}
"""The views by the operation they answer."""
