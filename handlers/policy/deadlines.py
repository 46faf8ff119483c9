"""Say by when a duty must be done: `due("RS7", received_on, Calendar("27"))`.

Duties are rows of `parameters/deadlines.toml`: what starts the clock, who must act, how, within what time,
by what paragraph. A duty for which the law gives no number has a default of ours, marked as such. A duty that
always holds, without a clock, has no limit, and asking when it is due is a mistake.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from csenet.handlers.policy.dated import (
    PARAMETERS,
    Dated,
    PolicyError,
    in_force,
    read_table,
    row_problems,
    unique,
)
from csenet.handlers.policy.rules import Why
from csenet.handlers.policy.working_days import Calendar, Unit

Source = Literal["regulation", "interface guidance", "practice"]


class DutyError(LookupError):
    """Report a duty that the table does not have, or that has no limit on the day asked about."""


class Limit(Dated, frozen=True, kw_only=True):
    """Hold the time a duty allows, while this row is in force; `text` says what the number means."""

    number: int
    unit: Unit


class Duty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a duty in our own words.

    `who` must act, `starts` is what starts the clock, `text` is what must be done, `answered_by` the
    transactions that answer it. `citation` is current law; `cited_in_spec` is the paragraph the CSENet
    documents name for it, where that has moved. `limits` is empty for a duty without a clock.
    """

    id: str
    who: str
    starts: str
    text: str
    citation: str
    source: Source = "regulation"
    cited_in_spec: str = ""
    answered_by: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()


class Due(msgspec.Struct, frozen=True):
    """Answer when a duty is due, and why."""

    duty: str
    date: date
    why: Why


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    duty: tuple[Duty, ...]


def due(duty: str, start: date, calendar: Calendar) -> Due:
    """Find the last day for a duty whose clock starts on `start`, counted as the acting jurisdiction counts.

    The limit is the one in force on `start`. Raise `DutyError` for an unknown duty, and for one that has
    no limit then.
    """
    row = duty_of(duty)
    limit = in_force(row.limits, start)
    if limit is None:
        raise DutyError(f"the duty {duty!r} has no limit that starts to run on {start}")
    day = calendar.add(start, limit.number, limit.unit)
    span = f"{limit.number} {limit.unit}"
    reason = Why(
        rule=duty,
        text=f"{row.text} {limit.text} {span.capitalize()} from {start} end on {day}.",
        citation=limit.citation,
        value=span,
        ours=limit.ours,
        since=limit.since,
        cited_in_spec=row.cited_in_spec,
    )
    return Due(duty, day, reason)


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
        for name in ("who", "starts", "text", "citation"):
            if not getattr(row, name).strip():
                problems.append(f"duty {row.id!r}.{name}: is missing")
        problems += row_problems(row.limits, f"duty {row.id!r}.limits", gaps=False)
        problems += [
            f"duty {row.id!r}.limits[{n}].number: must not be negative"
            for n, limit in enumerate(row.limits, 1)
            if limit.number < 0
        ]
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({row.id: row for row in rows})
