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
    "placed",
    "placed_error",
    "validate",
    "validate_error",
]

_NO_REASON = "?????"
"""Stands for every reason that makes no valid transaction, so that a hostile file compiles nothing new."""

_Key = tuple[str | None, str | None, str | None]
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
