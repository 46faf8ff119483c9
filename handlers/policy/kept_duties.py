"""Say which duties are kept with a clock, what opens each and what closes it: one table for both roles.

A duty is ours ("we-owe") or the other state's ("they-owe"). What we owe opens on what we receive, or on an
event on a case of ours, and is answered by what we send; what they owe opens on what we send. The codes are
those of `deadlines.toml` unless a row of `kept_duties.toml` says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from csenet.handlers.policy import deadlines
from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table
from csenet.handlers.policy.deadlines import names
from csenet.handlers.policy.rules import Stated, value_on
from csenet.handlers.policy.working_days import Calendar

Side = Literal["we-owe", "they-owe"]
Way = Literal["received", "sent"]
Start = Literal["received", "sent", "event"]
Limit = Literal["", "locate_not_found", "may_close"]
Outcome = Literal["answered", "done", "declined", "lapsed", "rejected", "not sent"]

SIDES: tuple[Side, ...] = ("we-owe", "they-owe")
OUTCOMES: tuple[Outcome, ...] = ("answered", "done", "declined", "lapsed", "rejected", "not sent")
COUNTED: frozenset[Outcome] = frozenset({"answered", "done"})
"""Outcomes that say the duty was fulfilled; the others count neither as in time nor as late."""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    duty: str
    sides: tuple[Side, ...]
    starts: Start = "received"
    by: tuple[str, ...] | None = None
    answers: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    lapses: tuple[str, ...] = ()
    same_function: bool = False
    remind: bool = False
    limit: Limit = ""
    limit_rule: str = ""
    as_told: bool = False
    in_advance: bool = False


class _Without(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    duty: str
    why: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ends_all: tuple[str, ...]
    rejection: str
    row: tuple[_Row, ...]
    without: tuple[_Without, ...] = ()


class KeptDuty(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a duty as one side has it.

    `opens_way` and `answer_way` say whether the opening and the answering transactions are received or sent.
    Which events open a duty stands in the table of events; `as_told` says that only what the very kind of
    event sends is an answer, `in_advance` that it is due before the day that the event names.
    """

    duty: str
    side: Side
    opens_way: Start
    by: tuple[str, ...]
    answer_way: Way
    answers: tuple[str, ...]
    lapses: tuple[str, ...]
    same_function: bool = False
    remind: bool = False
    limit: Limit = ""
    limit_rule: str = ""
    as_told: bool = False
    in_advance: bool = False

    def no_later(self, due: date, start: date, named: date | None) -> date:
        """Give the day on which it is due, where need be before the day that an event names."""
        if not self.in_advance or named is None:
            return due
        return max(start, min(due, named - timedelta(days=1)))

    def is_owed_for(self, codes: Collection[str]) -> bool:
        """Tell whether any of the codes by which an event would be told answers it; "" is one not known."""
        return not self.answers or not codes or any(not far or names(self.answers, far) for far in codes)

    def outcome(self, opener: str, way: Way, far: str) -> Outcome | None:
        """Say what becomes of the duty that `opener` opened when a transaction on its case goes or comes.

        None if it says nothing about the duty.
        """
        if self.same_function and not far.startswith(opener[:3]):
            return "lapsed" if names(_table().ends_all, far) else None
        if way == self.answer_way and names(self.answers, far):
            return "answered"
        return "lapsed" if names(self.lapses, far) or names(_table().ends_all, far) else None

    def acts_on(self, start: date, due: date) -> date | None:
        """Tell the day from which the gateway acts by itself, or None where it never does."""
        if not self.limit or (self.side == "they-owe" and self.limit != "may_close"):
            return None
        if not self.limit_rule:
            return due
        said = value_on(self.limit_rule, start)
        days = said.value if isinstance(said, Stated) else None
        return min(due, start + timedelta(days=days)) if isinstance(days, int) else due


@cache
def opens(way: Way, far: str) -> tuple[KeptDuty, ...]:
    """List the duties that a transaction opens which was received or sent."""
    return tuple(each for each in kept_duties() if each.opens_way == way and names(each.by, far))


@cache
def opens_on_event(duty: str) -> KeptDuty | None:
    """Give the row of a duty that an event on a case of ours opens; None for one that no event opens."""
    return next((each for each in kept_duties() if (each.opens_way, each.duty) == ("event", duty)), None)


def is_rejection(far: str) -> bool:
    """Tell whether a transaction takes back what it answers."""
    return far == _table().rejection


def kept(duty: str, side: str) -> KeptDuty | None:
    """Find the row of a duty on one side; None for one that the table does not keep any more."""
    return next((each for each in kept_duties() if (each.duty, each.side) == (duty, side)), None)


def due_on(duty: KeptDuty, start: date, ours: Calendar, theirs: Calendar) -> date:
    """Find the day on which a duty's time ends, as the state counts that has to act."""
    return deadlines.due(duty.duty, start, ours if duty.side == "we-owe" else theirs).date


@cache
def _table() -> _Table:
    return read_table(PARAMETERS / "kept_duties.toml", _Table)


def without_clock() -> dict[str, str]:
    """Say of each duty that is not kept why it has no clock here."""
    return {each.duty: each.why for each in _table().without}


@cache
def kept_duties() -> tuple[KeptDuty, ...]:
    """Load the table once, one entry a side."""
    return load_kept(PARAMETERS / "kept_duties.toml")


def load_kept(path: Path) -> tuple[KeptDuty, ...]:
    """Read and check a table; raises `PolicyError` for a duty without clock or opener, or two alike."""
    problems: list[str] = []
    found: list[KeptDuty] = []
    table = read_table(path, _Table)
    for row in table.row:
        known = deadlines.duties().get(row.duty)
        if known is None or not known.limits:
            problems.append(f"row {row.duty!r}: deadlines.toml has no such duty with a limit")
            continue
        for side in row.sides:
            entry = _entry(row, side, known)
            if not entry.by and row.starts != "event":
                problems.append(f"row {row.duty!r}: nothing opens it")
            if row.starts == "event" and side != "we-owe":
                problems.append(f"row {row.duty!r}: an event on our case opens no duty of theirs")
            if _stands_twice(found, entry):
                problems.append(f"row {row.duty!r}: stands twice for {side}")
            found.append(entry)
    problems += _left_out({row.duty for row in table.row}, table.without)
    if problems:
        raise PolicyError(path.name, problems)
    return tuple(found)


def _left_out(kept_ones: set[str], without: tuple[_Without, ...]) -> Iterator[str]:
    """Name the duties that stand in both lists or in none, and reasons that say nothing."""
    reasons = {each.duty: each.why for each in without}
    for duty in deadlines.duties():
        if (duty in kept_ones) is (duty in reasons):
            yield f"duty {duty!r}: must stand either among the rows or among those without a clock"
    for duty, why in reasons.items():
        if duty not in deadlines.duties() or not why.strip():
            yield f"without {duty!r}: needs a duty of deadlines.toml and a reason"


def _stands_twice(found: list[KeptDuty], entry: KeptDuty) -> bool:
    """Tell whether a duty stands already for the same side."""
    return any((each.duty, each.side) == (entry.duty, entry.side) for each in found)


def _entry(row: _Row, side: Side, known: deadlines.Duty) -> KeptDuty:
    ours = side == "we-owe"
    other: dict[Start, Start] = {"received": "sent", "sent": "received"}
    return KeptDuty(
        duty=row.duty,
        side=side,
        opens_way=row.starts if ours else other.get(row.starts, row.starts),
        by=() if row.starts == "event" else known.opened_by if row.by is None else row.by,
        answer_way="sent" if ours else "received",
        answers=(known.answered_by if row.answers is None else row.answers) + (() if ours else row.also),
        lapses=row.lapses,
        same_function=row.same_function,
        remind=row.remind and not ours,
        limit=row.limit,
        limit_rule=row.limit_rule,
        as_told=row.as_told,
        in_advance=row.in_advance,
    )
