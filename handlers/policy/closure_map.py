"""Hold the closure map: who sends which code, on what ground, after what notice, and what follows from it.

Rows of `parameters/closure.toml`, in our own words. A criterion that has no code of its own says so: another
criterion's code never stands in for it.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique
from csenet.handlers.policy.deadlines import duties
from csenet.handlers.policy.rules import Why, federal_rules

Consequence = Literal["must", "may", "no"]
RoleName = Literal["initiating", "responding"]
_PART = "45 CFR "
_SECTION = "303.11"


class Criterion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a ground for closing a case, or a notice about closing one.

    `code` is the action reason ("" where no code exists); `sender` the role that sends it. `citation` is
    current law, `cited_in_spec` the paragraph the CSENet documents name, `since` the first day of the current
    paragraph where it was another one before. `ripens` is the duty whose time makes the ground, `notice` the
    duty that must run out before the sender closes ("" = none) and `notice_code` the reason that gives it,
    `answer` the reason that answers it, and `duty` the receiver's duty on receipt. `closes_sender` tells
    whether the sender's own case is closed, `closes_receiver` whether the receiver must, may or need not
    close its own. `only` names the one role whose ground it is. A responding state tells a closure on this
    ground with `told_as`, and acts on receipt under the duty `on_receipt`. `stands_for` lists the grounds of
    a code that is only a notice. `limit` is the rule that bounds the arrears in dollars, and `no_wait_if`
    what makes the notice needless.
    """

    text: str
    citation: str
    code: str = ""
    sender: Literal["initiating", "responding", ""] = ""
    cited_in_spec: str = ""
    changed: str = ""
    since: date | None = None
    ripens: str = ""
    limit: str = ""
    notice: str = ""
    notice_code: str = ""
    no_wait_if: Literal["recipient_asked", ""] = ""
    answer: str = ""
    duty: str = ""
    closes_sender: bool = True
    closes_receiver: Consequence = "no"
    only: Literal["initiating", "responding", ""] = ""
    told_as: str = ""
    on_receipt: str = ""
    stands_for: tuple[str, ...] = ()
    mandatory: bool = False
    note: str = ""

    @property
    def paragraph(self) -> str:
        """Give the current paragraph without its title and part: 303.11(b)(4)."""
        return self.citation.removeprefix(_PART)

    @property
    def key(self) -> str:
        """Give the id under which reasons name the row."""
        return f"closure.{self.code or self.paragraph}"

    def why(self) -> Why:
        """Give the criterion as the reason for a decision."""
        return Why(
            rule=self.key,
            text=self.text,
            citation=self.citation,
            value=self.code,
            since=self.since,
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


def criterion_of(name: str) -> Criterion:
    """Find a ground by its code ("GSC03") or its current paragraph ("303.11(b)(4)", "(b)(4)").

    A paragraph of the CSENet documents is not taken: its number may mean another ground today. Raise
    `UnknownClosureError` where nothing fits.
    """
    wanted = name.strip().removeprefix(_PART)
    paragraph = f"{_SECTION}{wanted}" if wanted.startswith("(") else wanted
    for row in criteria():
        if (wanted and wanted == row.code) or paragraph == row.paragraph:
            return row
    raise UnknownClosureError(f"{name!r} is neither a closure code nor a paragraph of today's closure rules")


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
        problems += [f"{key}.{problem}" for problem in _row_problems(row, codes)]
    if problems:
        raise PolicyError(path.name, problems)
    return rows


def _row_problems(row: Criterion, codes: set[str]) -> Iterator[str]:
    for name in ("text", "citation"):
        if not getattr(row, name).strip():
            yield f"{name}: is missing"
    if bool(row.code) != bool(row.sender):
        yield "sender: goes with a code, and only with one"
    for name in ("notice", "duty", "ripens", "on_receipt"):
        if getattr(row, name) and getattr(row, name) not in duties():
            yield f"{name}: no such duty in deadlines.toml"
    for name in ("answer", "notice_code", "told_as"):
        if getattr(row, name) not in codes | {""}:
            yield f"{name}: {getattr(row, name)!r} is no closure code"
    if row.limit and row.limit not in federal_rules():
        yield "limit: no such rule in federal.toml"
