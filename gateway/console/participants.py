"""Let the agency's people give participants a number and PIN, and lock, reset and revoke them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from csenet.gateway.console import forms, pages
from csenet.gateway.console.sources import Asked
from csenet.gateway.desk.names import case_key
from csenet.gateway.desk.results import Conflict
from csenet.gateway.errors import NotFound
from csenet.gateway.participant.enrolling import Enrolled, Enrolling, spaced
from csenet.gateway.participant.managing import Managing
from csenet.gateway.people.looks import ReadRefused
from csenet.gateway.people.reading import need
from csenet.gateway.people.rights import Right

PATH: Final = "/console/participants"
ROLES: Final = {"ncp": "noncustodial parent", "cp": "custodial party"}
_FILTERS: Final = {"case_id": forms.case_id, "after": forms.serial}
_PAGE: Final = 50
_LONGEST: Final = 15
_LARGEST: Final = 2**63 - 1
_TOLD: Final = {
    "lock": "The participant is locked; their visit has ended.",
    "unlock": "The participant may sign in again.",
    "revoke": "The number is of no use any more.",
    "take": "The participant sees this case no more.",
}
_ACTS: Final[dict[str, Callable[[Enrolling, int, str, str], Awaitable[Any]]]] = {
    "reset": lambda each, row, actor, _case: each.reset_pin(row, actor=actor),
    "lock": lambda each, row, actor, _case: each.lock(row, actor=actor),
    "unlock": lambda each, row, actor, _case: each.unlock(row, actor=actor),
    "revoke": lambda each, row, actor, _case: each.revoke(row, actor=actor),
    "take": lambda each, row, actor, case: each.revoke(row, case_id=case, actor=actor),
}
_NO_WAY_BACK: Final = frozenset(("reset", "revoke", "take"))


def _managing(asked: Asked) -> Managing:
    return Managing(asked.store, asked.clock, asked.reader, asked.person, "console")


async def get_list(request: web.Request) -> web.Response:
    """List who of one's own offices' cases may see them."""
    return await _show(Asked(request))


async def _show(
    asked: Asked,
    *,
    made: Enrolled | None = None,
    told: str = "",
    wrong: str = "",
    typed: dict[str, str] | None = None,
) -> web.Response:
    """Show the list; number and PIN that were just given out stand above it, this once."""
    need(asked.person, Right.PARTICIPANTS_MANAGE)
    filters = forms.Filters(asked.request.query, _FILTERS)
    page = None
    if not filters.problems:
        case_id = filters.values.get("case_id")
        after = int(filters.values.get("after", 0))
        page = await _managing(asked).page(case_id and case_key(case_id), after, _PAGE)
    context: dict[str, Any] = {
        "here": "participants",
        "path": PATH,
        "filters": filters,
        "page": page,
        "roles": ROLES,
        "made": made,
        "number": spaced(made.number) if made else "",
        "pin": spaced(made.pin) if made and made.pin else "",
        "told": told,
        "wrong": wrong,
        "typed": typed or {"case_id": filters.typed["case_id"], "role": "", "number": ""},
    }
    return pages.render(asked.request, "participants.html", context, status=422 if wrong else 200)


async def post_enrol(request: web.Request) -> web.Response:
    """Let somebody in, and show number and PIN once."""
    asked = Asked(request)
    need(asked.person, Right.PARTICIPANTS_MANAGE)
    form = await request.post()
    typed = {name: str(form.get(name, "")).strip()[:64] for name in ("case_id", "role", "number")}
    case_id, role, number = case_key(typed["case_id"]), typed["role"], typed["number"] or None
    if not 0 < len(case_id) <= _LONGEST or role not in ROLES:
        return await _show(
            asked, wrong="Nobody was let in: say which case, and their part in it.", typed=typed
        )
    actor = asked.person.name
    try:
        made = await _managing(asked).act(
            "participant.enrol", lambda each: each.enrol(case_id, role, number=number, actor=actor)
        )
    except (NotFound, Conflict) as error:
        return await _show(asked, wrong=f"Nobody was let in: {error}.", typed=typed)
    return await _show(asked, made=made)


async def post_act(request: web.Request) -> web.Response:
    """Do something with one participant."""
    asked = Asked(request)
    need(asked.person, Right.PARTICIPANTS_MANAGE)
    form, name = await request.post(), request.match_info["participant_id"]
    action, case_id = str(form.get("action", "")), case_key(str(form.get("case_id", "")))
    if not (name.isascii() and name.isdigit()) or int(name[:20]) > _LARGEST or action not in _ACTS:
        raise web.HTTPNotFound
    if action in _NO_WAY_BACK and form.get("sure") != "yes":
        return await _show(asked, wrong="Nothing was done: say that you are sure. It cannot be taken back.")
    row, actor = int(name), asked.person.name
    try:
        found = await _managing(asked).act(
            f"participant.{action}", lambda each: _ACTS[action](each, row, actor, case_id)
        )
    except (NotFound, Conflict, ReadRefused) as error:
        return await _show(asked, wrong=f"Nothing was done: {error}.")
    return await _show(asked, made=found) if action == "reset" else await _show(asked, told=_TOLD[action])
