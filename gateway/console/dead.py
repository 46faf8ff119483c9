"""Show what is stuck and let an operator move it: count, send again, release, withdraw, and watch."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import forms, pages, words
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk import views_queues
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right
from csenet.gateway.store import destinations
from csenet.gateway.wording import is_number

PATH: Final = "/console/dead"
_MOST: Final = 1000
_FILTERS: Final = {
    "status": forms.one_of("dead", "held", "parked"),
    "partner": forms.state,
    "code": forms.code,
    "case_id": forms.case_id,
    "reason": forms.word,
}
_ACTIONS: Final = {"resend": "dead", "release": "held", "retry": "parked", "withdraw": ""}


async def get_dead(request: web.Request) -> web.Response:
    """Show what is stuck, as filtered; the number on the button is what an action would touch."""
    return await _show(Asked(request))


async def _show(asked: Asked, told: str = "", wrong: str = "") -> web.Response:
    need(asked.person, Right.LISTS_READ)
    filters = forms.Filters(asked.request.query, _FILTERS)
    given = dict(filters.values)
    chosen = given.pop("status", None)
    groups = {}
    async with asked.store.read() as conn:
        for status in ("dead", "held", "parked") if chosen is None else (chosen,):
            groups[status] = (
                []
                if filters.problems
                else await views_queues.stuck(
                    conn, status, offices=asked.person.scope, **_fitting(status, given)
                )
            )
        reasons = await views_queues.reasons(conn)
        exchange = await destinations.load(conn)
    context: dict[str, Any] = {
        "here": "dead",
        "filters": filters,
        "groups": groups,
        "path": PATH,
        "states": [(fips, each.name) for fips, each in codes.jurisdictions().items()],
        "reasons": [
            (reason, f"{words.reason(reason).striptags()} ({count})") for reason, count in reasons.items()
        ],
        "exchange": exchange,
        "told": told,
        "wrong": wrong,
        "may_operate": asked.person.may(Right.DELIVERY_OPERATE),
    }
    return pages.render(asked.request, "dead.html", context, status=422 if wrong else 200)


def _fitting(status: str, given: dict[str, Any]) -> dict[str, Any]:
    """Leave out the filter that a status does not have."""
    return {name: value for name, value in given.items() if not (status == "parked" and name == "reason")}


async def post_act(request: web.Request) -> web.Response:
    """Do what was ordered with what was chosen, and show how it goes."""
    asked = Asked(request)
    form = await request.post()
    action = str(form.get("action", ""))
    ids = [str(each) for each in form.getall("id", [])][:_MOST]
    numbers = [int(each[4:]) for each in ids if each.startswith("out-") and is_number(each[4:])]
    actor = asked.person.name
    if action == "retry":
        resumed = await asked.desk.resume_parked()
        return await _show(asked, told=f"{resumed} parked transactions were decided; those left still wait.")
    if action not in _ACTIONS or not numbers:
        return await _show(asked, wrong="Nothing was done: choose at least one transaction.")
    if action == "withdraw":
        reason = str(form.get("reason", "")).strip()
        if len(reason) < 8:
            return await _show(asked, wrong="Nothing was withdrawn: say why, in 8 letters or more.")
        count = await asked.desk.dead_cancel(numbers, reason[:200], actor=actor)
    elif action == "resend":
        count = await asked.desk.dead_resend(numbers, actor=actor)
    else:
        count = await asked.desk.release_held(numbers, actor=actor)
    raise web.HTTPSeeOther(f"{PATH}/result?{_span(numbers)}&action={action}&count={count}")


def _span(numbers: list[int]) -> str:
    """Write row numbers into an address, runs as `3-9`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1][-1:] = [number] if len(runs[-1]) > 1 else [runs[-1][-1], number]
        else:
            runs.append([number])
    return "ids=" + ",".join("-".join(str(each) for each in (run[0], run[-1])) for run in runs)


def _numbers(text: str) -> list[int]:
    """Read row numbers back from an address."""
    found: list[int] = []
    for run in text.split(",")[:_MOST]:
        first, _, last = run.partition("-")
        if is_number(first) and is_number(last) and 0 <= int(last) - int(first) <= _MOST:
            found += range(int(first), int(last) + 1)
    return found[:_MOST]


async def get_result(request: web.Request) -> web.Response:
    """Show how far what was moved has come; renews itself until nothing is under way."""
    asked = Asked(request)
    need(asked.person, Right.LISTS_READ)
    numbers = _numbers(request.query.get("ids", ""))
    async with asked.store.read() as conn:
        rows = await views_queues.statuses_of(conn, numbers, asked.person.scope)
    counts: dict[str, int] = {}
    for _number, _far, status, _reason in rows:
        counts[status] = counts.get(status, 0) + 1
    moving = counts.get("queued", 0) + counts.get("sending", 0)
    action = request.query.get("action", "")
    context = {
        "here": "dead",
        "live": moving > 0,
        "rows": rows,
        "counts": counts,
        "moving": moving,
        "done": len(rows) - moving,
        "action": action if action in _ACTIONS else "resend",
        "count": request.query.get("count", "") if request.query.get("count", "").isdigit() else len(rows),
        "address": request.path_qs,
    }
    return pages.render(
        request, "dead_result_part.html" if pages.is_part(request) else "dead_result.html", context
    )


async def post_delivery(request: web.Request) -> web.Response:
    """Hold, release or let out what waits, and go back to where the order came from."""
    asked = Asked(request)
    form = await request.post()
    order, actor = str(form.get("order", "")), asked.person.name
    partner = str(form.get("partner", "exchange"))
    if partner not in ("exchange", *codes.jurisdictions()):
        raise web.HTTPNotFound
    if order == "hold":
        reason = str(form.get("reason", "")).strip()
        if len(reason) < 8:
            return await _show(asked, wrong="Delivery was not held: say why, in 8 letters or more.")
        await asked.desk.hold_partner(partner, reason[:200], actor=actor)
    elif order == "release":
        await asked.desk.release_partner(partner, actor=actor)
    elif order == "flush":
        await asked.desk.flush_delivery(actor=actor)
    if partner != "exchange":
        raise web.HTTPSeeOther(f"/console/partners/{partner}")
    back = "/console/partners" if form.get("back") == "partners" else PATH
    raise web.HTTPSeeOther(back)
