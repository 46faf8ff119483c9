"""Cut a file into transactions where descriptor words stand before the records.

A block descriptor word is taken wherever one stands: its length is compared, but nothing depends on it. After
damage, reading goes on at the next word whose record ends where another word stands.
"""

import re
from collections import deque
from collections.abc import Iterator

from csenet.codecs.errors import Problem, Severity
from csenet.codecs.flatfile_gather import Gatherer
from csenet.codecs.flatfile_headers import Cut, framing_problem
from csenet.codecs.framing import (
    LONGEST_RECORD,
    NEED_DATA,
    WORD,
    Descriptor,
    NeedData,
    Segment,
    block_at,
    segment_at,
)
from csenet.codecs.model import LONGEST, Direction

AHEAD = 3 * WORD
"""Bytes that show whether a descriptor word stands somewhere: two words and the beginning of the text."""

_SEARCH = 2 * LONGEST
"""Bytes looked through for the next record before some are given up."""

_ENOUGH = 4 * LONGEST_RECORD
"""Bytes that hold the record at hand, those looked through, the last of these, and what may fill the file."""

_LOOKS_LIKE_WORD = re.compile(rb"(?=[\x00-\x7f][\x00-\xff][\x00-\x03]\x00[\x20-\xff])")

_FILL = b"\0\r\n\x15\x1a\x25"
"""What may stand behind the last record: fill bytes, line ends, an end-of-file mark."""

_WORD = framing_problem("descriptor.value", "no record descriptor word that fits the records around it")
_SEQUENCE = framing_problem("descriptor.segment", "the segments of a record do not follow each other")
_CUT = framing_problem("descriptor.end", "the file ends within a record")
_BLOCK = framing_problem(
    "descriptor.block", "the block is not as long as its descriptor word says", Severity.WARNING
)


class RecordReader:
    """Take records with descriptor words apart; the direction is recognised unless given."""

    def __init__(self, direction: Direction | None, table: bytes) -> None:
        """Start before the first byte of a file; `table` translates the text between the words."""
        self._gatherer = Gatherer(direction)
        self._table = table
        self._ready: deque[Cut] = deque()
        self._buffer = bytearray()
        self._at = 0
        self._dropped = 0
        self._closed = False
        self._span: bytearray | None = None
        self._span_offset = 0
        self._block_end: int | None = None
        self._notes: list[Problem] = []

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        del self._buffer[: self._at]
        self._dropped += self._at
        self._at = 0
        self._buffer += data

    def close(self) -> None:
        """Say that the file ends here."""
        self._closed = True

    @property
    def held(self) -> int:
        """Count the bytes that are kept."""
        return len(self._buffer) - self._at

    def next_cut(self) -> Cut | NeedData | None:
        """Return the next transaction, `NEED_DATA` if it is not all there, None at the end of the file."""
        while not self._ready:
            if self._at_end():
                self._finish()
                return self._ready.popleft() if self._ready else None
            if not self._step():
                return NEED_DATA
        return self._ready.popleft()

    def _at_end(self) -> bool:
        return self._closed and self._only_fill(self._at)

    def _only_fill(self, at: int) -> bool:
        if self._buffer[at : at + AHEAD].strip(_FILL) or len(self._buffer) - at > LONGEST_RECORD:
            return False
        return not self._buffer[at:].strip(_FILL)

    def _finish(self) -> None:
        self._at = len(self._buffer)
        self._drop_span(_SEQUENCE)
        self._ready += self._gatherer.flush()

    def _step(self) -> bool:
        """Take one word and what it describes; False if more bytes have to come first."""
        if self.held < AHEAD and not self._closed:
            return False
        length = block_at(self._buffer, self._at)
        if length is not None:
            self._begin_block(length)
            return True
        word = segment_at(self._buffer, self._at)
        if word is None:
            return self._damaged(_WORD)
        end = self._at + word.length
        if end + AHEAD > len(self._buffer) and not self._closed:
            return False
        if end > len(self._buffer):
            return self._damaged(_CUT)
        if not self._boundary(end):
            if not self._settled():
                return False
            if not self._damaged_next(end):
                return self._damaged(_WORD)
        self._take(word, end)
        return True

    def _settled(self) -> bool:
        """Tell whether enough is there to judge damage, so that it does not depend on the pieces fed."""
        return self._closed or self.held >= _ENOUGH

    def _damaged_next(self, at: int) -> bool:
        """Tell whether the word at a place is the damaged one, by where the record after it begins."""
        inner = at + WORD
        if segment_at(self._buffer, inner) is not None:
            return True
        after = next(self._words(inner), len(self._buffer) if self._closed else 0)
        return self._nearly(at, after) or (
            self._buffer[at + 2 : inner] == b"\0\0" and self._nearly(inner, after)
        )

    def _nearly(self, at: int, end: int) -> bool:
        """Tell whether a word that describes a record of known length could be read but for one byte."""
        word = self._buffer[at : at + WORD]
        if len(word) < WORD or not 0 < end - at <= LONGEST_RECORD:
            return False
        high, low = divmod(end - at, 256)
        wrong = (word[0] != high, word[1] != low, word[2] > Segment.MIDDLE, word[3] != 0)
        return sum(wrong) <= 1

    def _begin_block(self, length: int) -> None:
        here = self._dropped + self._at
        if self._block_end not in (None, here):
            self._notes.append(_BLOCK)
        self._block_end = here + length
        self._at += WORD

    def _boundary(self, at: int) -> bool:
        """Tell whether a word, or nothing more, stands at a place."""
        if self._closed and self._only_fill(at):
            return True
        return segment_at(self._buffer, at) is not None or block_at(self._buffer, at) is not None

    def _text(self, start: int, end: int) -> bytes:
        return bytes(self._buffer[start:end]).translate(self._table)

    def _take(self, word: Descriptor, end: int) -> None:
        here = self._dropped + self._at
        content = self._text(self._at + WORD, end)
        self._at = end
        if word.segment is Segment.WHOLE:
            self._drop_span(_SEQUENCE)
            self._add(content, here)
        elif word.segment is Segment.FIRST:
            self._drop_span(_SEQUENCE)
            self._span, self._span_offset = bytearray(content), here
        elif self._span is None or len(self._span) + len(content) > LONGEST_RECORD:
            self._drop_span(_SEQUENCE)
            self._ready += self._gatherer.damage(content, here, _SEQUENCE)
        else:
            self._span += content
            if word.segment is Segment.LAST:
                whole, self._span = bytes(self._span), None
                self._add(whole, self._span_offset)

    def _add(self, content: bytes, offset: int) -> None:
        notes, self._notes = self._notes, []
        self._ready += self._gatherer.add(content, offset, notes)

    def _drop_span(self, problem: Problem) -> None:
        """Give up a record of which the last segment has not come."""
        if self._span is not None:
            piece, self._span = bytes(self._span), None
            self._ready += self._gatherer.damage(piece, self._span_offset, problem)

    def _damaged(self, problem: Problem) -> bool:
        """Pass over bytes that make no sense; False if more have to come to tell how many."""
        if not self._settled():
            return False
        resume = self._resume()
        if resume is None:
            resume = len(self._buffer) if self._closed and self.held <= LONGEST else self._at + LONGEST
        start, self._at = self._at, min(resume, len(self._buffer))
        piece, here = self._text(start, self._at), self._dropped + start
        if self._span is not None:
            piece, here, self._span = bytes(self._span) + piece, self._span_offset, None
        self._ready += self._gatherer.damage(piece, here, problem)
        self._block_end = None
        return True

    def _resume(self) -> int | None:
        """Find the next place where a record begins; None if none is in sight."""
        if segment_at(self._buffer, self._at + WORD) is not None:
            return self._at + WORD
        return next(self._words(self._at + 1), None)

    def _words(self, start: int) -> Iterator[int]:
        """Give the places of words whose record ends where another word stands, or the file."""
        for found in _LOOKS_LIKE_WORD.finditer(self._buffer, start, start + _SEARCH):
            at = found.start()
            word = segment_at(self._buffer, at)
            if word is None or not self._boundary(at + word.length):
                continue
            outer = at - WORD
            yield outer if outer >= start and block_at(self._buffer, outer) is not None else at
