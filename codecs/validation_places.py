"""Say where in its file a problem stands, and what stands there, without telling who somebody is."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from csenet.codecs.blocks import INDICATORS
from csenet.codecs.edits import layouts_of
from csenet.codecs.errorfile import LENGTH, ErrorReading
from csenet.codecs.errors import Problem
from csenet.codecs.flatfile import Record
from csenet.codecs.layout import Field, python_name
from csenet.codecs.model import BLOCKS, HEADERS

_SHOWN_KINDS = frozenset(("code", "date", "time", "money", "number"))
_SHOWN_PARTS = ("fips", "state", "cej")
_SHORT = 5
"""Positions that are too few to tell of a person, whatever was shifted into them."""

_UNMISTAKABLE = re.compile(r"(?:19|20)[0-9]{6}|-?0[0-9]{10,11}")
"""A day of a plausible century, or an amount: what a file with shifted columns hardly makes of a name."""

_CLASSES = ((re.compile(r"[A-Z]"), "A"), (re.compile(r"[a-z]"), "a"), (re.compile(r"[0-9]"), "9"))


def placed(record: Record, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Add to each problem of a record its position in the file, its byte offset and the value."""
    starts = dict(block_starts(record))
    text = record.raw.decode("latin-1")
    readable = record.transaction is not None
    return tuple(_placed(problem, record, starts, text, readable) for problem in problems)


def placed_error(reading: ErrorReading, offset: int, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Do the same for a record of an error file that begins at a byte offset."""
    text = reading.raw.decode("latin-1").ljust(LENGTH)
    return tuple(
        msgspec.structs.replace(
            problem,
            position=reading.position,
            offset=offset + (problem.columns[0] - 1 if problem.columns else 0),
            value=_value(
                problem, text[problem.columns[0] - 1 : problem.columns[1]], reading.record is not None
            )
            if problem.columns
            else None,
        )
        for problem in problems
    )


def _placed(
    problem: Problem, record: Record, starts: dict[tuple[str, int], int], text: str, readable: bool
) -> Problem:
    start = starts.get((problem.block, problem.occurrence))
    if start is None or problem.columns is None or not problem.block:
        start = start if problem.block and start else 0
        return msgspec.structs.replace(problem, position=record.position, offset=record.offset + start)
    first, last = problem.columns
    return msgspec.structs.replace(
        problem,
        position=record.position,
        offset=record.offset + start + first - 1,
        value=_value(problem, text[start + first - 1 : start + last], readable),
    )


def block_starts(record: Record) -> Iterator[tuple[tuple[str, int], int]]:
    """Tell where each block begins, as far as the block counts can be read, and last where the end is."""
    header = HEADERS[record.direction]
    yield ("header", 1), 0
    at = header.length
    digits = record.raw[header.counts_at].decode("latin-1")
    for digit, block in zip(digits, INDICATORS.values(), strict=False):
        if not digit.isdigit():
            return
        for occurrence in range(1, int(digit) + 1):
            yield (block, occurrence), at
            at += BLOCKS[block].length
    yield ("", 1), at


def _value(problem: Problem, text: str, readable: bool) -> str | None:
    if not text.strip():
        return None
    field = _field(problem)
    shown = (
        len(text) <= _SHORT or bool(_UNMISTAKABLE.fullmatch(text)) or (readable and problem.block == "header")
    )
    if field is not None and shown and not is_personal(problem.block, field):
        return text.rstrip()
    return picture(text)


def _field(problem: Problem) -> Field | None:
    name = python_name(problem.field)
    for layout in layouts_of(problem.block):
        for field in layout.fields:
            if field.name == name:
                return field
    return None


def is_personal(block: str, field: Field) -> bool:
    """Tell whether a field may tell who somebody is, where they live or work, or what they own.

    The header names no person. Elsewhere the kinds decide, so that a field added to the charts is masked
    until somebody thinks of it.
    """
    if block == "header":
        return False
    if "birth" in field.name:
        return True
    return field.kind not in _SHOWN_KINDS and not any(part in field.name for part in _SHOWN_PARTS)


def picture(text: str) -> str:
    """Show the form of a value: capital letters as A, small ones as a, digits as 9, the rest as it is.

    Zeros that fill a whole field say nothing of anybody and stay.
    """
    shown = text.rstrip()
    if not shown.strip("0"):
        return shown
    for sort, sign in _CLASSES:
        shown = sort.sub(sign, shown)
    return "".join(sign if " " <= sign <= "~" else "?" for sign in shown)
