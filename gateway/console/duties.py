"""Show duties with their clocks, ours and other states', and how well they were kept month by month."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import forms, pages, words
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk.duty_views import Compliance
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right
from csenet.gateway.store.duties import DutyFilter

PATH: Final = "/console/duties"
_MONTHS: Final = 6
_FILTERS: Final = {
    "side": forms.one_of("we-owe", "they-owe"),
    "duty": forms.word,
    "partner": forms.state,
    "case_id": forms.case_id,
    "due": forms.one_of("overdue", "week"),
    "after": forms.serial,
}


async def get_duties(request: web.Request) -> web.Response:
    """List open duties, first due first, beside the figures of the last months."""
    asked = Asked(request)
    need(asked.person, Right.CONTENT_READ)
    filters = forms.Filters(request.query, _FILTERS)
    today, scope = asked.clock.today(), asked.person.scope
    given = filters.values
    side = given.get("side", "we-owe")
    wanted = DutyFilter(
        side=given.get("side"),
        kind=given.get("duty"),
        partner=given.get("partner"),
        case_id=given.get("case_id"),
        overdue_on=today if given.get("due") == "overdue" else None,
        due_by=today + timedelta(days=7) if given.get("due") == "week" else None,
        after=int(given["after"]) if "after" in given else None,
        offices=scope,
        limit=50,
    )
    months = [await asked.desk.compliance(month, side, scope) for month in _last_months(today)]
    context: dict[str, Any] = {
        "here": "work",
        "path": PATH,
        "filters": filters,
        "page": None if filters.problems else await asked.desk.list_duties(wanted),
        "states": [(fips, each.name) for fips, each in codes.jurisdictions().items()],
        "side": side,
        "months": months,
        "chart": json.dumps(_chart(months)),
    }
    return pages.render(request, "duties.html", context)


def _last_months(today: date) -> list[date]:
    """Give the first days of the last months, the present one last."""
    found = [today.replace(day=1)]
    while len(found) < _MONTHS:
        found.insert(0, (found[0] - timedelta(days=1)).replace(day=1))
    return found


def _chart(months: list[Compliance]) -> dict[str, Any]:
    """Give the share kept in time, a month at a time; a month without duties has none."""
    values = [None if month.share is None else round(month.share * 100, 1) for month in months]
    return {
        "labels": [words.month(month.month) for month in months],
        "series": [{"label": "kept in time", "values": values}],
    }
