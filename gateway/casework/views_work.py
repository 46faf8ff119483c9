"""Answer what people do with work items besides completing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from csenet.gateway.casework import requests
from csenet.gateway.casework.ports import DESK, READER
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.casework.requests import Finder
from csenet.gateway.casework.views import View, reply
from csenet.gateway.people.person import PERSON


def _text(value: Any) -> str:
    """Let text pass; the desk judges how much."""
    if not isinstance(value, str):
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


async def get_history(request: web.Request) -> web.Response:
    """Show an item with all that happened to it; looking at it is recorded like looking at the item."""
    item_id = requests.identifier(request, "item_id")
    shown = await request.app[READER].work_item(request[PERSON], item_id)
    history = await request.app[DESK].work_history(item_id)
    if shown is None or history is None:
        raise ApiProblem(Kind.NOT_FOUND, "There is no such work item.")
    return reply(history)


async def assign(request: web.Request) -> web.Response:
    """Give an item to somebody."""
    item_id = requests.identifier(request, "item_id")
    body = Finder(await requests.read_object(request), in_body=True)
    worker = body.take("worker", _text, "a text")
    office = body.take("office", _text, "a text")
    body.finish()
    await request.app[READER].must_see_work(request[PERSON], item_id, "work.assign")
    actor = request[PERSON].name
    return reply(await request.app[DESK].assign_work(item_id, worker=worker, office=office, actor=actor))


async def comment(request: web.Request) -> web.Response:
    """Keep a comment."""
    item_id = requests.identifier(request, "item_id")
    body = Finder(await requests.read_object(request), in_body=True)
    text = body.take("text", _text, "a text", required=True)
    body.finish()
    await request.app[READER].must_see_work(request[PERSON], item_id, "work.comment")
    return reply(await request.app[DESK].comment_work(item_id, text or "", actor=request[PERSON].name))


async def reopen(request: web.Request) -> web.Response:
    """Open an item again."""
    item_id = requests.identifier(request, "item_id")
    body = Finder(await requests.read_object(request), in_body=True)
    reason = body.take("reason", _text, "a text", required=True)
    body.finish()
    await request.app[READER].must_see_work(request[PERSON], item_id, "work.reopen")
    return reply(await request.app[DESK].reopen_work(item_id, reason or "", actor=request[PERSON].name))


async def reassign(request: web.Request) -> web.Response:
    """Give open work out anew."""
    body = Finder(await requests.read_object(request), in_body=True)
    dry_run = body.take("dry_run", _flag, "true or false") or False
    by_hand = body.take("by_hand", _flag, "true or false") or False
    body.finish()
    desk = request.app[DESK]
    return reply(await desk.reassign(dry_run=dry_run, by_hand=by_hand, actor=request[PERSON].name))


VIEWS: Final[Mapping[str, View]] = {
    "getWorkHistory": get_history,
    "assignWorkItem": assign,
    "commentWorkItem": comment,
    "reassignWork": reassign,
    "reopenWorkItem": reopen,
}
"""The views by the operation they answer."""
