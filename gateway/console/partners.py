"""Show partners: what is agreed, certificates and when they end, traffic, and how the way out fares."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import pages
from csenet.gateway.console.sources import Asked
from csenet.gateway.console.today import FIGURES
from csenet.gateway.console.words import FUNCTIONS
from csenet.gateway.delivery.probing import ProbeReport
from csenet.gateway.desk import views_queues
from csenet.gateway.desk.views_today import summed
from csenet.gateway.partners import EXCHANGE, window
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right
from csenet.gateway.store import destinations, partner_holds, receipts
from csenet.handlers.policy.agreements import Agreements
from csenet.handlers.policy.rules import NotStated, Stated

PATH: Final = "/console/partners"


async def get_list(request: web.Request) -> web.Response:
    """List partners with their traffic, and show the way out."""
    return await _list(request)


async def _list(request: web.Request, tested: ProbeReport | None = None) -> web.Response:
    asked = Asked(request)
    need(asked.person, Right.FIGURES_READ)
    now = asked.clock.now()
    async with asked.store.read() as conn:
        week = await views_queues.partner_traffic(conn, now - timedelta(days=7))
        exchange = await destinations.load(conn)
        holds = await partner_holds.load(conn)
        unusual = await receipts.counts(conn, now)
    ends = _ends(asked)
    known = [fips for fips in codes.jurisdictions() if fips != asked.state]
    on_hold = {each.partner: each for each in holds}
    busy = [fips for fips in known if fips in week or fips in ends or fips in on_hold]
    summary = await request.app[FIGURES].summary()
    flows = {each.partner: each for each in summed(summary.figures.flows, "partner")}
    context: dict[str, Any] = {
        "here": "partners",
        "path": PATH,
        "flows": flows,
        "busy": sorted(
            busy,
            key=lambda fips: (
                fips not in on_hold and not (fips in flows and flows[fips].failed),
                -(week.get(fips, {}).get("came", 0) + week.get(fips, {}).get("went", 0)),
            ),
        ),
        "quiet": [fips for fips in known if fips not in busy],
        "week": week,
        "ends": ends,
        "soon": now + timedelta(days=30),
        "exchange": exchange,
        "on_hold": on_hold,
        "receipts": unusual,
        "summary": summary,
        "tested": tested,
        "may_operate": asked.person.may(Right.DELIVERY_OPERATE),
    }
    return pages.render(request, "partners.html", context)


def _ends(asked: Asked) -> dict[str, Any]:
    """Give the day on which each partner's first certificate ends that is in use."""
    table = asked.partners
    ends: dict[str, Any] = {}
    for each in table.credentials if table else ():
        until = window(each.pin)[1]
        if until > asked.clock.now():
            ends[each.jurisdiction] = min(until, ends.get(each.jurisdiction, until))
    return ends


async def get_partner(request: web.Request) -> web.Response:
    """Show one partner."""
    return await _partner(request, request.match_info["fips"])


async def post_test(request: web.Request) -> web.Response:
    """Send a test message to the exchange, or about a partner behind it, and show how it fared."""
    asked = Asked(request)
    name = request.match_info["fips"]
    if name != EXCHANGE and name not in codes.jurisdictions():
        raise web.HTTPNotFound
    tested = await asked.desk.test_partner(name, actor=asked.person.name)
    return await (_list(request, tested) if name == EXCHANGE else _partner(request, name, tested))


async def _partner(request: web.Request, fips: str, tested: ProbeReport | None = None) -> web.Response:
    asked = Asked(request)
    need(asked.person, Right.FIGURES_READ)
    if fips not in codes.jurisdictions():
        raise web.HTTPNotFound
    now, today = asked.clock.now(), asked.clock.today()
    async with asked.store.read() as conn:
        day = (await views_queues.partner_traffic(conn, now - timedelta(days=1))).get(fips, {})
        week = (await views_queues.partner_traffic(conn, now - timedelta(days=7))).get(fips, {})
        heard = await views_queues.last_heard(conn, fips)
        stuck = [
            each
            for status in ("dead", "held", "parked")
            for each in await views_queues.stuck(conn, status, partner=fips, offices=asked.person.scope)
        ]
        holds = await partner_holds.load(conn)
    table = asked.partners
    certificates = [
        {
            "use": ", ".join(sorted(each.use)),
            "since": window(each.pin)[0],
            "until": window(each.pin)[1],
            "sha256": each.fingerprint,
            "file": each.file,
        }
        for each in (table.credentials if table else ())
        if each.jurisdiction == fips
    ]
    context: dict[str, Any] = {
        "here": "partners",
        "fips": fips,
        "function_names": FUNCTIONS,
        "agreement": agreement_of(asked.desk.agency.agreements, fips, today),
        "certificates": certificates,
        "version": table.version if table else None,
        "day": day,
        "week": week,
        "heard": heard,
        "stuck": stuck,
        "tested": tested,
        "hold": next((each for each in holds if each.partner == fips), None),
        "may_operate": asked.person.may(Right.DELIVERY_OPERATE) and fips != asked.state,
        "soon": now + timedelta(days=30),
    }
    return pages.render(request, "partner.html", context)


def agreement_of(agreements: Agreements, fips: str, day: date) -> list[tuple[list[str], str, str, str]]:
    """Say by function what may be exchanged and why; functions of which the same is true stand together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for name in FUNCTIONS:
        found.setdefault(_agreed(agreements, fips, name, day), []).append(name)
    return [(names, *said) for said, names in found.items()]


def _agreed(agreements: Agreements, fips: str, function: str, day: date) -> tuple[str, str, str]:
    """Say what may be sent and received, and why."""
    send = agreements.may_exchange(fips, function, "send", day)
    receive = agreements.may_exchange(fips, function, "receive", day)
    return _word(send), _word(receive), f"{send.why.text} ({send.why.citation})"


def _word(answer: Stated | NotStated) -> str:
    if isinstance(answer, NotStated):
        return "not stated"
    return "yes" if answer.value else "no"
