"""Check a transaction against what the exchange demands, returning every problem as a value.

The edits stand in tables: required and fixed values per transaction in `transaction_elements.csv`, which
blocks a transaction must have in `block_rules.csv`, marks of single fields in the layouts. As at the
exchange, problems of the header are fatal and end the check: the blocks mean nothing without it.
"""

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import msgspec

from csenet.codecs import codes, infoline
from csenet.codecs.codes import Element, FarCode
from csenet.codecs.compiler import field_problem
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.fields import Finding
from csenet.codecs.layout import Layout
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction, Transaction

_RESPONSES = frozenset("PA")
_REJECT = FarCode("MSC", "P", "REJCT")
_INTEREST = FarCode("MSC", "P", "GSTAI")
_NEW_CASE_ID = FarCode("MSC", "P", "GSCAS")


class BlockRule(msgspec.Struct, frozen=True):
    """Demand a block `least` times of the transactions that match; see `tables/block_rules.csv`."""

    functions: frozenset[str]
    actions: frozenset[str]
    reasons: tuple[str, ...]
    excepted: frozenset[str]
    block: str
    least: int
    citation: str

    def applies(self, code: FarCode) -> bool:
        """Tell whether the rule speaks of this transaction."""
        return (
            code.function in self.functions
            and code.action in self.actions
            and code.reason not in self.excepted
            and any(fnmatchcase(code.reason, pattern) for pattern in self.reasons)
        )


@cache
def block_rules() -> tuple[BlockRule, ...]:
    """Load the rules of chart C-3 about the block counts."""
    return tuple(
        BlockRule(
            functions=frozenset(row["functions"].split()),
            actions=frozenset(row["actions"].split()),
            reasons=tuple(word for word in row["reasons"].split() if word[0] != "!"),
            excepted=frozenset(word[1:] for word in row["reasons"].split() if word[0] == "!"),
            block=row["block"],
            least=int(row["least"]),
            citation=row["citation"],
        )
        for row in codes.rows("block_rules")
    )


def validate(tx: Transaction, *, today: date, direction: Direction) -> tuple[Problem, ...]:
    """Return every problem of a transaction that could be read; fatal ones of the header stop there.

    `direction` tells whose side `local` is and which header chart applies; `today` is the day in the
    jurisdiction that asks.
    """
    header = tuple(_header(tx, today, direction))
    if any(problem.stops for problem in header):
        return header
    found = (*header, *_elements(tx), *_always_required(tx), *_information(tx, today), *_births(tx, today))
    return tuple(dict.fromkeys(found))


def _header(tx: Transaction, today: date, direction: Direction) -> Iterator[Problem]:
    layout = HEADERS[direction].layout
    yield from _header_fields(tx, layout)
    yield from _parties(tx, layout)
    yield from _transaction_date(tx, today, direction)
    yield from _case_ids(tx, direction)
    if tx.far not in codes.VALID:
        yield _at(layout, "action_reason", "triple", "function, action and reason form no valid transaction")
    yield from _block_counts(tx, layout)


def _header_fields(tx: Transaction, layout: Layout) -> Iterator[Problem]:
    for field in layout.fields:
        value = getattr(tx.header, field.name, "counted")
        if field.required and value is None and not field.default:
            yield _at(layout, field.name, "missing", "must be filled in every transaction")
        if field.reserved and value is not None:
            yield _at(layout, field.name, "reserved", "reserved for a future version, must be blank")
    if (serial := tx.serial) is not None and not serial.strip("0"):
        yield _at(layout, "transaction_serial_number", "least", "must be 1 or greater")
    if layout.name == "header_to_server" and tx.header.overdue_ind not in ("0", None):
        yield _at(layout, "overdue_ind", "value", "must be 0")


def _parties(tx: Transaction, layout: Layout) -> Iterator[Problem]:
    for name in ("local_fips_state", "other_fips_state"):
        fips = getattr(tx.header, name)
        if fips is not None and fips not in codes.jurisdictions():
            yield _at(layout, name, "unknown", "no jurisdiction has this FIPS code")


def _transaction_date(tx: Transaction, today: date, direction: Direction) -> Iterator[Problem]:
    sent = tx.header.transaction_date
    if sent is None or sent <= today:
        return
    problem = _at(HEADERS[direction].layout, "transaction_date", "future", "lies in the future")
    if direction is Direction.FROM_SERVER:
        # West of the date line it is still yesterday, and the exchange has let it pass.
        problem = msgspec.structs.replace(problem, severity=Severity.WARNING)
    yield problem


def _case_ids(tx: Transaction, direction: Direction) -> Iterator[Problem]:
    layout = HEADERS[direction].layout
    own, other = ("case_id", "other_case_id")
    if direction is Direction.FROM_SERVER:
        own, other = other, own
    code = tx.far
    response = code.action in _RESPONSES
    if not (code.function == "LO1" and response) and getattr(tx.header, own) is None:
        yield _at(layout, own, "missing", "the sender's case ID is missing")
    if (response or code.function == "CSI") and getattr(tx.header, other) is None:
        yield _at(layout, other, "missing", "the receiver's case ID is missing")
    for name in (own, other):
        yield from _identifier(layout, name, getattr(tx.header, name))


def _identifier(layout: Layout, name: str, value: str | None) -> Iterator[Problem]:
    if value is None:
        return
    if value[:1] == " ":
        yield _at(layout, name, "position", "the first position is blank")
    if not value.strip("0 "):
        yield _at(layout, name, "zero", "holds only zeros and blanks")
    if "*" in value or "\\" in value:
        yield _at(layout, name, "characters", "holds an asterisk or a backslash")


def _block_counts(tx: Transaction, layout: Layout) -> Iterator[Problem]:
    code = tx.far
    for rule in block_rules():
        if rule.applies(code) and len(_records(tx, rule.block)) < rule.least:
            yield _block(rule.block, "least", f"{rule.least} or more demanded", rule.citation, Severity.FATAL)
    if tx.header.attachments_ind == "Y" and tx.information is None:
        yield _at(layout, "attachments_ind", "information", "attachments are listed in an information block")


def _records(tx: Transaction, block: str) -> tuple[Any, ...]:
    value = getattr(tx, block)
    if block in REPEATING:
        return tuple(value)
    return () if value is None else (value,)


def _elements(tx: Transaction) -> Iterator[Problem]:
    for element in codes.elements(tx.far):
        if element.block == "header":
            yield from _header_element(tx, element)
        elif not element.field:
            if not _records(tx, element.block):
                severity = Severity.ERROR if element.level == "required" else Severity.WARNING
                yield _block(element.block, "missing", f"the block is {element.level}", str(tx.far), severity)
        else:
            for number, record in enumerate(_records(tx, element.block), start=1):
                yield from _element(BLOCKS[element.block].layout, element, record, number)


def _header_element(tx: Transaction, element: Element) -> Iterator[Problem]:
    # What chart C-3 itself demands has been checked; the date of an event depends on the transaction.
    if element.field == "action_resolution_date":
        yield from _element(HEADERS[Direction.TO_SERVER].layout, element, tx.header, 1)


def _element(layout: Layout, element: Element, record: Any, occurrence: int) -> Iterator[Problem]:
    value = getattr(record, element.field)
    relaxed = element.level == "recommended"
    if element.field.startswith("dependent_") and record.relationship not in ("D", None):
        return
    if value is None:
        yield _at(layout, element.field, "missing", f"{element.level} here", occurrence, relaxed=relaxed)
    elif element.fixed is not None and str(value) != element.fixed:
        message = f"{element.fixed} is {element.level} here"
        yield _at(layout, element.field, "fixed", message, occurrence, relaxed=relaxed)


def _always_required(tx: Transaction) -> Iterator[Problem]:
    for block, codec in BLOCKS.items():
        for field in codec.layout.fields:
            if not field.required:
                continue
            for number, record in enumerate(_records(tx, block), start=1):
                if getattr(record, field.name) is None:
                    yield _at(codec.layout, field.name, "missing", "required here", number)


def _births(tx: Transaction, today: date) -> Iterator[Problem]:
    for block in ("ncp_identification", "participants"):
        for number, record in enumerate(_records(tx, block), start=1):
            born = record.date_of_birth
            if born is not None and born >= today:
                yield _at(BLOCKS[block].layout, "date_of_birth", "future", "must lie before today", number)


def _information(tx: Transaction, today: date) -> Iterator[Problem]:
    block = tx.information
    if block is None:
        return
    layout = BLOCKS["information"].layout
    code = tx.far
    yield from _identifier(layout, "new_case_id", block.new_case_id)
    if code == _NEW_CASE_ID and block.new_case_id is None:
        yield _at(layout, "new_case_id", "missing", "required here")
    if code != _REJECT and block.status_change_code is None:
        yield _at(layout, "status_change_code", "missing", "required here")
    lines = (block.information_text_line_1, block.information_text_line_2, block.information_text_line_3)
    if tx.header.attachments_ind == "Y" and not any(lines):
        yield _at(layout, "information_text_line_1", "missing", "attachments are listed in lines 1 to 3")
    if code in (_REJECT, _INTEREST):
        yield from _fixed_line(layout, code, lines[0] or "", today)


def _fixed_line(layout: Layout, code: FarCode, line: str, today: date) -> Iterator[Problem]:
    try:
        if code == _REJECT:
            infoline.parse_reject_line(line)
        elif infoline.parse_interest_line(line).as_of_date > today:
            yield _at(layout, "information_text_line_1", "future", "the as-of date lies in the future")
    except CodecError as error:
        for inner in error.problems:
            rule = f"{inner.field}: {inner.message}"
            yield _at(layout, "information_text_line_1", inner.code.split(".", 1)[1], rule)


def _at(
    layout: Layout, name: str, rule: str, message: str, occurrence: int = 1, *, relaxed: bool = False
) -> Problem:
    return field_problem(layout, layout.field(name), Finding(rule, message, relaxed), occurrence)


def _block(block: str, rule: str, message: str, citation: str, severity: Severity) -> Problem:
    return Problem(
        code=f"{block}.block.{rule}", severity=severity, message=message, block=block, citation=citation
    )
