"""Say on the first page what is not well with the gateway that shows it, whatever its store says."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from csenet.gateway.console.today import Concern
from csenet.gateway.health_book import HEALTH


async def own_health(app: web.Application) -> Sequence[Concern]:
    """List what keeps the gateway from serving, and what somebody should look at although it serves."""
    book = app.get(HEALTH)
    if book is None:
        return ()
    do = "Nothing is taken in until that is mended: runbook, CsenetNotReady."
    found = [Concern(what=f"{each[:1].upper()}{each[1:]}.", do=do) for each in book.not_ready()]
    for note in book.notes():
        what, _, do = note.partition(". ")
        found.append(Concern(what=f"{what}.", do=do, urgent=False))
    return found
