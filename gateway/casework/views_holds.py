"""Answer those who keep cases from being purged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web

from csenet.gateway.casework import requests
from csenet.gateway.casework.ports import DESK, READER
from csenet.gateway.casework.requests import Finder
from csenet.gateway.casework.views import View, case_in_path, reply
from csenet.gateway.desk.holding import HoldView
from csenet.gateway.people.person import PERSON

_CREATED: Final = 201


class HoldPage(msgspec.Struct, frozen=True, kw_only=True):
    """List holds, oldest first."""

    holds: Sequence[HoldView]


async def _read(request: web.Request, action: str) -> tuple[str, str]:
    """Read the case and the reason; somebody who may not see the case finds none."""
    body = Finder(await requests.read_object(request), in_body=True)
    reason = body.take("reason", requests.reason, requests.REASON, required=True)
    body.finish()
    if reason is None:
        raise AssertionError("finish lets nothing pass that is required")
    case_id = case_in_path(request)
    await request.app[READER].must_see(request[PERSON], case_id, action)
    return case_id, reason


async def hold(request: web.Request) -> web.Response:
    """Keep a case."""
    case_id, reason = await _read(request, "hold.add")
    return reply(await request.app[DESK].hold_case(case_id, reason, actor=request[PERSON].name), _CREATED)


async def release(request: web.Request) -> web.Response:
    """Let a case go."""
    case_id, reason = await _read(request, "hold.release")
    return reply(await request.app[DESK].release_case(case_id, reason, actor=request[PERSON].name))


async def list_holds(request: web.Request) -> web.Response:
    """List holds."""
    query = requests.query(request)
    ended = query.take("all", requests.one_of(("true", "false")), "true or false")
    query.finish()
    return reply(HoldPage(holds=await request.app[DESK].list_holds(ended=ended == "true")))


VIEWS: Final[Mapping[str, View]] = {"listHolds": list_holds, "holdCase": hold, "releaseCase": release}
"""The views by the operation they answer."""
