"""Find transactions, take what was found out of the house, and lay two side by side."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

import msgspec
from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import content, forms, pages
from csenet.gateway.console.detail import direction_of
from csenet.gateway.console.sources import Asked
from csenet.gateway.console.words import INBOUND, OUTBOUND
from csenet.gateway.desk import views_search
from csenet.gateway.desk.views_search import Search
from csenet.gateway.people.reading import SHOWN, Look, need
from csenet.gateway.people.rights import Right

PATH: Final = "/console/transactions"
_MOST_EXPORTED: Final = 10_000
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
_COLUMNS: Final = (
    "id",
    "direction",
    "far",
    "serial",
    "from_fips",
    "to_fips",
    "case_id",
    "status",
    "received_at",
    "settled_at",
    "milliseconds",
    "in_reply_to",
    "attempts",
    "reason",
)


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
    found = await _search(asked, filters, _MOST_EXPORTED)
    objects = [
        f"{len(found.items)} transactions",
        *(f"{name}={value}" for name, value in filters.typed.items() if value),
        *dict.fromkeys(f"case {item.case_id}" for item in found.items if item.case_id),
    ]
    look = Look(channel=f"export {form}")
    await asked.reader.record(asked.person, "transactions.export", objects, look, outcome=SHOWN)
    moment = asked.clock.now()
    marking = {
        "exported_by": asked.person.name,
        "exported_at": moment.isoformat(timespec="seconds"),
        "filters": {name: value for name, value in filters.typed.items() if value},
        "complete": found.next is None,
        "notice": "Confidential: 45 CFR 303.21 limits to whom this may be shown. The export is on record.",
    }
    rows = [{name: getattr(item, name) for name in _COLUMNS} for item in found.items]
    body = _as_json(marking, rows) if form == "json" else _as_csv(marking, rows)
    name = f"transactions-{moment:%Y%m%dT%H%M%SZ}.{form}"
    return web.Response(
        body=body,
        content_type="application/json" if form == "json" else "text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _as_json(marking: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"marking": marking, "transactions": rows}), indent=1)


def _as_csv(marking: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
    """Write rows for a spreadsheet; a leading sign that it would take for a formula is disarmed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for name, value in marking.items():
        writer.writerow(
            [f"# {name}", value if isinstance(value, str | bool) else msgspec.json.encode(value).decode()]
        )
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in _COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


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
