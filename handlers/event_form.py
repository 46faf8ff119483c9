"""Read what the case system says has happened: one JSON object an event, everything wrong with it at once.

An event has an `id`, which makes it count once, a `kind`, the day it happened `on`, what its kind may say
beside the facts, and what it says of the facts in the form of `PUT /v1/cases/{case_id}`. A field that is null
is erased from the facts.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

import msgspec

from csenet.codecs import jsonform
from csenet.codecs.blocks import Collection
from csenet.codecs.errors import Problem
from csenet.handlers.event_table import MEMBERS, EventKind, kinds, listed, plain_facts
from csenet.handlers.facts import BLOCKS, FactsError, problem_path
from csenet.handlers.work import LINE_WIDTH

_ID = re.compile(r"[!-~]{1,64}")
_CASE_ID_LENGTH = 15
_NO_CASE_ID = re.compile(r"[^ -~]|[*\\]")
_OWN = ("id", "kind", "on", "of")
_BLOCKS = (*BLOCKS, "collections")
_NO_DAY = "must be a date such as 2026-01-31"

Problems = list[tuple[str, str]]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one event. `said` is what it says of the facts, in their JSON form; `text` stands in lines."""

    id: str
    kind: str
    on: date
    of: str = ""
    date: date | None = None
    text: tuple[str, ...] = ()
    criterion: str = ""
    new_case_id: str = ""
    collections: tuple[Collection, ...] = ()
    said: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def row(self) -> EventKind:
        """Give what the table says of the kind."""
        return kinds()[self.kind]


def event_from_json(obj: Any, today: date) -> Event:
    """Read an event; raise `FactsError` with every wrong, missing or unknown member, by its path.

    Without a day it happened today. Text longer than a line is broken between words, never cut.
    """
    if not isinstance(obj, dict):
        raise FactsError([("(event)", "must be a JSON object")])
    problems: Problems = []
    row = _row(obj, problems)
    event_id = obj.get("id")
    if not isinstance(event_id, str) or _ID.fullmatch(event_id) is None:
        problems.append(("id", "must be a text of 1 to 64 printable characters without blanks"))
    on = _day(obj, "on", problems) or today
    if on > today:
        problems.append(("on", "cannot lie in the future"))
    if row is None:
        raise FactsError(problems)
    _only_what_it_may(obj, row, problems)
    values: dict[str, Any] = {
        "of": _of(obj, row, problems),
        "date": _day(obj, "date", problems),
        "text": _text(obj, problems),
        "criterion": _word(obj, "criterion", LINE_WIDTH, problems),
        "new_case_id": _case_id(obj, problems),
        "collections": _collections(obj, row, on, problems),
    }
    _check_day(values["date"], row, on, today, problems)
    if problems:
        raise FactsError(problems)
    said = {name: obj[name] for name in (*plain_facts(), *BLOCKS) if name in obj}
    return Event(id=str(event_id), kind=row.kind, on=on, said=_filled(said, row, on), **values)


def _check_day(day: date | None, row: EventKind, on: date, today: date, problems: Problems) -> None:
    """Refuse a day that cannot be right: nobody has died tomorrow, and no hearing is set for yesterday."""
    if day is not None and row.day == "past" and day > today:
        problems.append(("date", "cannot lie in the future"))
    if day is not None and row.day == "ahead" and day < on:
        problems.append(("date", f"cannot lie before {on}, the day of the event"))


def _row(obj: Mapping[str, Any], problems: Problems) -> EventKind | None:
    kind = obj.get("kind")
    row = kinds().get(kind) if isinstance(kind, str) else None
    if row is None:
        near = get_close_matches(str(kind), kinds(), n=1)
        hint = f"; {near[0]} is" if near else ", such as worker_changed"
        problems.append(("kind", f"is not a kind of event{hint}"))
    return row


def _only_what_it_may(obj: Mapping[str, Any], row: EventKind, problems: Problems) -> None:
    """Report what an event of this kind has no place for: it must not be lost in silence."""
    text = f"an event of the kind {row.kind} does not say this"
    for name, value in obj.items():
        if name in _OWN:
            continue
        if name not in (*MEMBERS, *plain_facts(), *_BLOCKS):
            problems.append((str(name), "is not a known member here"))
        elif name not in _BLOCKS or name == "collections":
            if not row.allows(name):
                problems.append((name, text))
        elif not _has_form(name, value, problems):
            continue
        else:
            problems += [(path, text) for path, field in _fields(name, value) if not row.allows(field)]


def _has_form(name: str, value: Any, problems: Problems) -> bool:
    entries = value if listed(name) else [value]
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return True
    problems.append((name, "must be a list of JSON objects" if listed(name) else "must be a JSON object"))
    return False


def _fields(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Name each field that is said: by its path in the event, and by its path in the table."""
    if not listed(name):
        yield from ((f"{name}.{key}", f"{name}.{key}") for key in value)
        return
    for number, entry in enumerate(value):
        yield from ((f"{name}[{number}].{key}", f"{name}.{key}") for key in entry)


def _of(obj: Mapping[str, Any], row: EventKind, problems: Problems) -> str:
    said = obj.get("of")
    if not row.of:
        if said is not None:
            problems.append(("of", f"the kind {row.kind} has no sorts"))
        return ""
    if said not in row.of:
        problems.append(("of", f"must be one of {', '.join(row.of)}"))
        return ""
    return str(said)


def _day(obj: Mapping[str, Any], name: str, problems: Problems) -> date | None:
    value = obj.get(name)
    if value is None:
        return None
    try:
        day = date.fromisoformat(value)
        if day.isoformat() == value:
            return day
    except (TypeError, ValueError):
        pass
    problems.append((name, _NO_DAY))
    return None


def _word(obj: Mapping[str, Any], name: str, longest: int, problems: Problems) -> str:
    value = obj.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not value.strip() or len(value.strip()) > longest:
        problems.append((name, f"must be a text of 1 to {longest} characters"))
        return ""
    return value.strip()


def _case_id(obj: Mapping[str, Any], problems: Problems) -> str:
    """Read the new ID of our case; one that no transaction could hold must not become one."""
    found = _word(obj, "new_case_id", _CASE_ID_LENGTH, problems).upper()
    if found and (_NO_CASE_ID.search(found) or not found.strip("0 ")):
        problems.append(("new_case_id", "must be plain characters without * or \\, and not only zeros"))
    return found


def _text(obj: Mapping[str, Any], problems: Problems) -> tuple[str, ...]:
    value = obj.get("text")
    if value is None:
        return ()
    lines = [value] if isinstance(value, str) else value
    if not isinstance(lines, list) or not all(isinstance(line, str) and line.strip() for line in lines):
        problems.append(("text", "must be a text, or a list of lines"))
        return ()
    if not all(line.isascii() and line.isprintable() for line in lines):
        problems.append(("text", "must consist of plain printable characters"))
        return ()
    broken = [part for line in lines for part in textwrap.wrap(line.strip().upper(), LINE_WIDTH)]
    return tuple(broken)


def _collections(obj: Mapping[str, Any], row: EventKind, on: date, problems: Problems) -> tuple[Any, ...]:
    value = obj.get("collections")
    if value is None or not _has_form("collections", value, problems):
        return ()
    found: list[Problem] = []
    filled = _filled({"collections": value}, row, on)["collections"]
    read: tuple[Any, ...] = jsonform.load_block("collections", filled, found)
    wrong = [(problem_path(problem), problem.message) for problem in found if problem.stops]
    problems += wrong
    return () if wrong else read


def _filled(said: Mapping[str, Any], row: EventKind, on: date) -> dict[str, Any]:
    """Add what follows from the kind and is not said; nothing is added to a list that is not there."""
    filled: dict[str, Any] = {
        name: [dict(entry) for entry in value] if listed(name) else dict(value) if name in BLOCKS else value
        for name, value in said.items()
    }
    for fill in row.sets:
        block, _, field = fill.field.partition(".")
        value = on.isoformat() if fill.value == "@on" else fill.value
        if not field:
            filled.setdefault(block, value)
            continue
        entries: list[dict[str, Any]]
        entries = filled.get(block, []) if listed(block) else [filled.setdefault(block, {})]
        for entry in entries:
            if _is_given(entry, fill.given):
                entry.setdefault(field, value)
    return filled


def _is_given(entry: Mapping[str, Any], given: str) -> bool:
    if not given:
        return True
    path, _, value = given.partition("=")
    said = entry.get(path.rpartition(".")[-1])
    return said == value if value else said is not None
