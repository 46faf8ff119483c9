"""Find every problem of a record of a file in one pass: those of the form and those of the content."""

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Any

from csenet.codecs.edits import edits
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.flatfile import Record
from csenet.codecs.layout import python_name
from csenet.codecs.model import BLOCKS, REPEATING, Direction, Transaction
from csenet.codecs.validation import validate
from csenet.codecs.validation_places import block_starts, placed

_WORD = re.compile(r"[a-z_0-9]+")
_FAR = frozenset(("functional_type_code", "action_code", "action_reason"))
"""Fields that decide which edits apply at all."""


def examine(record: Record, *, today: date, direction: Direction | None = None) -> tuple[Problem, ...]:
    """Return all problems of a record, each with its place in the file; those found in reading come first.

    What makes a transaction unreadable hides nothing else: the rest of it is checked too, unless the header
    is the cause. `direction` tells whose edits apply, if not those of the record's own way.
    """
    tx = record.transaction or _partly(record)
    found = record.problems
    if tx is not None:
        more = validate(tx, today=today, direction=direction or record.direction)
        found += _beside(found, more) if tx is not record.transaction else more
    return placed(record, dict.fromkeys(found)) if found else ()


def _beside(found: tuple[Problem, ...], more: Iterable[Problem]) -> tuple[Problem, ...]:
    """Leave out of `more` what may only follow from a field that could not be read."""
    stopping = [problem for problem in found if problem.stops]
    lost = {python_name(problem.field) for problem in stopping}
    if any(problem.severity is Severity.FATAL for problem in stopping):
        more = (problem for problem in more if problem.severity is Severity.FATAL)
    return tuple(problem for problem in more if not lost & _asks(problem.code) and not (lost & _FAR))


@cache
def _asks(code: str) -> frozenset[str]:
    """Name every field whose value decides whether a problem is told."""
    asked = {code.split(".")[1]}
    for edit in edits():
        if edit.code == code:
            asked.update(_WORD.findall(f"{edit.when} {edit.must}"), edit.also)
    return frozenset(asked)


def _partly(record: Record) -> Transaction | None:
    """Build what can be read of an unreadable transaction; None if its blocks cannot be told apart."""
    framing = [problem for problem in record.problems if problem.stops and not problem.block]
    if record.header is None or framing:
        return None
    text = record.raw.decode("latin-1")
    starts = list(block_starts(record))
    if starts[-1][1] != len(text):
        return None
    held: dict[str, Any] = {name: [] for name in BLOCKS}
    for (name, occurrence), at in starts:
        if name in BLOCKS:
            held[name].append(BLOCKS[name].read(text, at, occurrence, []))
    blocks: dict[str, Any] = {
        name: tuple(found) if name in REPEATING else next(iter(found), None) for name, found in held.items()
    }
    return Transaction(header=record.header, **blocks)
