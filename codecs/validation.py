"""Check a transaction against what the exchange demands, returning every problem as a value.

The edits stand in tables: single statements of the charts in `edits.csv`, required and fixed values of each
transaction in `transaction_elements.csv`, which blocks a transaction must have in `block_rules.csv`, marks of
single fields in the layouts. As at the exchange, problems of the header are fatal and end the check: the
blocks mean nothing without it.
"""

from datetime import date

import msgspec

from csenet.codecs import codes
from csenet.codecs.codes import FarCode
from csenet.codecs.compiler import field_problem
from csenet.codecs.edits import BlockRule, block_rules
from csenet.codecs.errors import Problem
from csenet.codecs.fields import Finding
from csenet.codecs.model import HEADERS, Direction, Transaction
from csenet.codecs.validation_compiler import Checks
from csenet.codecs.validation_errors import validate_error
from csenet.codecs.validation_places import placed, placed_error
from csenet.codecs.validation_types import wrong_types

__all__ = [
    "BlockRule",
    "block_rules",
    "duplicate_serial",
    "judge_values",
    "placed",
    "placed_error",
    "validate",
    "validate_error",
]

_NO_REASON = "?????"
"""Stands for every reason that makes no valid transaction, so that a hostile file compiles nothing new."""

_LACKS = (".missing", ".least")

_Key = tuple[str | None, str | None, str | None]
_ANY_CODE: _Key = ("CSI", "P", "FSINF")
"""A transaction that has every block but money and text."""

_SENT: dict[_Key, Checks] = {}
_RECEIVED: dict[_Key, Checks] = {}


def validate(tx: Transaction, *, today: date, direction: Direction) -> tuple[Problem, ...]:
    """Return every problem of a transaction that could be read; fatal ones of the header stop there.

    `direction` tells whose side `local` is and which header chart applies; `today` is the day in the
    jurisdiction that asks.
    """
    head = tx.header
    known = _SENT if direction is Direction.TO_SERVER else _RECEIVED
    key = (head.functional_type_code, head.action_code, head.action_reason)
    checks = known.get(key) or _checks(known, key, direction)
    try:
        return _judged(checks, tx, today)
    except (AttributeError, TypeError):
        # Nothing that was read has a value of the wrong type; what a program put together may.
        if wrong := wrong_types(tx, direction):
            return wrong
        raise


def judge_values(tx: Transaction, today: date) -> tuple[Problem, ...]:
    """Return what the exchange would say to the values in blocks, whichever transaction they are for.

    What a code wants and the blocks lack is left out, and so is the header.
    """
    checks = _SENT.get(_ANY_CODE) or _checks(_SENT, _ANY_CODE, Direction.TO_SERVER)
    said = checks.told(checks.body(tx, tx.header, today))
    return tuple(each for each in said if not each.code.endswith(_LACKS))


def duplicate_serial() -> Problem:
    """Make the problem of a serial number its sender has used before; only who keeps books can find it."""
    layout = HEADERS[Direction.TO_SERVER].layout
    finding = Finding("duplicate", "this sender has used the number before")
    problem = field_problem(layout, layout.field("transaction_serial_number"), finding)
    return msgspec.structs.replace(problem, federal="Duplicate Transaction Serial Number")


def _judged(checks: Checks, tx: Transaction, today: date) -> tuple[Problem, ...]:
    hits = checks.header(tx, tx.header, today)
    found: tuple[Problem, ...] = ()
    if hits:
        found = checks.told(hits)
        if any(problem.stops for problem in found):
            return found
    hits = checks.body(tx, tx.header, today)
    return found + checks.told(hits) if hits else found


def _checks(known: dict[_Key, Checks], key: _Key, direction: Direction) -> Checks:
    function, action, reason = (part or "" for part in key)
    code = FarCode(function, action, reason)
    if code in codes.VALID:
        known[key] = Checks(code, direction)
        return known[key]
    other = (function, action, _NO_REASON)
    if other not in known:
        known[other] = Checks(FarCode(*other), direction)
    return known[other]
