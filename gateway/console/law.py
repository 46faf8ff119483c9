"""Make the law readable: every rule, duty and answer on a day, with its citations, and what changes when."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from aiohttp import web

from csenet.codecs import codes
from csenet.gateway.console import forms, pages
from csenet.gateway.console.law_parts import chapters
from csenet.gateway.console.sources import Asked
from csenet.handlers.policy.explain import Entry, catalogue, diff, find
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.said import said_in

PATH: Final = "/console/law"
_FILTERS: Final = {"q": forms.word, "kind": forms.word, "on": forms.day, "state": forms.state}
_OPEN: Final = {**_FILTERS, "part": forms.word}
_CHANGES: Final = {"since": forms.day, "until": forms.day, "state": forms.state}
_QUESTIONS: Final = {"q": forms.word, "state": forms.state, "blank": forms.one_of("with", "without")}


@lru_cache(maxsize=64)
def _entries(fips: str) -> tuple[Entry, ...]:
    return catalogue(load_profile(fips))


@lru_cache(maxsize=64)
def names(fips: str) -> frozenset[str]:
    """Name everything that has a page of its own under the law of a state."""
    return frozenset(entry.id for entry in _entries(fips))


def _state(asked: Asked, filters: forms.Filters) -> str:
    found: str = filters.values.get("state", asked.state)
    return found


def _states() -> list[tuple[str, str]]:
    return [(fips, each.name) for fips, each in codes.jurisdictions().items()]


async def get_list(request: web.Request) -> web.Response:
    """List what law, profile and agreements state on a day, under headings that open.

    What is looked for stands open; else it is one heading, if any, that the address names (``part``).
    """
    asked = Asked(request)
    filters = forms.Filters(request.query, _OPEN)
    on = filters.values.get("on", asked.clock.today())
    entries = _entries(_state(asked, filters))
    found = [each for each in entries if _fits(each, filters.typed["q"], filters.typed["kind"])]
    if filters.typed["q"] and not filters.typed["kind"]:
        exact = find(filters.typed["q"], entries)
        found = [*exact, *(each for each in found if each not in exact)]
    context: dict[str, Any] = {
        "here": "law",
        "path": PATH,
        "filters": filters,
        "on": on,
        "count": len(found),
        "chapters": chapters(((each, each.on(on)) for each in found), load_profile(_state(asked, filters))),
        "searched": bool(filters.typed["q"] or filters.typed["kind"]),
        "kinds": [(kind, kind) for kind in dict.fromkeys(each.kind for each in entries)],
        "states": _states(),
        "state": load_profile(_state(asked, filters)),
    }
    return pages.render(request, "law.html", context)


def _fits(entry: Entry, q: str, kind: str) -> bool:
    """Look for every word in what an entry says, cites and is called."""
    if kind and entry.kind != kind:
        return False
    texts = [entry.id, entry.about, entry.cited_in_spec, *entry.codes, *entry.places]
    texts += [part for version in entry.versions for part in (version.value, version.text, version.citation)]
    whole = " ".join(texts).casefold()
    return all(word in whole for word in q.casefold().split())


async def get_entry(request: web.Request) -> web.Response:
    """Show everything that bears a name, with all dated versions."""
    asked = Asked(request)
    filters = forms.Filters(request.query, {"state": forms.state, "on": forms.day})
    entries = find(request.match_info["rule"], _entries(_state(asked, filters)))
    if not entries:
        raise web.HTTPNotFound
    on = filters.values.get("on", asked.clock.today())
    context = {
        "here": "law",
        "name": request.match_info["rule"],
        "on": on,
        "entries": [(each, each.on(on)) for each in entries],
        "state": load_profile(_state(asked, filters)),
    }
    return pages.render(request, "law_entry.html", context)


async def get_changes(request: web.Request) -> web.Response:
    """List what states something else on one day than on another; without days, the year behind and ahead."""
    asked = Asked(request)
    filters = forms.Filters(request.query, _CHANGES)
    today = asked.clock.today()
    since = filters.values.get("since", today - timedelta(days=365))
    until = filters.values.get("until", today + timedelta(days=365))
    entries = _entries(_state(asked, filters))
    context = {
        "here": "law",
        "filters": filters,
        "since": since,
        "until": until,
        "changes": [] if filters.problems else diff(entries, since, until),
        "coming": _coming(entries, today),
        "states": _states(),
        "state": load_profile(_state(asked, filters)),
        "path": f"{PATH}/changes",
    }
    return pages.render(request, "law_changes.html", context)


def _coming(entries: tuple[Entry, ...], today: date) -> list[tuple[date, Entry, str]]:
    """List the days on which something begins or ends from today on."""
    found = []
    for entry in entries:
        for version in entry.versions:
            if version.since is not None and version.since > today:
                found.append((version.since, entry, "begins"))
            if version.until is not None and version.until >= today:
                found.append((version.until, entry, "ends"))
    return sorted(found, key=lambda each: (each[0], each[1].id))


async def get_questions(request: web.Request) -> web.Response:
    """Show every question of a state's profile with what the state says in its own words."""
    asked = Asked(request)
    filters = forms.Filters(request.query, _QUESTIONS)
    profile = load_profile(_state(asked, filters))
    sections = said_in(profile, filters.typed["q"], filters.typed["blank"])
    context = {
        "here": "law",
        "filters": filters,
        "path": f"{PATH}/questions",
        "sections": sections,
        "count": sum(len(rows) for _, rows in sections),
        "states": _states(),
        "state": profile,
    }
    return pages.render(request, "law_questions.html", context)
