"""Show the queue of work by due date, let several items be completed at once, and chart what is due."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import forms, pages
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk import views_queues
from csenet.gateway.errors import GatewayError
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right
from csenet.gateway.wording import is_number

PATH: Final = "/console/work"
_DAYS: Final = 30
_MOST: Final = 200
_FILTERS: Final = {
    "status": forms.one_of("open", "completed"),
    "due": forms.one_of("overdue", "today", "week", "none"),
    "kind": forms.word,
    "partner": forms.state,
    "case_id": forms.case_id,
    "worker": forms.word,
    "after": forms.word,
}


async def get_work(request: web.Request) -> web.Response:
    """Show the queue."""
    return await _show(Asked(request), [])


async def post_complete(request: web.Request) -> web.Response:
    """Complete the chosen items, each in a commit of its own, and tell what became of each."""
    asked = Asked(request)
    form = await request.post()
    chosen = _chosen(form)
    outcome = "declined" if form.get("outcome") == "declined" else "done"
    try:
        on = date.fromisoformat(str(form.get("on", "")))
    except ValueError:
        return await _show(asked, [(0, "Nothing was done: write the day as 2026-11-20.", False)])
    if not chosen:
        return await _show(asked, [(0, "Nothing was done: choose at least one item.", False)])
    results = []
    for number in chosen:
        try:
            await asked.reader.must_see_work(asked.person, number, "work.complete")
            item = await asked.desk.complete_work(number, on, outcome, actor=asked.person.name)
            results.append((number, f"{item.title}: {outcome}", True))
        except GatewayError as error:
            results.append((number, f"Work {number} was left as it is: {error}", False))
    return await _show(asked, results)


async def post_assign(request: web.Request) -> web.Response:
    """Give the chosen items to somebody, each in a commit of its own, and tell what became of each."""
    asked = Asked(request)
    form = await request.post()
    worker = str(form.get("worker", "")).strip()
    chosen = _chosen(form)
    if not chosen:
        return await _show(asked, [(0, "Nobody was given anything: choose at least one item.", False)])
    results = []
    for number in chosen:
        try:
            await asked.reader.must_see_work(asked.person, number, "work.assign")
            item = await asked.desk.assign_work(number, worker=worker, office=None, actor=asked.person.name)
            results.append((number, f"{item.title}: {item.worker or 'nobody'} has it", True))
        except GatewayError as error:
            results.append((number, f"Work {number} was left as it is: {error}", False))
    return await _show(asked, results)


def _chosen(form: Any) -> list[int]:
    return [int(str(each)) for each in form.getall("item", []) if is_number(str(each))][:_MOST]


async def _show(asked: Asked, results: list[tuple[int, str, bool]]) -> web.Response:
    need(asked.person, Right.CONTENT_READ)
    filters = forms.Filters(asked.request.query, _FILTERS)
    today = asked.clock.today()
    queue = None
    async with asked.store.read() as conn:
        if not filters.problems:
            queue = await views_queues.work_queue(
                conn, today, offices=asked.person.scope, **{"status": "open", **filters.values}
            )
        kinds = await views_queues.kinds(conn)
        by_day = await views_queues.due_by_day(conn, asked.person.scope)
    context: dict[str, Any] = {
        "here": "work",
        "filters": filters,
        "queue": queue,
        "kinds": [(kind, kind.replace("_", " ")) for kind in kinds],
        "states": [(fips, each.name) for fips, each in codes.jurisdictions().items()],
        "results": results,
        "path": PATH,
        "chart": json.dumps(_chart(by_day, today)),
        "by_day": _lines(by_day, today),
        "may_complete": asked.person.may(Right.WORK_COMPLETE),
    }
    return pages.render(asked.request, "work.html", context)


def _lines(by_day: list[tuple[date, int]], today: date) -> list[tuple[str, int]]:
    """Sum up what is due, for those who do not see the chart."""
    week = today + timedelta(days=7)
    return [
        ("Overdue", sum(count for day, count in by_day if day < today)),
        ("Today", sum(count for day, count in by_day if day == today)),
        ("Within seven days", sum(count for day, count in by_day if today < day <= week)),
        ("Later", sum(count for day, count in by_day if day > week)),
    ]


def _chart(by_day: list[tuple[date, int]], today: date) -> dict[str, Any]:
    """Give one bar a day from today on, what is overdue in one bar before them."""
    counts = dict(by_day)
    days = [today + timedelta(days=number) for number in range(_DAYS)]
    overdue = sum(count for day, count in by_day if day < today)
    labels = ["overdue", *(f"{day.day} {day:%b}" for day in days)]
    return {"labels": labels, "values": [overdue, *(counts.get(day, 0) for day in days)]}
