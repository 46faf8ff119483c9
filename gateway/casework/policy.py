"""Answer questions about law and agreements: rules, duties that open, what changed between two days.

The answers come from the policy tables alone; no case is looked into. `state` defaults to the gateway's own
jurisdiction, whose agency may have switched answers of its profile in the settings: those are shown as
published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from aiohttp import web

from csenet.codecs.codes import VALID, FarCode
from csenet.gateway.casework import requests
from csenet.gateway.casework.ports import JURISDICTION
from csenet.gateway.casework.problems import ApiProblem, Kind
from csenet.gateway.casework.requests import Finder
from csenet.gateway.casework.views import View, reply
from csenet.handlers.policy.deadlines import Opened, opened_by
from csenet.handlers.policy.explain import Change, Entry, Version, catalogue, diff, find
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.profile import Profile, load_profile
from csenet.handlers.policy.rules import Why
from csenet.handlers.policy.working_days import Calendar


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """Say what one rule states on a day; `in_force` is null where nothing is stated, which is not a no."""

    id: str
    kind: str
    about: str
    in_force: Version | None


class RuleList(msgspec.Struct, frozen=True, kw_only=True):
    """List what the policy tables state on a day."""

    on: date
    state: str
    rules: Sequence[RuleLine]


class RuleHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Hold every entry of a name, with all dated versions."""

    on: date
    state: str
    entries: Sequence[Entry]


class OpenedDuty(msgspec.Struct, frozen=True, kw_only=True):
    """Name a duty that a transaction opens; `due` is null where its clock starts later."""

    duty: str
    who: str
    starts: str
    text: str
    clock: str
    answered_by: Sequence[str]
    due: date | None
    why: Why | None


class OpenedDuties(msgspec.Struct, frozen=True, kw_only=True):
    """List the duties that a transaction opens when it is received on a day."""

    far: str
    title: str
    received: date
    state: str
    opens: Sequence[OpenedDuty]


class PolicyChanges(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """List what states something else on the later day than on the earlier."""

    since: date
    until: date
    state: str
    changes: Sequence[Change]


async def list_rules(request: web.Request) -> web.Response:
    """List all rules as they stand on a day."""
    asked = requests.query(request)
    profile, day = _state(request, asked), _day(asked, "on")
    asked.finish()
    lines = [
        RuleLine(id=entry.id, kind=entry.kind, about=entry.about, in_force=entry.on(day))
        for entry in catalogue(profile)
    ]
    return reply(RuleList(on=day, state=profile.abbreviation, rules=lines))


async def get_rule(request: web.Request) -> web.Response:
    """Show a rule by its id, code, place in the questionnaire or paragraph."""
    asked = requests.query(request)
    profile, day = _state(request, asked), _day(asked, "on")
    asked.finish()
    found = find(request.match_info["rule"], catalogue(profile))
    if not found:
        raise ApiProblem(Kind.NOT_FOUND, "No rule, duty, ground or question bears this name.")
    return reply(RuleHistory(on=day, state=profile.abbreviation, entries=found))


async def get_deadlines(request: web.Request) -> web.Response:
    """Say what a received transaction opens, and by when it is due."""
    asked = requests.query(request)
    profile = _state(request, asked)
    code = asked.take("for", _code, "a code that states can send, such as MSC P GSC17", required=True)
    received = asked.take("received", requests.iso_date, "a date such as 2026-12-23", required=True)
    asked.finish()
    if code is None or received is None:
        raise AssertionError("finish lets nothing pass that is required")
    opened = opened_by(str(code), received, Calendar(profile.fips))
    return reply(
        OpenedDuties(
            far=str(code),
            title=VALID[code].title,
            received=received,
            state=profile.abbreviation,
            opens=[_opened(each) for each in opened],
        )
    )


async def get_diff(request: web.Request) -> web.Response:
    """List what changed between two days."""
    asked = requests.query(request)
    profile = _state(request, asked)
    before = asked.take("from", requests.iso_date, "a date such as 2017-01-18", required=True)
    after = asked.take("to", requests.iso_date, "a date such as 2017-01-19", required=True)
    asked.finish()
    if before is None or after is None:
        raise AssertionError("finish lets nothing pass that is required")
    changes = diff(catalogue(profile), before, after)
    return reply(PolicyChanges(since=before, until=after, state=profile.abbreviation, changes=changes))


def _opened(opened: Opened) -> OpenedDuty:
    """Write one duty."""
    duty, due = opened.duty, opened.due
    return OpenedDuty(
        duty=duty.id,
        who=duty.who,
        starts=duty.starts,
        text=duty.text,
        clock=duty.clock,
        answered_by=duty.answered_by,
        due=due.date if due is not None else None,
        why=due.why if due is not None else None,
    )


def _state(request: web.Request, asked: Finder) -> Profile:
    """Read whose profile and calendar count; the gateway's own where none is named."""
    ours = request.app[JURISDICTION]
    chosen = asked.take("state", _fips, "the abbreviation or two-digit FIPS code of a state")
    own = next((place.fips for place in jurisdictions().values() if place.name == ours), None)
    if chosen is None and own is None:
        asked.wrong(
            "state", "request.required", "state is required: the abbreviation or FIPS code of a state"
        )
        own = next(iter(jurisdictions()))
    return load_profile(chosen or own or "")


def _day(asked: Finder, name: str) -> date:
    """Read the day asked about; it is required, so that the same call always gives the same answer."""
    return asked.take(name, requests.iso_date, "a date such as 2026-11-20", required=True) or date.min


def _fips(value: Any) -> str:
    """Find a state by its abbreviation or FIPS code; raises ValueError."""
    for place in jurisdictions().values():
        if str(value).upper() in (place.fips, place.abbreviation):
            return place.fips
    raise ValueError


def _code(value: Any) -> FarCode:
    """Read a code that states can send; raises ValueError."""
    code = FarCode.parse(str(value))
    if code not in VALID:
        raise ValueError
    return code


VIEWS: Final[Mapping[str, View]] = {
    "listPolicyRules": list_rules,
    "getPolicyRule": get_rule,
    "getPolicyDeadlines": get_deadlines,
    "getPolicyDiff": get_diff,
}
"""The views by the operation they answer."""
