"""Check transactions from other states against the federal edits."""

from __future__ import annotations

from datetime import date

from csenet.codecs import transaction as codec
from csenet.codecs.errors import Problem
from csenet.codecs.flatfile import Record
from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.validation import validate


def incoming_problems(record: Record, today: date) -> list[Problem]:
    """Return the problems of a readable record, those found in reading first.

    Blocks and fields that are merely recommended are left out: nearly every transaction lacks some.
    """
    problems = list(record.problems)
    if record.transaction is not None:
        found = validate(record.transaction, today=today, direction=record.direction)
        problems += [problem for problem in found if problem.stops or problem.block == "header"]
    return problems


def reread(raw: bytes) -> Transaction | None:
    """Read the kept bytes of an incoming transaction, in the exchange's form or else in a sending state's."""
    came = codec.read(raw, Direction.FROM_SERVER).transaction
    return came if came is not None else codec.read(raw, Direction.TO_SERVER).transaction
