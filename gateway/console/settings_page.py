"""Show the settings the gateway runs with, and where each value came from; nothing can be changed here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from csenet.gateway.console import pages, words
from csenet.gateway.console.sources import Asked
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right

_HIDDEN = re.compile(r"(token|password|secret|passphrase)$")


async def get_settings(request: web.Request) -> web.Response:
    """List every setting by section."""
    asked = Asked(request)
    need(asked.person, Right.SYSTEM_MANAGE)
    settings = asked.settings
    shown = {} if settings is None else settings.model_dump(mode="json")
    origins = {} if settings is None else settings.origins
    context = {
        "here": "settings",
        "sections": [(name, list(_rows(value, (name,), origins))) for name, value in shown.items()],
    }
    return pages.render(request, "settings.html", context)


def _rows(value: Any, key: tuple[str, ...], origins: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Give each leaf with where it came from; secrets are never shown."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _rows(inner, (*key, name), origins)
        return
    name = ".".join(key)
    origin = next(
        (origins[".".join(key[:n])] for n in range(len(key), 0, -1) if ".".join(key[:n]) in origins),
        "default",
    )
    if _HIDDEN.search(key[-1]) and value:
        yield name, "(set, not shown)", origin
    else:
        yield name, _written(value), origin


def _written(value: Any) -> str:
    """Write a value for people, spans in words; a password in an address is hidden."""
    if value is None or value in ({}, []):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_written(each) for each in value)
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", words.span(str(value)))
