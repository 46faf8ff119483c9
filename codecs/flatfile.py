"""Cut a batch file into transactions and write one: feed bytes, take records, no IO.

Character set, framing and direction are recognised by themselves or told. What is damaged comes out as a
record with problems; its neighbours are not touched. Time is linear in the bytes fed, and no more is kept
than a few transactions and the last piece fed.
"""

from collections.abc import Iterable, Iterator
from functools import cache

import msgspec

from csenet.codecs import ebcdic, transaction
from csenet.codecs.blocks import Header
from csenet.codecs.ebcdic import Encoding
from csenet.codecs.errors import Problem
from csenet.codecs.flatfile_headers import (
    PLAUSIBLE,
    WINDOW,
    Cut,
    expected_blocks,
    like_header,
    whole_direction,
)
from csenet.codecs.flatfile_records import RecordReader
from csenet.codecs.flatfile_text import TextReader
from csenet.codecs.framing import (
    LONGEST_RECORD,
    NEED_DATA,
    WORD,
    Blocker,
    Framing,
    NeedData,
    Segment,
    block_at,
    describe,
    segment_at,
)
from csenet.codecs.model import COUNTS_END, HEADERS, Direction, Transaction

__all__ = [
    "NEED_DATA",
    "PIECE",
    "WINDOW",
    "Decoder",
    "Encoder",
    "Encoding",
    "Framing",
    "NeedData",
    "Record",
    "ascii_lines",
    "encode",
    "read_all",
]

PIECE = 1 << 18
"""Bytes given to the decoder at a time when a whole file is at hand."""

_HEAD = 2 * WORD + COUNTS_END
"""Bytes that show the character set and whether descriptor words are used."""


class Record(msgspec.Struct, frozen=True):
    """Hold one transaction as it stood in the file.

    `position` counts from 1; `offset`, from byte 0, is where its first byte or descriptor word stands. `raw`
    is the transaction in ASCII, without line ends, descriptor words and padding. `transaction` is None if a
    fatal or error-level problem was found; `header` is kept as far as it could be read.
    """

    position: int
    offset: int
    raw: bytes
    direction: Direction
    transaction: Transaction | None
    problems: tuple[Problem, ...]
    header: Header | None = None


def _described(head: bytes) -> bool:
    """Tell whether a file has descriptor words, even if the first is damaged."""
    if head[: 2 * WORD].count(0) > 1 or (len(head) > WORD and head[2] <= max(Segment) and not head[3]):
        return True
    found = PLAUSIBLE.search(head.translate(_table(head, None)))
    return found is not None and found.start() in (WORD, 2 * WORD) and b"\0" in head[: found.start()]


def _table(head: bytes, encoding: Encoding | None, *, lines: bool = False) -> bytes:
    if encoding is None and not ebcdic.looks_ebcdic(head):
        encoding = Encoding.ASCII
    return ebcdic.reading_table(encoding, lines=lines)


class Decoder:
    """Take a batch file apart; what is not given is recognised from the first bytes."""

    def __init__(
        self,
        direction: Direction | None = None,
        framing: Framing | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        """Start before the first byte of a file."""
        self._direction = direction
        self._framing = framing
        self._encoding = encoding
        self._head = bytearray()
        self._reader: TextReader | RecordReader | None = None
        self._position = 0
        self._closed = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        if self._reader is not None:
            self._reader.feed(data)
        else:
            self._head += data

    def close(self) -> None:
        """Say that the file ends here."""
        self._closed = True
        if self._reader is not None:
            self._reader.close()

    @property
    def held(self) -> int:
        """Count the bytes that are kept."""
        return len(self._head) if self._reader is None else self._reader.held

    def next_record(self) -> Record | NeedData | None:
        """Return the next record, `NEED_DATA` if it is not all there, None at the end of the file."""
        cut = self.next_cut()
        return self._record(cut) if isinstance(cut, Cut) else cut

    def next_cut(self) -> Cut | NeedData | None:
        """Return the bytes of the next record, unread; otherwise like `next_record`."""
        if self._reader is None:
            if len(self._head) < _HEAD and not self._closed:
                return NEED_DATA
            self._reader = self._choose(bytes(self._head[:_HEAD]))
        return self._reader.next_cut()

    def _choose(self, head: bytes) -> TextReader | RecordReader:
        """Make the reader for what the file begins with, and give it that."""
        described = _described(head) if self._framing is None else self._framing.described
        reader: TextReader | RecordReader
        if described:
            reader = RecordReader(self._direction, _table(head, self._encoding))
        else:
            table = _table(head, self._encoding, lines=True)
            plain = table == ebcdic.reading_table(Encoding.ASCII, lines=True)
            reader = TextReader(self._direction, self._framing, None if plain else table)
        reader.feed(self._head)
        if self._closed:
            reader.close()
        self._head = bytearray()
        return reader

    def _record(self, cut: Cut) -> Record:
        self._position += 1
        offset, raw, direction, problems = cut
        if problems and not cut.usable and not like_header(raw):
            return Record(self._position, offset, raw, direction, None, problems)
        reading = transaction.read(raw, direction)
        tx, found = reading.transaction, reading.problems
        if problems:
            tx, found = (tx if cut.usable else None), problems + found
        return Record(self._position, offset, raw, direction, tx, found, reading.header)


def read_all(
    data: bytes | memoryview,
    direction: Direction | None = None,
    framing: Framing | None = None,
    encoding: Encoding | None = None,
) -> Iterator[Record]:
    """Read a whole file, record by record, without keeping the records."""
    decoder = Decoder(direction, framing, encoding)
    view = memoryview(data)
    for start in range(0, len(view), PIECE):
        decoder.feed(view[start : start + PIECE])
        yield from _ready(decoder)
    decoder.close()
    yield from _ready(decoder)


def _ready(decoder: Decoder) -> Iterator[Record]:
    while isinstance(record := decoder.next_record(), Record):
        yield record


def ascii_lines(
    data: bytes, framing: Framing | None = None, encoding: Encoding | None = None
) -> Iterator[tuple[int, bytes]]:
    """Give the records of a file that holds no transactions, in ASCII, each with the place of its first byte.

    For the exchange's error file when it comes from a mainframe. Behind a damaged descriptor word nothing can
    be told apart: the rest comes as one record, so that it is noticed.
    """
    head = data[:_HEAD]
    if framing.described if framing is not None else segment_at(head, 0) or block_at(head, 0):
        yield from _contents(data, _table(head, encoding))
        return
    text = data.translate(_table(head, encoding, lines=True))
    at = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            yield at, line.rstrip(b"\r\n")
        at += len(line)


def _contents(data: bytes, table: bytes) -> Iterator[tuple[int, bytes]]:
    at, begun, parts = 0, 0, b""
    while at < len(data):
        if block_at(data, at) is not None:
            at += WORD
        word = segment_at(data, at)
        if word is None:
            yield begun if parts else at, (parts + data[at:]).translate(table)
            return
        begun = at if not parts else begun
        parts += data[at + WORD : at + word.length]
        at += word.length
        if word.segment in (0, 2):
            yield begun, parts.translate(table)
            parts = b""
    if parts:
        yield begun, parts.translate(table)


@cache
def _newline(encoding: Encoding) -> bytes:
    return b"\n" if encoding is Encoding.ASCII else ebcdic.NEL


class Encoder:
    """Write a batch file piece by piece; `close` returns what is left."""

    def __init__(
        self,
        framing: Framing = Framing.LINES,
        direction: Direction = Direction.TO_SERVER,
        encoding: Encoding = Encoding.ASCII,
        *,
        line_end: bytes | None = None,
        block_size: int = LONGEST_RECORD,
    ) -> None:
        """Start a file.

        `line_end` is written as it is, LF or NEL (EBCDIC) if not given; `block_size` counts for `bdw` only.
        """
        self._framing = framing
        self._direction = direction
        self._encoding = encoding
        self._end = _newline(encoding) if line_end is None else line_end
        self._blocker = Blocker(block_size) if framing is Framing.BDW else None

    def add(self, item: Transaction | bytes) -> bytes:
        """Take a transaction, or one already in flat form and ASCII, and return the bytes that are ready.

        CodecError as for `transaction.write`.
        """
        raw = item if isinstance(item, bytes) else transaction.write(item, self._direction)
        if self._framing is Framing.BLOCKS:
            return b"".join(self._code(part) + self._end for part in split_blocks(raw))
        coded = self._code(raw)
        if self._framing is Framing.LINES:
            return coded + self._end
        if self._framing is Framing.RDW:
            return describe(coded)
        return self._blocker.add(coded) if self._blocker is not None else coded

    def _code(self, text: bytes) -> bytes:
        return text if self._encoding is Encoding.ASCII else ebcdic.encode(text, self._encoding)

    def close(self) -> bytes:
        """Return what has been held back: the last block."""
        return b"" if self._blocker is None else self._blocker.close()


def split_blocks(raw: bytes) -> Iterator[bytes]:
    """Cut a transaction into its header and data blocks; what is none is given as it is."""
    direction = whole_direction(raw)
    if direction is None:
        yield raw
        return
    at = 0
    for length in (HEADERS[direction].length, *expected_blocks(raw, direction)):
        yield raw[at : at + length]
        at += length


def encode(
    transactions: Iterable[Transaction | bytes],
    framing: Framing = Framing.LINES,
    direction: Direction = Direction.TO_SERVER,
    encoding: Encoding = Encoding.ASCII,
) -> bytes:
    """Write a batch file of transactions, or of transactions already in flat form.

    Lines end in LF, in EBCDIC in NEL. CodecError as for `transaction.write`.
    """
    encoder = Encoder(framing, direction, encoding)
    return b"".join([*[encoder.add(item) for item in transactions], encoder.close()])
