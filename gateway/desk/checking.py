"""Check transactions from other states against the federal edits."""

from __future__ import annotations

from datetime import date

from csenet.codecs import transaction as codec
from csenet.codecs.errors import Problem
from csenet.codecs.flatfile import Record
from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.validation_whole import examine


def incoming_problems(record: Record, today: date) -> list[Problem]:
    """Return the problems of a record and their places in its file, those found in reading first.

    Blocks and fields that are merely recommended are left out: nearly every transaction lacks some.
    """
    found = examine(record, today=today)
    read = {problem.code for problem in record.problems}
    return [each for each in found if each.stops or each.block == "header" or each.code in read]


def reread(raw: bytes) -> Transaction | None:
    """Read the kept bytes of an incoming transaction, in the exchange's form or else in a sending state's."""
    came = codec.read(raw, Direction.FROM_SERVER).transaction
    return came if came is not None else codec.read(raw, Direction.TO_SERVER).transaction
