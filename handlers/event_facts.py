"""Write into the facts of a case what an event says of them, and remember which entries it is about."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from csenet.handlers.context import CaseRecord, initial_state
from csenet.handlers.event_form import Event
from csenet.handlers.event_table import EventKind, plain_facts
from csenet.handlers.facts import (
    PARENT,
    REPEATED,
    CaseFacts,
    FactsError,
    facts_from_json,
    facts_to_json,
    participant_names,
)

_WHO = {
    "participants": ("ssn", "date_of_birth", "name_last", "name_first", "name_middle", "name_suffix"),
    "orders": ("order_id", "order_fips_state", "tribunal_case_number"),
}
"""What tells one entry of a list from another."""
_ENDED = "C"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a case after an event: its record, the paths that changed, and the entries the event is about."""

    record: CaseRecord
    changed: tuple[str, ...] = ()
    about: Mapping[str, tuple[int, ...]] = msgspec.field(default_factory=dict)


def told(event: Event, record: CaseRecord) -> Told:
    """Give the case as it is after an event.

    Raises `FactsError` for a value that a field cannot hold, by its path, and for an entry that the case does
    not have: it would be a guess to take another.
    """
    before = facts_to_json(record.facts)
    after, problems = copy.deepcopy(before), list[tuple[str, str]]()
    about: dict[str, tuple[int, ...]] = {}
    for name, value in event.said.items():
        if name in plain_facts():
            _set(after, name, value)
        elif name in REPEATED:
            about[name] = _entries(after.setdefault(name, []), name, value, event.row, problems)
        else:
            _merge(after.setdefault(name, {}), name, value, event.row)
    if problems:
        raise FactsError(problems)
    facts = facts_from_json(
        record.case_id, {key: held for key, held in after.items() if held not in ({}, [])}
    )
    written = facts_to_json(facts)
    changed = tuple(_changes(before, written))
    state = initial_state(facts, record.state) if changed else record.state
    return Told(record=CaseRecord(facts=facts, state=state), changed=changed, about=about)


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def _merge(held: dict[str, Any], block: str, said: Mapping[str, Any], row: EventKind) -> None:
    """Write fields over a block; those that belong together with one of them are forgotten first."""
    for pattern in {row.together(f"{block}.{name}") for name in said} - {""}:
        for name in [name for name in held if fnmatchcase(f"{block}.{name}", pattern)]:
            del held[name]
    for name, value in said.items():
        _set(held, name, value)


def _entries(
    held: list[dict[str, Any]], name: str, said: Any, row: EventKind, problems: list[tuple[str, str]]
) -> tuple[int, ...]:
    """Write entries of a list; return the places of those that the event is about."""
    mode, places = getattr(row, name), []
    for number, entry in enumerate(said):
        place = None if mode == "add" else _place(held, name, entry)
        if mode == "add":
            held.append({key: value for key, value in entry.items() if value is not None})
            place = len(held) - 1
        elif place is None:
            what = "participant" if name == "participants" else "order"
            problems.append((f"{name}[{number}]", f"names no {what} of the case, or more than one"))
            continue
        elif mode == "end":
            held[place]["participant_status"] = _ENDED
        elif mode == "change":
            _merge(held[place], name, entry, row)
        places.append(place)
    return tuple(places)


def _place(held: list[dict[str, Any]], name: str, said: Mapping[str, Any]) -> int | None:
    """Find the one entry with which nothing said of who it is disagrees, and something agrees."""
    named = {key: _plain(said[key]) for key in _WHO[name] if said.get(key) is not None}
    fits = [
        place
        for place, entry in enumerate(held)
        if named and all(_plain(entry.get(key)) == value for key, value in named.items())
    ]
    return fits[0] if len(fits) == 1 else None


def _plain(value: Any) -> str:
    return str(value).strip().upper()


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Name what differs, by path; never a value."""
    found: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old or {}, dict) and isinstance(new or {}, dict):
            mine, theirs = old or {}, new or {}
            found += [
                f"{name}.{key}"
                for key in sorted(mine.keys() | theirs.keys())
                if mine.get(key) != theirs.get(key)
            ]
        elif isinstance(old or [], list) and isinstance(new or [], list) and name in REPEATED:
            mine, theirs = old or [], new or []
            found += [
                f"{name}[{place}]"
                for place in range(max(len(mine), len(theirs)))
                if mine[place : place + 1] != theirs[place : place + 1]
            ]
        else:
            found.append(name)
    return found


def focused(facts: CaseFacts, only: Mapping[str, tuple[int, ...]]) -> CaseFacts:
    """Give the facts with the lists cut to some of their entries; who is at risk stays marked."""
    changes: dict[str, Any] = {
        name: tuple(getattr(facts, name)[place] for place in places) for name, places in only.items()
    }
    if "participants" in only:
        names = participant_names(len(facts.participants))
        kept = [names[place] for place in only["participants"]]
        marked = tuple(
            new for new, old in zip(participant_names(len(kept)), kept, strict=True) if old in facts.protected
        )
        changes["protected"] = (*(each for each in facts.protected if each == PARENT), *marked)
    return msgspec.structs.replace(facts, **changes)
