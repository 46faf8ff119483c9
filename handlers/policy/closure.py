"""Know the closure codes: who sends which, on what ground, after what notice, and what follows from it.

Rows of `parameters/closure.toml`, in our own words. A criterion that has no code of its own says so: another
criterion's code never stands in for it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique
from csenet.handlers.policy.deadlines import duties
from csenet.handlers.policy.rules import Why

Consequence = Literal["must", "may", "no"]


class Criterion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a ground for closing a case, or a notice about closing one.

    `code` is the action reason ("" where no code exists); `sender` the role that sends it. `citation` is
    current law, `cited_in_spec` the paragraph the CSENet documents name. `notice` is the duty that must run
    out before the sender closes ("" = none), `answer` the reason that answers it, and `duty` the receiver's
    duty on receipt. `closes_sender` tells whether the sender's own case is closed, `closes_receiver` whether
    the receiver must, may or need not close its own.
    """

    text: str
    citation: str
    code: str = ""
    sender: Literal["initiating", "responding", ""] = ""
    cited_in_spec: str = ""
    changed: str = ""
    notice: str = ""
    answer: str = ""
    duty: str = ""
    closes_sender: bool = True
    closes_receiver: Consequence = "no"
    mandatory: bool = False
    note: str = ""

    def why(self) -> Why:
        """Give the criterion as the reason for a decision."""
        return Why(
            rule=f"closure.{self.code or self.citation}",
            text=self.text,
            citation=self.citation,
            value=self.code,
            cited_in_spec=self.cited_in_spec,
        )


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    criterion: tuple[Criterion, ...]


class UnknownClosureError(LookupError):
    """Report an action reason that is no closure code."""


def closure(code: str) -> Criterion:
    """Find a closure code ("GSC17"); raise `UnknownClosureError` where it is none."""
    try:
        return closures()[code]
    except KeyError:
        raise UnknownClosureError(f"{code!r} is no closure code") from None


@cache
def closures() -> Mapping[str, Criterion]:
    """List the criteria that have a code, keyed by it."""
    return MappingProxyType({row.code: row for row in criteria() if row.code})


def without_code() -> tuple[Criterion, ...]:
    """List the criteria of current law for which CSENet has no code."""
    return tuple(row for row in criteria() if not row.code)


@cache
def criteria() -> tuple[Criterion, ...]:
    """Load the closure map once, in the table's order."""
    return load_criteria(PARAMETERS / "closure.toml")


def load_criteria(path: Path) -> tuple[Criterion, ...]:
    """Read and check a closure map; raise `PolicyError` naming file and key for all that is wrong."""
    rows = read_table(path, _Table).criterion
    problems = unique(path.name, "code", (row.code for row in rows if row.code))
    codes = {row.code for row in rows}
    for number, row in enumerate(rows, 1):
        key = f"criterion[{number}] {row.code}".rstrip()
        for name in ("text", "citation"):
            if not getattr(row, name).strip():
                problems.append(f"{key}.{name}: is missing")
        if bool(row.code) != bool(row.sender):
            problems.append(f"{key}.sender: goes with a code, and only with one")
        for name in ("notice", "duty"):
            if getattr(row, name) and getattr(row, name) not in duties():
                problems.append(f"{key}.{name}: no such duty in deadlines.toml")
        if row.answer and row.answer not in codes:
            problems.append(f"{key}.answer: {row.answer!r} is no closure code")
    if problems:
        raise PolicyError(path.name, problems)
    return rows
