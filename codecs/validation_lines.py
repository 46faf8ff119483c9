"""Check the two forms of Information-Text-Line-1 that carry data (chart C-11), part by part."""

from datetime import date

import msgspec

from csenet.codecs import infoline
from csenet.codecs.compiler import field_problem
from csenet.codecs.errors import CodecError, Problem
from csenet.codecs.fields import Finding
from csenet.codecs.model import BLOCKS

_LAYOUT = BLOCKS["information"].layout
_LINE = _LAYOUT.field("information_text_line_1")


def reject_problems(line: str | None, today: date) -> list[Problem]:
    """Return what is wrong with the line of MSC P REJCT: it names the rejected transaction."""
    try:
        infoline.parse_reject_line(line or "")
    except CodecError as error:
        return [_moved(inner) for inner in error.problems]
    return []


def interest_problems(line: str | None, today: date) -> list[Problem]:
    """Return what is wrong with the line of MSC P GSTAI: two amounts and a day that has come."""
    try:
        found = infoline.parse_interest_line(line or "")
    except CodecError as error:
        return [_moved(inner) for inner in error.problems]
    if found.as_of_date > today:
        return [field_problem(_LAYOUT, _LINE, Finding("future", "the as-of date lies in the future"))]
    return []


def _moved(inner: Problem) -> Problem:
    """Say where a part of the line stands in the block."""
    rule = inner.code.split(".", 1)[1]
    problem = field_problem(_LAYOUT, _LINE, Finding(rule, f"{inner.field}: {inner.message}"))
    if inner.columns is None:
        return problem
    first, last = (column + _LINE.start - 1 for column in inner.columns)
    return msgspec.structs.replace(problem, columns=(first, last))
