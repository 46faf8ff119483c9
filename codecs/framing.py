"""Know how records follow each other in a file: line ends, or the descriptor words of a mainframe.

A record descriptor word (RDW) is two bytes of length, itself included, a segment control code and a zero
byte; a block descriptor word (BDW) is the length of a block of such records, two bytes and two zero bytes, or
four bytes with the first bit set. A record that does not fit its block is spanned: cut into segments. Source:
IBM, z/OS DFSMS Using Data Sets, the formats V, VB, VS and VBS.
"""

from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple

WORD = 4
"""Bytes of a descriptor word."""

LONGEST_RECORD = 32_760
"""Bytes of the longest record or block that two bytes of length may describe, its descriptor included."""

LEAST_BLOCK = 64
"""Bytes of the smallest block that is written: each segment has to hold something."""

_SHORT_BLOCK_END = b"\0\0"
_LONG_BLOCK = 0x80
_LEAST_TEXT = 0x20


class Framing(StrEnum):
    """Name the way transactions follow each other in a file.

    `lines` is one transaction a line, `stream` nothing between them, `blocks` the header and each data block
    on a line of its own, `rdw` records with descriptor words, `bdw` the same in blocks.
    """

    LINES = "lines"
    STREAM = "stream"
    BLOCKS = "blocks"
    RDW = "rdw"
    BDW = "bdw"

    @property
    def described(self) -> bool:
        """Tell whether descriptor words stand in the file."""
        return self in (Framing.RDW, Framing.BDW)


class NeedData(Enum):
    """Ask for more bytes, or for `close`, before the next record can be told."""

    NEED_DATA = "need-data"


NEED_DATA = NeedData.NEED_DATA


class Segment(IntEnum):
    """Tell by a segment control code which part of a record follows."""

    WHOLE = 0
    FIRST = 1
    LAST = 2
    MIDDLE = 3


class Descriptor(NamedTuple):
    """Hold what a record descriptor word says; `length` includes the word."""

    length: int
    segment: Segment


def segment_at(data: bytes | bytearray, at: int) -> Descriptor | None:
    """Read the record descriptor word at a place; None if no word of a text record can stand there.

    Text has no bytes below 0x20 in either character set, which tells a word from text and from other words.
    """
    word = data[at : at + WORD]
    if len(word) < WORD or word[2] > max(Segment) or word[3]:
        return None
    length = word[0] << 8 | word[1]
    text = data[at + WORD : at + min(length, 2 * WORD)]
    if not text or text[0] < _LEAST_TEXT or 0 in text or length > LONGEST_RECORD:
        return None
    return Descriptor(length, Segment(word[2]))


def block_at(data: bytes | bytearray, at: int) -> int | None:
    """Read the length in the block descriptor word at a place; None unless a record in it follows."""
    word = bytes(data[at : at + WORD])
    if len(word) < WORD:
        return None
    if word[0] & _LONG_BLOCK:
        length = int.from_bytes(word, "big") & 0x7FFF_FFFF
    elif word[2:] == _SHORT_BLOCK_END:
        length = word[0] << 8 | word[1]
    else:
        return None
    first = segment_at(data, at + WORD)
    return length if first is not None and first.length + WORD <= length else None


def describe(content: bytes, segment: Segment = Segment.WHOLE) -> bytes:
    """Write a record or a segment of one behind its descriptor word."""
    length = len(content) + WORD
    if length > LONGEST_RECORD:
        raise ValueError(f"a record descriptor word counts up to {LONGEST_RECORD} bytes, not {length}")
    return length.to_bytes(2, "big") + bytes((segment, 0)) + content


class Blocker:
    """Put records into blocks; a record that is longer than a block can hold is spanned."""

    def __init__(self, size: int = LONGEST_RECORD) -> None:
        """Start the first block; `size` is the length of the longest, its descriptor included."""
        if not LEAST_BLOCK <= size <= LONGEST_RECORD:
            raise ValueError(f"a block takes {LEAST_BLOCK} to {LONGEST_RECORD} bytes")
        self._size = size
        self._block = bytearray()

    @property
    def _room(self) -> int:
        """Count the bytes of content that one more record may hold in the block at hand."""
        return self._size - WORD - len(self._block) - WORD

    def add(self, content: bytes) -> bytes:
        """Take a record and return the blocks that are full by now."""
        done = b""
        if len(content) > self._room and self._block:
            done = self.close()
        if len(content) <= self._room:
            self._block += describe(content)
            return done
        return done + self._span(content)

    def _span(self, content: bytes) -> bytes:
        done = b""
        segment, at = Segment.FIRST, 0
        while len(content) - at > self._room:
            room = self._room
            self._block += describe(content[at : at + room], segment)
            done += self.close()
            segment, at = Segment.MIDDLE, at + room
        self._block += describe(content[at:], Segment.LAST)
        return done

    def close(self) -> bytes:
        """Return the block at hand, if anything is in it."""
        block, self._block = bytes(self._block), bytearray()
        return (len(block) + WORD).to_bytes(2, "big") + _SHORT_BLOCK_END + block if block else b""
