"""List every problem there is, with who states it, for the reference pages and for tests."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType

import msgspec

from csenet.codecs import codes
from csenet.codecs.codes import VALID
from csenet.codecs.compiler import field_problem
from csenet.codecs.edits import block_rules, edits, layouts_of
from csenet.codecs.errors import Severity
from csenet.codecs.fields import Finding
from csenet.codecs.layout import Field, Layout
from csenet.codecs.model import BLOCKS, HEADERS, Direction
from csenet.codecs.validation_compiler import CENTURY, RESERVED


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one way of being wrong; `source` names the table it follows from.

    `when` says which transactions are meant, and what else must be the case; `example` writes the fields of a
    transaction that has the problem.
    """

    code: str
    chart: str
    block: str
    field: str
    severity: Severity
    message: str
    source: str
    when: str = ""
    example: str = ""


_CHARACTERS = Finding("characters", "holds characters outside printable ASCII")
_CASE = Finding("case", "lower case read as upper case", True)
_LEFT = Finding("justification", "not left-justified", True)
_RIGHT = Finding("justification", "not right-justified and zero-filled", True)
_ZERO = Finding("zero", "zero-filled where an unused field is blank", True)
_DIGITS = Finding("digits", "holds something other than digits")
_KINDS: Mapping[str, tuple[Finding, ...]] = MappingProxyType(
    {
        "text": (_CHARACTERS, _LEFT),
        "code": (_CHARACTERS, _LEFT, Finding("value", "not one of the valid values")),
        "digits": (_CHARACTERS, _LEFT, _DIGITS),
        "number": (_CHARACTERS, _RIGHT, _DIGITS),
        "date": (_CHARACTERS, Finding("date", "not a calendar date in the form CCYYMMDD"), CENTURY),
        "time": (_CHARACTERS, Finding("time", "not a time of day in the form HHMMSS")),
        "money": (
            _CHARACTERS,
            Finding("money", "not an amount of twelve positions with two implied decimals"),
            Finding("form", "an amount in another form than twelve zero-filled positions", True),
        ),
        "filler": (Finding("filler", "not blank", True),),
    }
)
_MAY_BE_ZERO_FILLED = frozenset(("code", "digits", "number", "date", "time"))


@cache
def entries() -> tuple[Entry, ...]:
    """Return every way of being wrong, by chart and by the order of its fields."""
    found: list[Entry] = []
    for block in ("header", *BLOCKS, "error"):
        for layout in layouts_of(block):
            found += _of_layout(layout)
    return tuple(found)


def _of_layout(layout: Layout) -> Iterator[Entry]:
    for field in layout.fields:
        yield from _of_field(layout, field)
    yield from _of_edits(layout)
    if layout.block == "header":
        yield from _of_blocks(layout)
    yield from _of_elements(layout)


def _of_field(layout: Layout, field: Field) -> Iterator[Entry]:
    for finding in _findings(field):
        problem = field_problem(layout, field, finding)
        message = finding.message
        if finding.rule == "value":
            message = f"not one of {', '.join(field.values or ())}"
        yield Entry(
            code=problem.code,
            chart=layout.chart,
            block=layout.block,
            field=field.federal,
            severity=problem.severity,
            message=message,
            source="layout",
        )


def _findings(field: Field) -> Iterator[Finding]:
    for finding in _KINDS[field.kind]:
        if not (finding in (_LEFT, _RIGHT) and field.width == 1) and not (
            finding is CENTURY and field.reserved
        ):
            yield finding
    if field.upper and (field.kind == "text" or any(value.isalpha() for value in field.values or ())):
        yield _CASE
    if field.kind in _MAY_BE_ZERO_FILLED and not field.zero_is_value:
        yield _ZERO
    if field.identifier:
        yield Finding("position", "the first position is blank")
    if field.required and not field.default:
        yield Finding("missing", "must be filled in every transaction")
    if field.reserved:
        yield RESERVED


def _of_edits(layout: Layout) -> Iterator[Entry]:
    for edit in edits():
        if edit.block != layout.block:
            continue
        for chart in edit.counted:
            if layout.block != "header" or chart == layout.chart:
                yield Entry(
                    code=edit.code,
                    chart=chart,
                    block=edit.block,
                    field=layout.field(edit.field).federal,
                    severity=edit.severity,
                    message=edit.message,
                    source="edits",
                    when=" and ".join(part for part in (f"far {edit.far}", edit.when) if part not in _ANY),
                    example=edit.example,
                )


_ANY = ("far *", "")


def _of_blocks(layout: Layout) -> Iterator[Entry]:
    for rule in block_rules():
        excepted = [f"-{reason}" for reason in sorted(rule.excepted)]
        words = f"{' '.join(sorted(rule.functions))} / {' '.join(sorted(rule.actions))}"
        yield Entry(
            code=f"{rule.block}.block.least",
            chart=layout.chart,
            block=rule.block,
            field=rule.citation.removeprefix("Chart C-3 "),
            severity=Severity.FATAL,
            message=f"{rule.least} or more demanded",
            source="block_rules",
            when=f"far {words} / {' '.join((*rule.reasons, *excepted))}",
        )


def _of_elements(layout: Layout) -> Iterator[Entry]:
    """Tell what the printed lists of elements demand, once for each field, level and value."""
    if layout is HEADERS[Direction.FROM_SERVER].layout:
        return
    told: dict[tuple[str, str, str, Severity], list[str]] = {}
    for code in VALID:
        for element in codes.elements(code):
            if element.block == layout.block and element.field not in _STATED_BY_CHART:
                for key in _demands(layout, element):
                    told.setdefault(key, []).append(str(code))
    for (code_, federal, message, severity), names in told.items():
        yield Entry(
            code=code_,
            chart=layout.chart,
            block=layout.block,
            field=federal,
            severity=severity,
            message=message,
            source="elements",
            when=f"{len(names)} transactions",
        )


_STATED_BY_CHART = frozenset(
    (
        "local_fips_state",
        "local_fips_county",
        "other_fips_state",
        "other_fips_county",
        "csenet_version_number",
        "transaction_serial_number",
        "action_code",
        "functional_type_code",
        "action_reason",
        "transaction_date",
        "attachments_ind",
        "overdue_ind",
    )
)
"""Header fields that every list repeats and chart C-3 demands of every transaction."""


def _demands(layout: Layout, element: codes.Element) -> Iterable[tuple[str, str, str, Severity]]:
    worst = Severity.FATAL if layout.block == "header" else Severity.ERROR
    severity = worst if element.level == "required" else Severity.WARNING
    if not element.field:
        if layout.block != "header":
            code = f"{layout.block}.block.missing"
            yield code, "", f"the block is {element.level}", severity
        return
    field = layout.field(element.field)
    yield f"{layout.block}.{field.name}.missing", field.federal, f"{element.level} here", severity
    if element.fixed is not None:
        message = f"{element.fixed} is {element.level} here"
        yield f"{layout.block}.{field.name}.fixed", field.federal, message, severity
