"""Answer operators about the way out and the partners behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from csenet.gateway.casework import answers, requests
from csenet.gateway.casework.ports import DESK
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.casework.requests import LIMITS, Finder
from csenet.gateway.casework.views import View, reply
from csenet.gateway.people.person import PERSON
from csenet.gateway.store.recalls import INSTEAD
from csenet.gateway.store.receipts import STATES

_OUTBOUND: Final = re.compile(r"out-[1-9][0-9]{0,17}")


async def test_partner(request: web.Request) -> web.Response:
    """Send a test message."""
    actor = request[PERSON].name
    return reply(await request.app[DESK].test_partner(request.match_info["partner"], actor=actor))


async def get_delivery(request: web.Request) -> web.Response:
    """Show how the way out fares."""
    requests.query(request).finish()
    return reply(await request.app[DESK].way_out_now())


async def get_dead(request: web.Request) -> web.Response:
    """Show one dead letter."""
    requests.query(request).finish()
    view_id = request.match_info["transaction_id"]
    if _OUTBOUND.fullmatch(view_id) is None:
        raise ApiProblem(Kind.NOT_FOUND, "There is no such transaction of ours.")
    return reply(await request.app[DESK].dead_letter(view_id, request[PERSON].scope))


async def list_receipts(request: web.Request) -> web.Response:
    """List receipts."""
    asked = requests.query(request)
    most = request.app[LIMITS].page_max
    state = asked.take("state", requests.one_of(STATES), f"one of {', '.join(STATES)}")
    limit = asked.take("limit", requests.whole_number(1, most), f"a number from 1 to {most}")
    asked.finish()
    found = await request.app[DESK].list_receipts(state, limit or request.app[LIMITS].page)
    return reply(answers.ReceiptList(receipts=found))


async def hold_partner(request: web.Request) -> web.Response:
    """Hold one partner, or the exchange."""
    reason, desk = await _reason(request), request.app[DESK]
    await desk.hold_partner(request.match_info["partner"], reason, actor=request[PERSON].name)
    return reply(await desk.way_out_now())


async def release_partner(request: web.Request) -> web.Response:
    """Release one partner, or the exchange."""
    desk = request.app[DESK]
    await desk.release_partner(request.match_info["partner"], actor=request[PERSON].name)
    return reply(await desk.way_out_now())


async def recall_transaction(request: web.Request) -> web.Response:
    """Take a transaction back."""
    view_id = request.match_info["transaction_id"]
    if _OUTBOUND.fullmatch(view_id) is None:
        raise ApiProblem(Kind.NOT_FOUND, "There is no such transaction of ours.")
    reason, number = await _reason(request), int(view_id.removeprefix("out-"))
    found = await request.app[DESK].recall([number], reason, actor=request[PERSON].name)
    if number in found.left:
        raise ApiProblem(Kind.CONFLICT, f"It is {found.left[number]}. {INSTEAD[found.left[number]]}")
    if number not in (*found.taken, *found.already):
        raise ApiProblem(Kind.NOT_FOUND, "There is no such transaction of ours.")
    return reply(answers.RecallAnswer(id=view_id, status="cancelled"))


async def _reason(request: web.Request) -> str:
    """Read why an operator does something."""
    body = Finder(await requests.read_object(request), in_body=True)
    reason = body.take("reason", _words, "8 to 200 printable characters, no names or numbers", required=True)
    body.finish()
    if reason is None:
        raise AssertionError("finish lets no missing reason pass")
    return reason


def _words(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 8 <= len(value.strip()) <= 200:
        raise ValueError
    return value.strip()


VIEWS: Final[Mapping[str, View]] = {
    "getDead": get_dead,
    "getDelivery": get_delivery,
    "listReceipts": list_receipts,
    "holdPartner": hold_partner,
    "releasePartner": release_partner,
    "recallTransaction": recall_transaction,
    "testPartner": test_partner,
}
"""The views by the operation they answer."""
