"""Put transactions together from records: a whole one in each, or the header and every data block in its own.

Which of the two it is, each header tells by its length. Records that do not fit what their header announced
spoil that transaction only: the next header begins anew.
"""

from collections.abc import Iterable, Iterator

from csenet.codecs.errors import CodecError, Problem
from csenet.codecs.flatfile_headers import (
    BLOCK_LENGTHS,
    JOINED,
    PADDED,
    PLAUSIBLE,
    Cut,
    expected_blocks,
    framing_problem,
    header_direction,
    joined,
    joined_direction,
    like_header,
    padded_direction,
    unpadded,
    whole_direction,
    without_padding,
)
from csenet.codecs.model import COUNTS_END, HEADERS, LONGEST, Direction

_STRAY = framing_problem("blocks.sequence", "the records are not the blocks that a header announces")
_HEADER_LENGTHS = frozenset(codec.length for codec in HEADERS.values())


class _Pending:
    """Hold a transaction of which records are still expected, or may still turn up too many."""

    def __init__(self, offset: int, raw: bytes, direction: Direction) -> None:
        self.offset = offset
        self.raw = bytearray(raw[:LONGEST])
        self.direction = direction
        self.wanted: list[int] = []
        self.spoilt = False
        self.problems: list[Problem] = []

    def absorb(self, part: bytes) -> None:
        """Keep what belongs to it, but never more than a transaction may hold."""
        self.raw += part[: LONGEST - len(self.raw)]

    def note(self, *problems: Problem) -> None:
        """Add problems, each once."""
        self.problems += (problem for problem in problems if problem not in self.problems)

    def cut(self) -> Cut:
        """Return it as far as it came."""
        return Cut(self.offset, bytes(self.raw), self.direction, tuple(self.problems))


class Gatherer:
    """Take records in their order and give transactions; the last one only on `flush`."""

    def __init__(self, direction: Direction | None) -> None:
        """Start before the first record of a file; a direction that is not given is learnt."""
        self._direction = direction
        self._pending: _Pending | None = None

    def add(self, part: bytes, offset: int, notes: Iterable[Problem] = ()) -> Iterator[Cut]:
        """Take one record that came through undamaged, and what is to be told about its place."""
        end = self._joined(part)
        if end is not None:
            yield from self.add(part[:end], offset, (*notes, JOINED))
            part, offset, notes = part[end + 1 :], offset + end + 1, ()
        pending = self._pending
        if not part.strip() and (pending is None or not pending.wanted):
            return
        if like_header(part):
            yield from self.flush()
            self._begin(part, offset)
            self._note(notes)
            if self._whole(part):
                yield from self.flush()
            return
        if pending is None or self._another(pending, part):
            yield from self.flush()
            self._stray(part, offset, _STRAY)
        elif not self._fits(pending, part):
            pending.spoilt = True
            pending.note(_STRAY)
            pending.absorb(part)
        self._note(notes)

    def damage(self, piece: bytes, offset: int, problem: Problem) -> Iterator[Cut]:
        """Take bytes that are no record; they belong to a transaction that still lacks something."""
        pending = self._pending
        if pending is not None and (pending.wanted or pending.spoilt):
            pending.spoilt = True
            pending.note(problem)
            pending.absorb(piece)
            return
        yield from self.flush()
        self._stray(piece, offset, problem)

    def flush(self) -> Iterator[Cut]:
        """Give the transaction at hand, whole or not."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        if not (pending.spoilt or pending.wanted or pending.problems):
            self._direction = pending.direction
        yield pending.cut()

    def _joined(self, part: bytes) -> int | None:
        """Return where the last block of the transaction at hand ends, if a header follows in its record."""
        pending = self._pending
        if like_header(part):
            direction = self._direction or joined_direction(part)
            return None if direction is None or self._announced(part, direction) else joined(part, direction)
        if pending is None or len(pending.wanted) != 1:
            return None
        end = pending.wanted[0]
        return end if len(part) > end + COUNTS_END and PLAUSIBLE.match(part, end + 1) else None

    @staticmethod
    def _announced(part: bytes, direction: Direction) -> list[int]:
        try:
            return expected_blocks(part, direction)
        except CodecError:
            return [0]

    def _note(self, notes: Iterable[Problem]) -> None:
        if self._pending is not None:
            self._pending.note(*notes)

    def _begin(self, part: bytes, offset: int) -> None:
        direction = self._direction or whole_direction(part)
        if direction is None:
            direction = padded_direction(part) or header_direction(part)
        raw, problems = without_padding(part, direction)
        length = HEADERS[direction].length
        try:
            wanted = expected_blocks(raw, direction)
        except CodecError:
            # Reading will tell what is wrong with the header; its blocks cannot be told from others.
            self._pending = _Pending(offset, raw, direction)
            self._pending.spoilt = True
            return
        alone = unpadded(raw, length) if len(raw) != length + sum(wanted) else None
        self._pending = _Pending(offset, alone or raw, direction)
        if alone is not None:
            self._pending.wanted = wanted
            problems = (PADDED,) if alone != part else ()
        self._pending.note(*problems)

    def _whole(self, part: bytes) -> bool:
        """Tell whether nothing can follow: the record holds blocks, so it holds all of them."""
        pending = self._pending
        return pending is not None and len(pending.raw) > HEADERS[pending.direction].length

    def _another(self, pending: _Pending, part: bytes) -> bool:
        """Tell whether a record without a good header belongs to a new transaction, not to a complete one."""
        complete = not pending.wanted and not pending.spoilt
        return complete and (len(part) in _HEADER_LENGTHS or len(part) not in BLOCK_LENGTHS)

    def _stray(self, part: bytes, offset: int, problem: Problem) -> None:
        self._pending = _Pending(offset, part, self._direction or Direction.FROM_SERVER)
        self._pending.spoilt = True
        self._pending.note(problem)

    def _fits(self, pending: _Pending, part: bytes) -> bool:
        block = unpadded(part, pending.wanted[0]) if pending.wanted and not pending.spoilt else None
        if block is None:
            return False
        del pending.wanted[0]
        pending.absorb(block)
        if block != part:
            pending.note(PADDED)
        return True
