"""Say by when a duty must be done: `due("RS7", received_on, Calendar("27"))`.

Duties are rows of `parameters/deadlines.toml`: what starts the clock, who must act, how, within what time,
by what paragraph. A duty for which the law gives no number has a default of ours, marked as such. A duty that
always holds, without a clock, has no limit, and asking when it is due is a mistake. `opened_by` says which
duties an incoming transaction starts, and `judge` on which side of its limit an act stands.
"""

from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from csenet.handlers.policy.dated import (
    PARAMETERS,
    Dated,
    PolicyError,
    in_force,
    missing,
    read_table,
    row_problems,
    unique,
)
from csenet.handlers.policy.rules import Why
from csenet.handlers.policy.working_days import Calendar, Unit

Source = Literal["regulation", "interface guidance", "practice"]
Clock = Literal["deadline", "waiting", "retention"]
"""What the last day means: act on it at the latest; act on it at the earliest; keep through it."""

_REMEMBERED = 4096


class DutyError(LookupError):
    """Report a duty that the table does not have, or that has no limit on the day asked about."""


class Limit(Dated, frozen=True, kw_only=True):
    """Hold the time a duty allows, while this row is in force; `text` says what the number means."""

    number: int
    unit: Unit

    @property
    def span(self) -> str:
        """Write the time as a person reads it: 10 working days, 1 year."""
        return f"{self.number} {self.unit.removesuffix('s') if self.number == 1 else self.unit}"


class Duty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a duty in our own words.

    `who` must act, `starts` is what starts the clock, `clock` what the end of the time means, `text` what
    must be done, `answered_by` the transactions that answer it. `opened_by` are the transactions whose
    receipt starts the clock, `leads_from` those that make the duty possible while its clock starts later;
    both may end in `*`. `citation` is current law; `cited_in_spec` is the paragraph the CSENet documents
    name, "" where they name none. `limits` is empty for a duty without a clock.
    """

    id: str
    who: str
    starts: str
    text: str
    citation: str
    source: Source = "regulation"
    cited_in_spec: str = ""
    clock: Clock = "deadline"
    answered_by: tuple[str, ...] = ()
    opened_by: tuple[str, ...] = ()
    leads_from: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()


class Due(msgspec.Struct, frozen=True):
    """Answer when a duty is due, and why."""

    duty: str
    date: date
    why: Why


class Judgement(msgspec.Struct, frozen=True):
    """Say whether an act on a day keeps a duty's time, and why."""

    in_time: bool
    due: Due


class Opened(msgspec.Struct, frozen=True):
    """Name a duty that a transaction starts; `due` is None where its clock starts later or it has none."""

    duty: Duty
    due: Due | None


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    duty: tuple[Duty, ...]


@lru_cache(maxsize=_REMEMBERED)
def due(duty: str, start: date, calendar: Calendar, *, law_of: date | None = None) -> Due:
    """Find the day on which a duty's time ends that starts on `start`, as the acting jurisdiction counts.

    The limit is the one in force on `start`, or on `law_of` where another day's law governs. Raise
    `DutyError` for an unknown duty, and for one that has no limit then.
    """
    row = duty_of(duty)
    limit = in_force(row.limits, law_of or start)
    if limit is None:
        raise DutyError(f"the duty {duty!r} has no limit that starts to run on {start}")
    day = calendar.add(start, limit.number, limit.unit)
    span = limit.span
    reason = Why(
        rule=duty,
        text=f"{row.text} {limit.text} {span} from {start}: {day}.",
        citation=limit.citation,
        value=span,
        ours=limit.ours,
        since=limit.since,
        cited_in_spec=row.cited_in_spec,
    )
    return Due(duty, day, reason)


def judge(duty: str, start: date, done_on: date, calendar: Calendar) -> Judgement:
    """Say whether an act on `done_on` keeps the time of a duty whose clock started on `start`.

    A deadline is kept through its last day, a waiting time is over on its last day, and what must be kept may
    go the day after. Raise `DutyError` as `due` does.
    """
    said = due(duty, start, calendar)
    kept: Mapping[Clock, bool] = {
        "deadline": done_on <= said.date,
        "waiting": done_on >= said.date,
        "retention": done_on > said.date,
    }
    return Judgement(kept[duty_of(duty).clock], said)


def opened_by(far: str, received_on: date, calendar: Calendar) -> tuple[Opened, ...]:
    """List the duties that a transaction ("MSC P GSC17") starts on its receipt, then those it leads to.

    Raise nothing for a code that starts none: the answer is empty, and a person looks at the transaction.
    """
    opened = [row for row in duties().values() if names(row.opened_by, far)]
    later = [row for row in duties().values() if names(row.leads_from, far)]
    return (
        *(Opened(row, _due_or_none(row, received_on, calendar)) for row in opened),
        *(Opened(row, None) for row in later),
    )


def answered_with(far: str) -> Duty | None:
    """Find the first duty that a transaction ("COL P CITAX") of its own fulfils; None where there is none."""
    return next((row for row in duties().values() if far in row.answered_by), None)


def _due_or_none(row: Duty, start: date, calendar: Calendar) -> Due | None:
    return due(row.id, start, calendar) if in_force(row.limits, start) is not None else None


@lru_cache(maxsize=_REMEMBERED)
def names(patterns: tuple[str, ...], far: str) -> bool:
    """Tell whether one of the patterns of a table ("MSC P GSC*") names a transaction."""
    return any(fnmatchcase(far, pattern) for pattern in patterns)


def duty_of(duty: str) -> Duty:
    """Find a duty by its id; raise `DutyError` where there is none."""
    try:
        return duties()[duty]
    except KeyError:
        raise DutyError(f"no duty is called {duty!r}") from None


@cache
def duties() -> Mapping[str, Duty]:
    """Load the duties once, keyed by id, in the table's order."""
    return load_duties(PARAMETERS / "deadlines.toml")


def load_duties(path: Path) -> Mapping[str, Duty]:
    """Read and check a table of duties; raise `PolicyError` naming file and key of all that is wrong."""
    rows = read_table(path, _Table).duty
    problems = unique(path.name, "duty", (row.id for row in rows))
    for row in rows:
        problems += missing(row, f"duty {row.id!r}", "who", "starts", "text", "citation")
        problems += row_problems(row.limits, f"duty {row.id!r}.limits", gaps=False)
        problems += [
            f"duty {row.id!r}.limits[{n}].number: must not be negative"
            for n, limit in enumerate(row.limits, 1)
            if limit.number < 0
        ]
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({row.id: row for row in rows})
