"""Show cases: the list, and one at a glance with both sides, transactions, work, interest, and who looked."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import forms, pages
from csenet.gateway.console.owing import owed
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk import views_queues, views_search
from csenet.gateway.desk.views_search import Search
from csenet.gateway.people.looks import Look
from csenet.gateway.people.masking import MASK
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right
from csenet.gateway.store import audit
from csenet.gateway.store.duties import DutyFilter

PATH: Final = "/console/cases"
_FILTERS: Final = {
    "case_id": forms.case_id,
    "partner": forms.state,
    "role": forms.one_of("initiating", "responding"),
    "after": forms.case_id,
}


async def get_list(request: web.Request) -> web.Response:
    """List cases by ID."""
    asked = Asked(request)
    need(asked.person, Right.LISTS_READ)
    filters = forms.Filters(request.query, _FILTERS)
    rows: list[Any] = []
    following = None
    if not filters.problems:
        given = dict(filters.values)
        starts = given.pop("case_id", None)
        async with asked.store.read() as conn:
            rows, following = await views_queues.case_list(
                conn,
                starts=starts,
                partner=given.get("partner"),
                role=given.get("role"),
                after=given.get("after"),
                offices=asked.person.scope,
            )
    context = {
        "here": "cases",
        "filters": filters,
        "rows": rows,
        "next": following,
        "path": PATH,
        "states": [(fips, each.name) for fips, each in codes.jurisdictions().items()],
    }
    return pages.render(request, "cases.html", context)


async def get_case(request: web.Request) -> web.Response:
    """Show one case at a glance, masked."""
    asked = Asked(request)
    case_id = request.match_info["case_id"]
    case = await asked.reader.case(asked.person, case_id, Look(channel="console"))
    if case is None:
        raise web.HTTPNotFound
    agency = asked.desk.agency
    async with asked.store.read() as conn:
        wanted = Search(case_id=case.case_id, limit=15)
        transactions = await views_search.search(conn, wanted, state=agency.state, zone=agency.zone)
        looked: list[dict[str, Any]] = []
        if asked.person.may(Right.AUDIT_READ):
            looked = await audit.found(conn, cases=[case.case_id], newest_first=True, limit=20)
    statement, question = owed(case.facts, asked.state, asked.clock.today())
    wanted_duties = DutyFilter(case_id=case.case_id, open_only=False, limit=1000)
    duties = (await asked.desk.list_duties(wanted_duties)).duties
    context: dict[str, Any] = {
        "here": "cases",
        "case": case,
        "transactions": transactions,
        "open_work": [item for item in case.work_items if item.status == "open"],
        "done_work": [item for item in reversed(case.work_items) if item.status != "open"],
        "timeline": list(reversed(case.timeline))[:40],
        "learnt": {
            name: value
            for name, value in case.state.items()
            if value not in (None, False, "", [], {}, MASK) and name not in ("status", "received_balances")
        },
        "blocks": [name for name, value in case.facts.items() if isinstance(value, dict | list)],
        "open_duties": [each for each in duties if each.closed_on is None],
        "closed_duties": [each for each in reversed(duties) if each.closed_on is not None],
        "statement": statement,
        "question": question,
        "looked": looked,
        "may_see_who": asked.person.may(Right.AUDIT_READ),
    }
    return pages.render(request, "case.html", context)
