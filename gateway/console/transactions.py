"""Find transactions, take what was found out of the house, and lay two side by side."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import content, exporting, forms, pages
from csenet.gateway.console.detail import direction_of
from csenet.gateway.console.sources import Asked
from csenet.gateway.console.words import INBOUND, OUTBOUND
from csenet.gateway.desk import views_search
from csenet.gateway.desk.views_search import Search
from csenet.gateway.people.looks import SHOWN, Look
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right

PATH: Final = "/console/transactions"
_FILTERS: Final = {
    "case_id": forms.case_id,
    "direction": forms.one_of("in", "out"),
    "partner": forms.state,
    "code": forms.code,
    "status": forms.one_of(*dict.fromkeys((*INBOUND, *OUTBOUND))),
    "since": forms.day,
    "until": forms.day,
    "serial": forms.serial,
    "problem": forms.word,
    "before": forms.mark,
}


async def get_list(request: web.Request) -> web.Response:
    """Show a page of transactions, newest first."""
    asked = Asked(request)
    filters = forms.Filters(request.query, _FILTERS)
    found = None
    if not filters.problems:
        found = await _search(asked, filters)
    return pages.render(
        request,
        "transactions.html",
        {
            "here": "transactions",
            "filters": filters,
            "found": found,
            "path": PATH,
            "states": [(fips, each.name) for fips, each in codes.jurisdictions().items()],
            "statuses": {**INBOUND, **OUTBOUND},
            "may_find": asked.person.may(Right.CONTENT_READ),
            "may_export": asked.person.may(Right.CONTENT_EXPORT),
        },
    )


async def _search(asked: Asked, filters: forms.Filters, limit: int = 50) -> views_search.Found:
    need(asked.person, Right.LISTS_READ)
    agency = asked.desk.agency
    async with asked.store.read() as conn:
        wanted = Search(**filters.values, offices=asked.person.scope, limit=limit)
        return await views_search.search(conn, wanted, state=agency.state, zone=agency.zone)


async def get_export(request: web.Request) -> web.Response:
    """Give what the filters find as a file, marked with who took it out and when; the record comes first."""
    asked = Asked(request)
    filters = forms.Filters(request.query, _FILTERS)
    form = "json" if request.query.get("format") == "json" else "csv"
    found = await _search(asked, filters, exporting.MOST)
    objects = exporting.objects(found, filters.typed)
    look = Look(channel=f"export {form}")
    await asked.reader.record(asked.person, "transactions.export", objects, look, outcome=SHOWN)
    moment = asked.clock.now()
    body = exporting.export(found, form, filters=filters.typed, by=asked.person.name, at=moment)
    name = f"transactions-{moment:%Y%m%dT%H%M%SZ}.{form}"
    return web.Response(
        body=body,
        content_type="application/json" if form == "json" else "text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def get_diff(request: web.Request) -> web.Response:
    """Lay two transactions side by side, masked, field by field."""
    asked = Asked(request)
    names = request.match_info["transaction_id"], request.query.get("with", "").strip()
    details = [
        await asked.reader.transaction(asked.person, name, Look(channel="console")) for name in names if name
    ]
    found: list[content.Difference] = []
    if len(details) == 2 and all(each is not None and each.transaction for each in details):
        left, right = details
        assert left is not None  # noqa: S101 - just looked
        assert right is not None  # noqa: S101
        ways = direction_of(left), direction_of(right)
        found = content.differences(left.transaction or {}, right.transaction or {}, ways)
    return pages.render(
        request,
        "diff.html",
        {
            "here": "transactions",
            "names": names,
            "details": details,
            "rows": found,
            "everything": request.query.get("all") == "1",
        },
    )
