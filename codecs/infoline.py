"""Read and write the fixed forms of Information-Text-Line-1 (chart C-11).

Two transactions use a free text line for data: MSC P GSTAI for balances, MSC P REJCT to name what is
rejected.
"""

from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

from csenet.codecs.compiler import Codec
from csenet.codecs.errors import CodecError, Problem
from csenet.codecs.layout import load_line_layouts

T = TypeVar("T", bound=msgspec.Struct)


class InterestLine(msgspec.Struct, frozen=True):
    """Hold the balances of one case: all arrears, the interest among them, and the day they are true for."""

    total_arrears_owed_amount: Decimal
    total_interest_owed_amount: Decimal
    as_of_date: date


class RejectLine(msgspec.Struct, frozen=True):
    """Name a rejected transaction by what its header said; `action_reason` is None where it was blank."""

    transaction_serial_number: str
    action_code: str
    functional_type_code: str
    transaction_date: date
    action_reason: str | None = None


_INTEREST = Codec(load_line_layouts()["interest_line"], InterestLine, strict=True)
_REJECT = Codec(load_line_layouts()["reject_line"], RejectLine, strict=True)


def interest_line(arrears: Decimal, interest: Decimal, as_of: date) -> str:
    """Write the line of MSC P GSTAI; CodecError if an amount takes more than twelve positions."""
    return _write(_INTEREST, InterestLine(arrears, interest, as_of))


def parse_interest_line(line: str) -> InterestLine:
    """Read the line of MSC P GSTAI; CodecError names each of the three parts that is missing or wrong."""
    return _read(_INTEREST, line)


def reject_line(serial: str, action: str, function: str, transaction_date: date, reason: str | None) -> str:
    """Write the line of MSC P REJCT from the header of the rejected transaction."""
    return _write(_REJECT, RejectLine(serial, action, function, transaction_date, reason or None))


def parse_reject_line(line: str) -> RejectLine:
    """Read the line of MSC P REJCT; CodecError names each part that is missing or wrong."""
    return _read(_REJECT, line)


def _write(codec: Codec[T], value: T) -> str:
    problems: list[Problem] = []
    text = codec.write(value, "", 1, problems)
    if problems:
        raise CodecError(problems)
    return text.rstrip()


def _read(codec: Codec[T], line: str) -> T:
    problems: list[Problem] = []
    value = codec.read(line[: codec.length].ljust(codec.length), 0, 1, problems)
    stopping = [problem for problem in problems if problem.stops]
    if stopping:
        raise CodecError(stopping)
    return value
