"""Show the record of who did and saw what, to auditors."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, Final

from aiohttp import web

from csenet.gateway.console import forms, pages
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk import views_queues
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right

PATH: Final = "/console/audit"
_PAGE: Final = 100
_FILTERS: Final = {
    "actor": forms.word,
    "action": forms.word,
    "about": forms.word,
    "since": forms.day,
    "until": forms.day,
    "before": forms.serial,
}


async def get_audit(request: web.Request) -> web.Response:
    """List records, newest first."""
    asked = Asked(request)
    need(asked.person, Right.AUDIT_READ)
    filters = forms.Filters(request.query, _FILTERS)
    rows: list[Any] = []
    if not filters.problems:
        given = dict(filters.values)
        zone = asked.desk.agency.zone
        since, until = given.pop("since", None), given.pop("until", None)
        before = given.pop("before", None)
        async with asked.store.read() as conn:
            rows = await views_queues.audit_list(
                conn,
                **given,
                since=since and datetime.combine(since, time(), zone),
                until=until and datetime.combine(until + timedelta(days=1), time(), zone),
                before=int(before) if before else None,
                limit=_PAGE + 1,
            )
    context = {
        "here": "audit",
        "path": PATH,
        "filters": filters,
        "rows": rows[:_PAGE],
        "next": str(rows[_PAGE - 1]["id"]) if len(rows) > _PAGE else "",
    }
    return pages.render(request, "audit.html", context)
