"""Show the settings the gateway runs with, and where each value came from; nothing can be changed here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import BaseModel

from csenet.gateway.console import pages, words
from csenet.gateway.console.sources import Asked
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right

if TYPE_CHECKING:
    from csenet.gateway.settings.loading import Settings

_HIDDEN = re.compile(r"(token|password|secret|passphrase)$")


async def get_settings(request: web.Request) -> web.Response:
    """List every setting by section."""
    asked = Asked(request)
    need(asked.person, Right.SYSTEM_MANAGE)
    shown = {} if asked.settings is None else sections(asked.settings)
    rows = [row for section in shown.values() for row in section]
    set_only = request.query.get("set") == "1"
    if set_only:
        chosen = {name: [row for row in section if row[2] != "default"] for name, section in shown.items()}
        shown = {name: section for name, section in chosen.items() if section}
    context = {
        "here": "settings",
        "sections": list(shown.items()),
        "count": len(rows),
        "count_set": sum(origin != "default" for _, _, origin in rows),
        "set_only": set_only,
    }
    return pages.render(request, "settings.html", context)


def sections(settings: Settings) -> dict[str, list[tuple[str, str, str]]]:
    """Give each section with its settings: name, value and where that came from; secrets are never shown."""
    plain = settings.model_dump(mode="json")
    return {
        name: list(_rows(value, (name,), settings.origins, _inside(settings, name)))
        for name, value in plain.items()
    }


def _inside(model: Any, name: str) -> Any:
    """Give what a setting is read from: a section, a value, or None where nothing set it."""
    if isinstance(model, BaseModel):
        return getattr(model, name) if name in model.model_fields_set else None
    return model[name] if isinstance(model, Mapping) else model


def _rows(
    value: Any, key: tuple[str, ...], origins: Mapping[str, str], model: Any
) -> Iterator[tuple[str, str, str]]:
    """Give each leaf with where it came from; what nothing set is a default, whatever stands beside it."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _rows(inner, (*key, name), origins, _inside(model, name))
        return
    name = ".".join(key)
    places = (".".join(key[:n]) for n in range(len(key), 0, -1) if model is not None)
    origin = next((origins[place] for place in places if place in origins), "default")
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
