"""Say what a transaction that tells of a step means for a case: `advance_of("EST P SSEST")`.

Rows of `parameters/advances.toml` name the milestone that is reached and what is left to do. It is the
same for both sides: the state that tells of it has reached it as well.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique
from csenet.handlers.policy.rules import Why


class Advance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe one step of a case.

    `codes` may have `*` in place of words, `reached` names the milestones, `words` is how a status answer
    calls them. `work` is the kind of the work it leaves to the side that is told and `title` what is to be
    done. `dated` is for work about a day the transaction names: it is due `on` that day, or `before` it as
    soon as work of its kind is due.
    """

    id: str
    codes: tuple[str, ...]
    reached: tuple[str, ...]
    words: str
    text: str
    citation: str
    work: str = ""
    title: str = ""
    dated: Literal["", "on", "before"] = ""

    def why(self) -> Why:
        """Give the reason for what follows from the step."""
        return Why(rule=f"advance.{self.id}", text=self.text, citation=self.citation)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    advance: tuple[Advance, ...]


@cache
def advances() -> tuple[Advance, ...]:
    """Load the table."""
    return load_advances(PARAMETERS / "advances.toml")


def load_advances(path: Path) -> tuple[Advance, ...]:
    """Read and check a table of steps; raise `PolicyError` naming file and key for all that is wrong."""
    rows = read_table(path, _Table).advance
    problems = unique(path.name, "advance", (row.id for row in rows))
    problems += unique(path.name, "code", (code for row in rows for code in row.codes))
    for row in rows:
        if not row.reached:
            problems.append(f"advance {row.id!r}.reached: names no milestone")
        if bool(row.work) != bool(row.title):
            problems.append(f"advance {row.id!r}: work and title go together")
    if problems:
        raise PolicyError(path.name, problems)
    return rows


@cache
def advance_of(far: str) -> Advance | None:
    """Find the step a code tells of; None for a code that tells of none."""
    return next((row for row in advances() if any(fnmatchcase(far, code) for code in row.codes)), None)


@cache
def milestone_words() -> Mapping[str, str]:
    """Give the words of each milestone for a status answer; one reached by itself comes before a pair."""
    found: dict[str, str] = {}
    for row in sorted(advances(), key=lambda each: len(each.reached)):
        for name in row.reached:
            found.setdefault(name, row.words)
    return MappingProxyType(found)
