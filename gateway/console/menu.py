"""List the pages of the console once, in the order in which they are offered."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from csenet.gateway.people.person import PERSON
from csenet.gateway.people.rights import OPEN, Right, table


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Name a page, where it is, and how it is called in the menu."""

    id: str
    path: str
    label: str


ENTRIES: Final = (
    Entry(id="today", path="/", label="Today"),
    Entry(id="transactions", path="/console/transactions", label="Transactions"),
    Entry(id="cases", path="/console/cases", label="Cases"),
    Entry(id="work", path="/console/work", label="Work and duties"),
    Entry(id="dead", path="/console/dead", label="Dead and parked"),
    Entry(id="partners", path="/console/partners", label="Partners"),
    Entry(id="participants", path="/console/participants", label="Participants"),
    Entry(id="law", path="/console/law", label="Law"),
    Entry(id="audit", path="/console/audit", label="Audit"),
    Entry(id="settings", path="/console/settings", label="Settings"),
)


def offered(request: web.Request) -> list[Entry]:
    """List the pages that this application has and whoever asks may open."""
    known = {resource.canonical for resource in request.app.router.resources()}
    return [entry for entry in ENTRIES if entry.path in known and _may(request, entry.path)]


def _may(request: web.Request, path: str) -> bool:
    """Say whether the table of rights lets somebody open a page; what is open needs nobody's name."""
    needed = table().pages.get(f"GET {path}", OPEN)
    person = request.get(PERSON)
    return needed == OPEN or (person is not None and person.may(Right(needed)))
