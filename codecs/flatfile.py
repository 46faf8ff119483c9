"""Cut a batch file into transactions: feed bytes, take records, no IO.

Both ways of framing are read: one transaction a line, and an unbroken stream in which only the block counts
tell where the next transaction begins. What is damaged comes out as a record with problems; its neighbours
are not touched. Time is linear in the bytes fed, and no more is kept than one transaction and the last
piece fed.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, StrEnum

import msgspec

from csenet.codecs import transaction
from csenet.codecs.blocks import Header
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.layout import Field
from csenet.codecs.model import (
    BLOCKS,
    COUNTS_END,
    HEADERS,
    LONGEST,
    MOST_REPEATS,
    Direction,
    Reading,
    Transaction,
)

WINDOW = LONGEST + COUNTS_END
"""Bytes that settle every question about a stream: one transaction and the header after it."""

PIECE = 1 << 18
"""Bytes given to the decoder at a time when a whole file is at hand."""

_LINE_ENDS = b"\r\n"


class Framing(StrEnum):
    """Name the way transactions follow each other in a file."""

    LINES = "lines"
    STREAM = "stream"


class NeedData(Enum):
    """Ask for more bytes, or for `close`, before the next record can be told."""

    NEED_DATA = "need-data"


NEED_DATA = NeedData.NEED_DATA


class Record(msgspec.Struct, frozen=True):
    """Hold one transaction as it stood in the file.

    `position` counts from 1, `offset` from byte 0; `raw` is without line end. `transaction` is None if a
    fatal or error-level problem was found; `header` is kept as far as it could be read.
    """

    position: int
    offset: int
    raw: bytes
    direction: Direction
    transaction: Transaction | None
    problems: tuple[Problem, ...]
    header: Header | None = None


def _header_signs() -> Iterator[tuple[Field, bytes]]:
    """Pair the fields every header fills with expressions of what they look like."""
    for field in HEADERS[Direction.TO_SERVER].layout.fields:
        if not field.required or field.end > COUNTS_END:
            continue
        pattern = "|".join(field.values or (f"[0-9]{{{field.width}}}",))
        yield field, f"(?:{pattern})".encode()


_SIGNS = tuple((slice(field.start - 1, field.end), re.compile(sign)) for field, sign in _header_signs())
_LOST_BLOCKS = frozenset(
    codec.length * times for codec in BLOCKS.values() for times in range(1, MOST_REPEATS + 1)
)
_MOST_MISSES = 2
"""Signs that may be missing from a header which is taken for a damaged one, not for something else."""


def _header_pattern() -> re.Pattern[bytes]:
    parts: list[bytes] = []
    at = 0
    for field, sign in _header_signs():
        parts += (b"[^\\r\\n]{%d}" % (field.start - 1 - at), sign)
        at = field.end
    return re.compile(b"".join(parts))


_PLAUSIBLE = _header_pattern()


class Decoder:
    """Take a batch file apart; direction and framing are recognised unless given."""

    def __init__(self, direction: Direction | None = None, framing: Framing | None = None) -> None:
        """Start before the first byte of a file."""
        self._direction = direction
        self._framing = framing
        self._buffer = bytearray()
        self._at = 0
        self._scanned = 0
        self._dropped = 0
        self._position = 0
        self._closed = False
        self._skipping = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        # A bytearray gives up its front without moving the rest.
        del self._buffer[: self._at]
        self._dropped += self._at
        self._scanned = max(0, self._scanned - self._at)
        self._at = 0
        self._buffer += data

    def close(self) -> None:
        """Say that the file ends here."""
        self._closed = True

    def next_record(self) -> Record | NeedData | None:
        """Return the next record, `NEED_DATA` if it is not all there, None at the end of the file."""
        if self._framing is None:
            self._framing = self._recognise()
        if self._framing is None:
            return self._starved()
        return self._next_line() if self._framing is Framing.LINES else self._next_in_stream()

    def _starved(self) -> NeedData | None:
        return None if self._closed else NEED_DATA

    def _recognise(self) -> Framing | None:
        """Tell the framing from the first transaction and what follows it; None if it cannot be told yet."""
        self._skip_line_ends()
        left = len(self._buffer) - self._at
        if not left:
            return None
        if self._plausible(self._at):
            for direction in Direction:
                end = self._end(direction)
                if end < len(self._buffer) and self._buffer[end] in _LINE_ENDS:
                    return Framing.LINES
                if self._plausible(end):
                    return Framing.STREAM
        if left < WINDOW and not self._closed:
            return None
        if self._buffer.find(b"\n", self._at, self._at + WINDOW) >= 0:
            return Framing.LINES
        return Framing.STREAM if self._next_header(self._at) is not None or left > LONGEST else Framing.LINES

    def _skip_line_ends(self) -> None:
        while self._at < len(self._buffer) and self._buffer[self._at] in _LINE_ENDS:
            self._at += 1

    def _plausible(self, at: int) -> bool:
        return _PLAUSIBLE.match(self._buffer, at) is not None

    def _like_header(self, at: int) -> bool:
        """Tell whether a header, perhaps a damaged one, begins here."""
        part = bytes(self._buffer[at : at + COUNTS_END])
        seen = [sign.fullmatch(part[place]) is not None for place, sign in _SIGNS if place.stop <= len(part)]
        return seen.count(False) <= (_MOST_MISSES if len(part) == COUNTS_END else 0)

    def _may_end(self, at: int) -> bool:
        """Tell whether a transaction may end before something that is no good header.

        It may not if what follows has the length of blocks: then its own block counts are damaged, and it
        has lost them. A damaged header is told from a block by its looks.
        """
        if at > len(self._buffer):
            return False
        resume = self._next_header(at)
        gap = (len(self._buffer) if resume is None else resume) - at
        return gap not in _LOST_BLOCKS or self._like_header(at)

    def _next_header(self, start: int) -> int | None:
        found = _PLAUSIBLE.search(self._buffer, start, self._at + WINDOW + COUNTS_END)
        return found.start() if found else None

    def _end(self, direction: Direction) -> int:
        """Return where the transaction at hand ends by its block counts; beyond all bytes if unreadable."""
        prefix = bytes(self._buffer[self._at : self._at + COUNTS_END])
        try:
            return self._at + transaction.total_length(prefix, direction)
        except CodecError:
            return len(self._buffer) + 1

    def _next_line(self) -> Record | NeedData | None:
        while True:
            start = self._at
            end = self._buffer.find(b"\n", max(start, self._scanned))
            if end < 0:
                self._scanned = len(self._buffer)
                if not self._closed:
                    return self._cut_line() or NEED_DATA
                end = len(self._buffer)
                if start == end:
                    return None
            self._at = min(end + 1, len(self._buffer))
            if self._skipping:
                self._skipping = False
                continue
            line = bytes(self._buffer[start:end]).removesuffix(b"\r")
            if line.strip():
                return self._record(line, start, self._line_direction(line))

    def _cut_line(self) -> Record | None:
        """Give up a line that is longer than any transaction, keeping its beginning only."""
        start = self._at
        if len(self._buffer) - start <= LONGEST + len(_LINE_ENDS):
            return None
        self._at = len(self._buffer)
        if self._skipping:
            return None
        self._skipping = True
        piece = bytes(self._buffer[start : start + LONGEST])
        message = f"the line is longer than any transaction: {LONGEST} positions"
        problem = Problem(code="transaction.length.line", severity=Severity.FATAL, message=message)
        return self._make(piece, start, self._line_direction(piece), Reading(None, (problem,)))

    def _line_direction(self, line: bytes) -> Direction:
        if self._direction is not None:
            return self._direction
        for direction in Direction:
            try:
                if transaction.total_length(line, direction) == len(line):
                    if _PLAUSIBLE.match(line):
                        self._direction = direction
                    return direction
            except CodecError:
                break
        return Direction.FROM_SERVER

    def _next_in_stream(self) -> Record | NeedData | None:
        self._skip_line_ends()
        left = len(self._buffer) - self._at
        if not left or (left < WINDOW + COUNTS_END and not self._closed):
            return self._starved()
        start = self._at
        direction, end = self._stream_end()
        self._at = end
        return self._record(bytes(self._buffer[start:end]), start, direction)

    def _stream_end(self) -> tuple[Direction, int]:
        """Decide which way the transaction at hand goes and where it ends, whole or damaged."""
        choices = (self._direction,) if self._direction is not None else tuple(Direction)
        ends = {direction: self._end(direction) for direction in choices}
        if self._like_header(self._at):
            for direction, end in ends.items():
                if self._follows(end):
                    self._direction = direction
                    return direction, end
            for direction, end in ends.items():
                # The next header may be the damaged one: then this transaction reads well.
                if self._may_end(end) and self._reads(end, direction):
                    return direction, end
        resume = self._next_header(self._at + 1)
        if resume is None:
            resume = min(len(self._buffer), self._at + LONGEST)
        return choices[-1], resume

    def _follows(self, at: int) -> bool:
        """Tell whether a transaction may end here: a header, a line end or the end of the file comes next."""
        if at >= len(self._buffer):
            return at == len(self._buffer)
        return self._buffer[at] in _LINE_ENDS or self._plausible(at)

    def _reads(self, end: int, direction: Direction) -> bool:
        return transaction.read(bytes(self._buffer[self._at : end]), direction).transaction is not None

    def _record(self, raw: bytes, start: int, direction: Direction) -> Record:
        return self._make(raw, start, direction, transaction.read(raw, direction))

    def _make(self, raw: bytes, start: int, direction: Direction, reading: Reading) -> Record:
        self._position += 1
        return Record(
            self._position,
            self._dropped + start,
            raw,
            direction,
            reading.transaction,
            reading.problems,
            reading.header,
        )


def read_all(
    data: bytes | memoryview, direction: Direction | None = None, framing: Framing | None = None
) -> Iterator[Record]:
    """Read a whole file, record by record, without keeping the records."""
    decoder = Decoder(direction, framing)
    view = memoryview(data)
    for start in range(0, len(view), PIECE):
        decoder.feed(view[start : start + PIECE])
        yield from _ready(decoder)
    decoder.close()
    yield from _ready(decoder)


def _ready(decoder: Decoder) -> Iterator[Record]:
    while isinstance(record := decoder.next_record(), Record):
        yield record


def encode(
    transactions: Iterable[Transaction | bytes],
    framing: Framing = Framing.LINES,
    direction: Direction = Direction.TO_SERVER,
) -> bytes:
    """Write a batch file of transactions, or of transactions already in flat form.

    Lines end in LF. CodecError as for `transaction.write`.
    """
    end = b"\n" if framing is Framing.LINES else b""
    raws = (item if isinstance(item, bytes) else transaction.write(item, direction) for item in transactions)
    return b"".join(raw + end for raw in raws)
