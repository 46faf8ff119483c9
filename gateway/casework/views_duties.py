"""Answer questions about duties."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from csenet.gateway.casework import requests
from csenet.gateway.casework.ports import CLOCK, DESK
from csenet.gateway.casework.requests import LIMITS
from csenet.gateway.casework.views import View, reply
from csenet.gateway.people.person import PERSON
from csenet.gateway.store.duties import DutyFilter
from csenet.handlers.policy.kept_duties import SIDES

_LONGEST_WAIT: Final = 3660


def _month(value: Any) -> date:
    """Read a month as its first day."""
    return requests.iso_date(f"{value}-01")


async def list_duties(request: web.Request) -> web.Response:
    """List duties."""
    asked = requests.query(request)
    most = request.app[LIMITS].page_max
    today = request.app[CLOCK].today()
    within = asked.take(
        "due_within", requests.whole_number(0, _LONGEST_WAIT), f"a number of days from 0 to {_LONGEST_WAIT}"
    )
    overdue = asked.take("overdue", requests.one_of(("true", "false")), "true or false")
    everything = asked.take("all", requests.one_of(("true", "false")), "true or false")
    filters = DutyFilter(
        side=asked.take("side", requests.one_of(SIDES), "we-owe or they-owe"),
        kind=asked.take("duty", requests.short_text, "a duty such as RS7"),
        case_id=asked.take("case_id", requests.short_text, "a case ID"),
        partner=asked.take("partner", requests.digits(2, 2), "two digits"),
        office=asked.take("office", requests.short_text, "an office"),
        open_only=everything != "true",
        due_by=None if within is None else today + timedelta(days=within),
        overdue_on=today if overdue == "true" else None,
        offices=request[PERSON].scope,
        after=asked.take("after", requests.whole_number(1), "the `next` of an earlier page"),
        limit=asked.take("limit", requests.whole_number(1, most), f"a number from 1 to {most}")
        or request.app[LIMITS].page,
    )
    asked.finish()
    return reply(await request.app[DESK].list_duties(filters))


async def get_compliance(request: web.Request) -> web.Response:
    """Show the figures of a month."""
    asked = requests.query(request)
    month = asked.take("month", _month, "a month such as 2026-10", required=True)
    side = asked.take("side", requests.one_of(SIDES), "we-owe or they-owe")
    asked.finish()
    if month is None:
        raise AssertionError("finish lets no missing month pass")
    return reply(await request.app[DESK].compliance(month, side or "we-owe", request[PERSON].scope))


VIEWS: Final[Mapping[str, View]] = {"listDuties": list_duties, "getCompliance": get_compliance}
"""The views by the operation they answer."""
