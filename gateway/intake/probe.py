"""Answer test messages: who asks, when, and whether there is a way to a partner; nothing is kept of them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from csenet.gateway.delivery.probing import ProbeAnswer

_WORD: Final = re.compile(r"[A-Za-z0-9]{8,64}")
_STATE: Final = re.compile(r"\d{2}")


def asked(request: web.Request) -> tuple[str, str | None]:
    """Read the word that has to come back and the partner asked about; raises 400 for anything else."""
    word, partner = request.query.get("probe", ""), request.query.get("partner")
    if _WORD.fullmatch(word) is None:
        raise web.HTTPBadRequest(text="A test message needs probe=, 8 to 64 letters and digits.")
    if partner is not None and _STATE.fullmatch(partner) is None:
        raise web.HTTPBadRequest(text="partner= is the two-digit FIPS code of a state.")
    return word, partner


def answer(
    word: str, at: datetime, *, caller: str | None, partner: str | None = None, known: bool | None = None
) -> web.Response:
    """Give the word back."""
    told = ProbeAnswer(probe=word, at=at, caller=caller, partner=partner, known=known)
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")
