"""Hold the table of events: what may be said of each kind, which facts it changes, and what leaves for it.

The rows stand in `events.toml`; one that names a code, a duty or a field that does not exist stops the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from csenet.codecs.codes import VALID, FarCode
from csenet.handlers.facts import BLOCKS, KEYS, REPEATED
from csenet.handlers.policy.dated import PolicyError, read_table, unique
from csenet.handlers.policy.deadlines import duties
from csenet.handlers.policy.rules import Why
from csenet.handlers.policy.work_kinds import work_kinds
from csenet.handlers.wanted import STRUCTS

TABLE = Path(__file__).with_name("events.toml")
MEMBERS = ("text", "date", "criterion", "new_case_id", "collections")
"""What an event may say beside the facts, each only where its kind lists it."""
_NEEDS = (*MEMBERS, "place", "participants", "orders")
_TELLERS = frozenset({"initiating", "responding"})


class Fill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a value that follows from the kind where the event does not say it; `@on` is the event's day.

    `given` names a field that must be said, `field=value` one that must have a value.
    """

    field: str
    value: str | bool
    given: str = ""


class Send(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one transaction of an event, and when it is the right one; see `events.toml`."""

    far: str = ""
    role: Literal["initiating", "responding", "either"] = "either"
    of: tuple[str, ...] = ()
    place: Literal["", "here", "elsewhere"] = ""
    resolved: Literal["", "on", "date"] = ""
    not_before: str = ""
    line: str = ""
    only: tuple[str, ...] = ()
    closure: bool = False
    duty: str = ""

    @property
    def code(self) -> FarCode:
        """Give the code; of a closure, which has none of its own, a blank one."""
        return FarCode("", "", "") if self.closure else FarCode.parse(self.far)


class EventKind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one kind of event; see `events.toml` for each column."""

    kind: str
    title: str
    citation: str
    duty: str = "AN2"
    responding_duty: str = ""
    of: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    participants: Literal["", "add", "end", "change", "name"] = ""
    orders: Literal["", "add", "change"] = ""
    sets: tuple[Fill, ...] = ()
    sends: tuple[Send, ...] = ()
    silent: str = ""
    closes: tuple[str, ...] = ()
    status: Literal["open", "closed"] = "open"
    becomes: Literal["", "open", "closed"] = ""
    over: bool = False
    work: str = ""
    day: Literal["", "past", "ahead"] = ""

    def duty_of(self, role: str) -> str:
        """Name the duty of telling as the state has it that is in this role."""
        return self.responding_duty if role == "responding" and self.responding_duty else self.duty

    @property
    def tells_entries(self) -> bool:
        """Tell whether it is about single entries of a list, so that another such event tells of others."""
        return bool(self.participants or self.orders or "collections" in self.may)

    def tells(self, far: str) -> bool:
        """Tell whether a code is one that an event of the kind sends."""
        return any(send.closure or send.far == far for send in self.sends)

    def allows(self, path: str) -> bool:
        """Tell whether an event of this kind may say a field, such as `case.case_type`, or a member."""
        return any(fnmatchcase(path, pattern) for pattern in self.may)

    def together(self, path: str) -> str:
        """Give the pattern of the fields that are forgotten when this one is said; "" for a field alone."""
        return next((pattern for pattern in self.whole if fnmatchcase(path, pattern)), "")

    def why(self, text: str = "", value: str = "") -> Why:
        """Give the row as a reason."""
        return Why(
            rule=f"event.{self.kind}", text=text or f"{self.title}.", citation=self.citation, value=value
        )


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    event: tuple[EventKind, ...]


@cache
def kinds() -> Mapping[str, EventKind]:
    """Load the table once, by kind."""
    return MappingProxyType({row.kind: row for row in load_kinds(TABLE)})


def load_kinds(path: Path) -> tuple[EventKind, ...]:
    """Read and check a table of events; raise `PolicyError` naming file and key for all that is wrong."""
    rows = read_table(path, _Table).event
    problems = unique(path.name, "event", (row.kind for row in rows))
    for row in rows:
        problems += [f"event {row.kind!r}.{problem}" for problem in _row_problems(row)]
    if problems:
        raise PolicyError(path.name, problems)
    return rows


def _row_problems(row: EventKind) -> Iterator[str]:
    for name in ("kind", "title", "citation"):
        if not getattr(row, name).strip():
            yield f"{name}: is missing"
    if bool(row.sends) == bool(row.silent):
        yield "sends: give either what is sent, or in `silent` why nothing is"
    if not {row.duty, row.responding_duty or row.duty} <= duties().keys():
        yield "duty: no such duty in deadlines.toml"
    if row.work and row.work not in work_kinds():
        yield "work: no such kind in work_kinds.toml"
    for name in ("may", "whole", "needs"):
        yield from (f"{name}: no field is called {path!r}" for path in getattr(row, name) if not _known(path))
    for fill in row.sets:
        if not _known(fill.field):
            yield f"sets: no field is called {fill.field!r}"
    for number, send in enumerate(row.sends, 1):
        yield from (f"sends[{number}].{problem}" for problem in _send_problems(row, send))


def _send_problems(row: EventKind, send: Send) -> Iterator[str]:
    if set(send.of) - set(row.of):
        yield "of: names a sort that the kind does not have"
    for name in ("not_before", "duty"):
        if getattr(send, name) and getattr(send, name) not in duties():
            yield f"{name}: no such duty in deadlines.toml"
    if send.closure:
        return
    try:
        known = VALID.get(send.code)
    except ValueError:
        known = None
    if known is None or not known.core:
        yield f"far: {send.far!r} is not in the set that the states agreed to use"
    elif known.sent_by in _TELLERS and send.role not in (known.sent_by, "either"):
        yield f"role: only the {known.sent_by} state sends {send.far}"


def _known(path: str) -> bool:
    """Tell whether a path or pattern can mean a field of a block, a plain fact or a member of an event."""
    block, _, field = path.partition(".")
    if not field:
        return block in _NEEDS or (block in KEYS and block not in BLOCKS)
    names = STRUCTS[block].__struct_fields__ if block in STRUCTS else ()
    return any(fnmatchcase(name, field) for name in names)


def plain_facts() -> tuple[str, ...]:
    """List the facts that are no blocks."""
    return tuple(name for name in KEYS if name not in BLOCKS)


def listed(name: str) -> bool:
    """Tell whether a block occurs as a list."""
    return name in REPEATED or name == "collections"
