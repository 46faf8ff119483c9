"""Recognise a header, whole or damaged, among other bytes, and tell what must follow it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from csenet.codecs import transaction
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.layout import Field
from csenet.codecs.model import BLOCKS, COUNTS_END, HEADERS, LONGEST, MOST_REPEATS, Direction

LINE_ENDS = b"\r\n"

WINDOW = LONGEST + COUNTS_END
"""Bytes that settle every question about a stream: one transaction and the header after it."""

LOST_BLOCKS = frozenset(
    codec.length * times for codec in BLOCKS.values() for times in range(1, MOST_REPEATS + 1)
)
"""Lengths of what a header with one damaged block count leaves behind."""

BLOCK_LENGTHS = frozenset(codec.length for codec in BLOCKS.values())

_MOST_MISSES = 2
"""Signs that may be missing from a header which is taken for a damaged one, not for something else."""

_OVERDUE = HEADERS[Direction.TO_SERVER].layout.field("overdue_ind")


class Cut(NamedTuple):
    """Hold the bytes of one transaction, cut out of a file and translated to ASCII.

    `problems` are those of the framing; `usable` is False if they leave no transaction.
    """

    offset: int
    raw: bytes
    direction: Direction
    problems: tuple[Problem, ...] = ()

    @property
    def usable(self) -> bool:
        """Tell whether the bytes are worth reading as a transaction."""
        return not any(problem.stops for problem in self.problems)


def framing_problem(rule: str, message: str, severity: Severity = Severity.FATAL) -> Problem:
    """Say what is wrong with the way a transaction stands in its file."""
    return Problem(code=f"transaction.{rule}", severity=severity, message=message)


def _header_signs() -> Iterator[tuple[Field, bytes]]:
    """Pair the fields every header fills with expressions of what they look like."""
    for field in HEADERS[Direction.TO_SERVER].layout.fields:
        if not field.required or field.end > COUNTS_END:
            continue
        pattern = "|".join(field.values or (f"[0-9]{{{field.width}}}",))
        yield field, f"(?:{pattern})".encode()


def _header_pattern() -> re.Pattern[bytes]:
    parts: list[bytes] = []
    at = 0
    for field, sign in _header_signs():
        parts += (b"[^\\r\\n]{%d}" % (field.start - 1 - at), sign)
        at = field.end
    return re.compile(b"".join(parts))


_SIGNS = tuple((slice(field.start - 1, field.end), re.compile(sign)) for field, sign in _header_signs())

PLAUSIBLE = _header_pattern()
"""What the part of a header looks like that both directions share."""


def like_header(part: bytes) -> bool:
    """Tell whether a header, perhaps a damaged one, begins here."""
    part = part[:COUNTS_END]
    seen = [sign.fullmatch(part[place]) is not None for place, sign in _SIGNS if place.stop <= len(part)]
    return seen.count(False) <= (_MOST_MISSES if len(part) == COUNTS_END else 0)


def expected_blocks(header: bytes, direction: Direction) -> list[int]:
    """List the lengths of the blocks that a header announces; CodecError if it cannot be read."""
    transaction.total_length(header, direction)
    digits = header[HEADERS[direction].counts_at].decode("ascii")
    return [
        codec.length for codec, digit in zip(BLOCKS.values(), digits, strict=True) for _ in range(int(digit))
    ]


def only_blanks(rest: bytes) -> bool:
    """Tell whether nothing but padding is left."""
    return not rest.strip(b" ")


def unpadded(part: bytes, length: int) -> bytes | None:
    """Return a record of a known length without blanks behind it; None if it has another length."""
    return part[:length] if len(part) >= length and only_blanks(part[length:]) else None


PADDED = framing_problem("length.padding", "blanks behind the last position", Severity.WARNING)

JOINED = framing_problem("length.separator", "the end of the line is damaged", Severity.WARNING)


def joined(line: bytes, direction: Direction) -> int | None:
    """Return where a transaction ends that has the next one on its line, one damaged byte between them."""
    try:
        end = transaction.total_length(line, direction)
    except CodecError:
        return None
    return end if len(line) > end + COUNTS_END and PLAUSIBLE.match(line, end + 1) else None


def joined_direction(line: bytes) -> Direction | None:
    """Tell which way a transaction goes that has the next one on its line."""
    return next((direction for direction in Direction if joined(line, direction) is not None), None)


def header_direction(part: bytes) -> Direction:
    """Tell which way a header goes that stands alone in its record, perhaps with blanks behind it."""
    for direction, codec in HEADERS.items():
        if len(part) == codec.length:
            return direction
    mark = part[_OVERDUE.start - 1 : _OVERDUE.end]
    return Direction.TO_SERVER if mark.isdigit() else Direction.FROM_SERVER


def whole_direction(part: bytes) -> Direction | None:
    """Tell which way a whole transaction goes by its length; None if it fits neither."""
    for direction in Direction:
        try:
            if transaction.total_length(part, direction) == len(part):
                return direction
        except CodecError:
            return None
    return None


def padded_direction(part: bytes) -> Direction | None:
    """Tell the same of a transaction with blanks behind it, by reading it either way."""
    for direction in Direction:
        try:
            raw = unpadded(part, transaction.total_length(part, direction))
        except CodecError:
            return None
        if raw is not None and transaction.read(raw, direction).transaction is not None:
            return direction
    return None


def without_padding(raw: bytes, direction: Direction) -> tuple[bytes, tuple[Problem, ...]]:
    """Take blanks off behind a transaction, and say so; not if it would fit the other direction as it is."""
    try:
        kept = unpadded(raw, transaction.total_length(raw, direction))
    except CodecError:
        return raw, ()
    if kept is None or kept == raw or whole_direction(raw) is not None:
        return raw, ()
    return kept, (PADDED,)
