"""Answer who corrects what did not get through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from csenet.gateway.casework import requests
from csenet.gateway.casework.ports import DESK, READER
from csenet.gateway.casework.views import View, key_of, reply
from csenet.gateway.people.person import PERSON

_ACCEPTED: Final = 202


async def correct_transaction(request: web.Request) -> web.Response:
    """Correct a transaction and send it again."""
    actor = request[PERSON].name
    key = key_of(request, actor)
    obj = await requests.read_object(request)
    view_id = request.match_info["transaction_id"]
    await request.app[READER].must_see_transaction(request[PERSON], view_id, "transaction.correct")
    result = await request.app[DESK].correct(view_id, obj, idempotency_key=key, actor=actor)
    return reply(result, _ACCEPTED)


VIEWS: Final[Mapping[str, View]] = {"correctTransaction": correct_transaction}
"""The views by the operation they answer."""
