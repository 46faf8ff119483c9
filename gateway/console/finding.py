"""Find transactions and cases by SSN or name, through keyed digests; what was typed stands in no address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from csenet.gateway.console import pages
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk import views
from csenet.gateway.people.looks import SHOWN, Look
from csenet.gateway.people.reading import in_sight, need
from csenet.gateway.people.rights import Right
from csenet.gateway.store import search

_MOST: Final = 200
_KINDS: Final[dict[search.Kind, str]] = {"ssn": "SSN", "name": "name"}


async def post_find(request: web.Request) -> web.Response:
    """Show what bears an SSN or a name; that somebody searched is recorded before anything is shown."""
    asked = Asked(request)
    need(asked.person, Right.CONTENT_READ)
    form = await request.post()
    kind, value = _kind(str(form.get("kind", ""))), str(form.get("value", "")).strip()[:64]
    if kind is None or not search.normal(kind, value):
        wrong = "Nothing was searched: type the nine digits of an SSN, or a name such as LAST FIRST."
        return _answer(request, wrong=wrong, kind=kind or "ssn")
    async with asked.store.read() as conn:
        subjects = await search.find(conn, kind, value, limit=_MOST)
        numbers = [_number(one) for one in subjects if not one.startswith("case-")]
        items = await views.by_numbers(conn, numbers, asked.state)
        cases = [one.removeprefix("case-") for one in subjects if one.startswith("case-")]
        seen = await in_sight(conn, asked.person, {*cases, *(each.case_id for each in items if each.case_id)})
    items = [each for each in items if not each.case_id or each.case_id in seen]
    cases = [case_id for case_id in cases if case_id in seen]
    shown = dict.fromkeys([*cases, *(each.case_id for each in items if each.case_id)])
    objects = [f"by {kind}", *(f"case {case_id}" for case_id in shown)]
    look = Look(channel="console")
    await asked.reader.record(asked.person, "transactions.search", objects, look, outcome=SHOWN)
    more = len(subjects) == _MOST
    return _answer(request, items=items, cases=cases, by=_KINDS[kind], more=more, kind=kind)


def _kind(word: str) -> search.Kind | None:
    """Take what may be searched by here."""
    return next((kind for kind in _KINDS if kind == word), None)


def _number(subject: str) -> tuple[int, int]:
    """Turn `in-12` or `out-7` into direction and row number."""
    way, _, number = subject.partition("-")
    return int(way == "out"), int(number)


def _answer(
    request: web.Request,
    *,
    items: Sequence[Any] = (),
    cases: Sequence[str] = (),
    by: str = "",
    more: bool = False,
    wrong: str = "",
    kind: str = "ssn",
) -> web.Response:
    context = {"here": "transactions", "items": items, "cases": cases, "by": by, "more": more, "wrong": wrong}
    context["kind"] = kind
    return pages.render(request, "found.html", context, status=422 if wrong else 200)
