"""Choose the code that tells a closure, and say what must come before it."""

from __future__ import annotations

from datetime import date

from csenet.codecs.codes import VALID, FarCode
from csenet.handlers.context import CaseRecord
from csenet.handlers.facts import FactsError, Role
from csenet.handlers.policy.closure import Criterion, UnknownClosureError, closures, criterion_of
from csenet.handlers.policy.rules import Why, reason

_AFTER_NOTICE = frozenset(code for code, row in closures().items() if row.notice_code)
"""Closures that come after a notice of intent to the other state."""

CLOSURES = frozenset(f"MSC P {code}" for code, row in closures().items() if row.closes_sender)
"""What tells that the state which sends it has closed its case."""


def closing_code(criterion: str, role: Role) -> FarCode | None:
    """Give the code for a ground of closing, `None` where none that the states agreed to use tells it.

    A ground is named by its code or its paragraph of today; raises `FactsError` for one that does not exist,
    and for one on which a state in our role does not close.
    """
    try:
        row = criterion_of(criterion)
    except UnknownClosureError as unknown:
        raise FactsError([("criterion", str(unknown))]) from None
    if row.only not in ("", role.value) or not _closes(row, role):
        raise FactsError([("criterion", f"the {role} state does not close its case on this ground")])
    code = FarCode("MSC", "P", row.told_as if role is Role.RESPONDING else row.code)
    return code if code in VALID and VALID[code].core else None


def _closes(row: Criterion, role: Role) -> bool:
    """Tell whether a state in a role can close on a ground."""
    if role is Role.INITIATING:
        return row.closes_sender and row.sender in ("", "initiating")
    return not row.stands_for


def closing_objection(code: FarCode, on: date, record: CaseRecord) -> Why | None:
    """Give the reason against a closure that had to be announced, and was not, or whose time is not over."""
    if code.reason not in _AFTER_NOTICE:
        return None
    announced = record.state.closes_unless_answered_by
    if announced is None or on < announced:
        return reason("events.notice_first")
    return None
