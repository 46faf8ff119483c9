"""Show one transaction whole: what it says, what happened to it and why, and how it stands in the file."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from csenet.codecs import describe
from csenet.codecs import transaction as codec
from csenet.codecs.codes import FarCode
from csenet.codecs.model import Direction
from csenet.gateway.console import content, law, pages, paper, words
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk import views, views_story
from csenet.gateway.desk.results import TransactionDetail, TransactionView
from csenet.gateway.people.looks import SHORTEST_PURPOSE, SHOWN, Look, is_purpose
from csenet.gateway.people.rights import Right
from csenet.gateway.store.recalls import INSTEAD, RECALLABLE

OURS: Final = "out-"
_MASKED: Final = Look(channel="console")
_ID: Final = re.compile(r"(in|out)-[1-9][0-9]{0,17}")


async def get_transaction(request: web.Request) -> web.Response:
    """Show a transaction, masked."""
    return await _show(Asked(request), _MASKED)


async def post_clear(request: web.Request) -> web.Response:
    """Show a transaction in clear to those who may and say why; each time is on record."""
    return await _in_clear(request, "console", _show)


async def post_recall(request: web.Request) -> web.Response:
    """Take a transaction of ours back for those who say why, or tell what to do instead."""
    asked, name = Asked(request), request.match_info["transaction_id"]
    if _ID.fullmatch(name) is None or not name.startswith(OURS):
        raise web.HTTPNotFound
    reason = str((await request.post()).get("reason", "")).strip()
    if not is_purpose(reason):
        return await _show(asked, _MASKED, stays=f"Say why, in {SHORTEST_PURPOSE} letters or more.")
    number = int(name.removeprefix(OURS))
    found = await asked.desk.recall([number], reason[:200], actor=asked.person.name)
    if number in found.left:
        status = found.left[number]
        return await _show(asked, _MASKED, stays=f"It is {status} and stays. {INSTEAD[status]}")
    raise web.HTTPSeeOther(f"/console/transactions/{name}")


async def get_pdf(request: web.Request) -> web.Response:
    """Give a transaction as a PDF, masked."""
    return await _paper(Asked(request), Look(channel="export pdf"))


async def post_pdf(request: web.Request) -> web.Response:
    """Give a transaction as a PDF in clear, to those who may and say why."""
    return await _in_clear(request, "export pdf", _paper)


async def _in_clear(
    request: web.Request, channel: str, give: Callable[[Asked, Look], Awaitable[web.Response]]
) -> web.Response:
    """Give something in clear to those who say why; to others the masked page, which asks again."""
    form = await request.post()
    purpose = str(form.get("purpose", "")).strip()
    asked = Asked(request)
    if not is_purpose(purpose):
        wrong = f"Say why, in {SHORTEST_PURPOSE} letters or more."
        return await _show(asked, _MASKED, wrong=wrong)
    return await give(asked, Look(unmask=True, purpose=purpose, channel=channel))


async def _paper(asked: Asked, look: Look) -> web.Response:
    """Write the PDF; that it was taken out is on record before it is handed out."""
    try:
        paper.need()
    except paper.NoPaper as missing:
        return await _show(asked, _MASKED, missing=str(missing))
    name = asked.request.match_info["transaction_id"]
    if _ID.fullmatch(name) is None:
        raise web.HTTPNotFound
    detail = await asked.reader.transaction(asked.person, name, look)
    if detail is None:
        raise web.HTTPNotFound
    await asked.reader.record(
        asked.person, "transaction.export", [f"transaction {name}"], look, outcome=SHOWN
    )
    async with asked.store.read() as conn:
        story = await views_story.story(conn, detail, asked.state)
        whole = await views.transaction(conn, name, asked.state)
    body = paper.transmittal(
        detail,
        direction_of(detail),
        sentence=sentence(whole),
        moments=story.moments,
        by=asked.person.name,
        at=asked.clock.now(),
        zone=asked.desk.agency.zone,
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"', "Cache-Control": "no-store"}
    return web.Response(body=body, content_type="application/pdf", headers=headers)


async def _show(
    asked: Asked, look: Look, wrong: str = "", missing: str = "", stays: str = ""
) -> web.Response:
    name = asked.request.match_info["transaction_id"]
    if _ID.fullmatch(name) is None:
        raise web.HTTPNotFound
    detail = await asked.reader.transaction(asked.person, name, look)
    if detail is None:
        raise web.HTTPNotFound
    async with asked.store.read() as conn:
        story = await views_story.story(conn, detail, asked.state)
        raw = await views.raw(conn, name)
        whole = await views.transaction(conn, name, asked.state)
    said = returned(story.returns) if story.returns else sentence(whole)
    shown = detail.transaction or {}
    way = direction_of(detail)
    context: dict[str, Any] = {
        "here": "transactions",
        "detail": detail,
        "title": describe.title(FarCode.parse(detail.far))
        if detail.far
        else "A transaction that cannot be read",
        "sentence": said,
        "note": note(detail.far),
        "story": story,
        "rules": law.names(asked.state) if asked.person.may(Right.POLICY_READ) else frozenset(),
        "blocks": content.blocks(shown, way) if shown else [],
        "strips": content.strips(raw, shown, way, clear=look.unmask) if shown and raw else [],
        "whole": content.whole(raw)
        if look.unmask and asked.person.may(Right.TAX_READ) and raw and not shown
        else [],
        "ruler": content.ruler(),
        "json": content.json(shown) if shown else "",
        "xml": content.xml(shown) if shown else "",
        "clear": look.unmask,
        "purpose": look.purpose,
        "may_unmask": asked.person.may(Right.CONTENT_UNMASK),
        "may_read_cases": asked.person.may(Right.CONTENT_READ),
        "wrong": wrong,
        "missing": missing,
        "may_export": asked.person.may(Right.CONTENT_EXPORT),
        "may_recall": asked.person.may(Right.DELIVERY_OPERATE) and detail.status in RECALLABLE,
        "stays": stays,
    }
    return pages.render(asked.request, "transaction.html", context, status=409 if stays else 200)


def direction_of(detail: TransactionDetail) -> Direction:
    """Tell in which form a transaction is kept; what came may have come in a sending state's own form."""
    header: Mapping[str, Any] = (detail.transaction or {}).get("header", {})
    stamped = "date_received" in header or "time_received" in header
    return Direction.FROM_SERVER if detail.direction == "inbound" and stamped else Direction.TO_SERVER


def sentence(detail: TransactionDetail | None) -> str:
    """Say in a sentence what a transaction asks for or tells; it names no person."""
    if detail is None or not detail.transaction:
        return "Its bytes are kept as they came, but they are no transaction."
    way = Direction.FROM_SERVER if detail.direction == "inbound" else Direction.TO_SERVER
    return describe.sentence(codec.from_json(detail.transaction), way)


def returned(ours: TransactionView) -> str:
    """Say that the exchange sent a transaction of ours back."""
    reason = f": {ours.reason}" if ours.reason else ""
    return f"The exchange sends back our transaction {ours.id} to {words.partner(ours.to_fips)}{reason}."


def note(far: str | None) -> describe.Note | None:
    """Find what a receiver does with a code."""
    try:
        return describe.note(FarCode.parse(far or ""))
    except (LookupError, ValueError):
        return None
