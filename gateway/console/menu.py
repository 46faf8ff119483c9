"""List the pages of the console once, in the order in which they are offered."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Name a page, where it is, and how it is called in the menu."""

    id: str
    path: str
    label: str


ENTRIES: Final = (Entry(id="today", path="/", label="Today"),)


def offered(request: web.Request) -> list[Entry]:
    """List the pages that this application has."""
    known = {resource.canonical for resource in request.app.router.resources()}
    return [entry for entry in ENTRIES if entry.path in known]
