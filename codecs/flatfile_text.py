"""Cut a file into transactions where nothing but line ends, or nothing at all, stands between them."""

from collections import deque
from collections.abc import Iterator

from csenet.codecs import transaction
from csenet.codecs.errors import CodecError
from csenet.codecs.flatfile_gather import Gatherer
from csenet.codecs.flatfile_headers import (
    JOINED,
    LINE_ENDS,
    LOST_BLOCKS,
    PLAUSIBLE,
    WINDOW,
    Cut,
    expected_blocks,
    framing_problem,
    joined,
    joined_direction,
    like_header,
    padded_direction,
    unpadded,
    whole_direction,
    without_padding,
)
from csenet.codecs.framing import NEED_DATA, Framing, NeedData
from csenet.codecs.model import COUNTS_END, HEADERS, LONGEST, Direction

_LONG_LINE = framing_problem("length.line", f"the line is longer than any transaction: {LONGEST} positions")

_LONGER_HEADER = max(codec.length for codec in HEADERS.values())
_CARRIAGE_RETURN = LINE_ENDS[0]


class TextReader:
    """Take text apart, translated to ASCII; what is not given is recognised."""

    def __init__(self, direction: Direction | None, framing: Framing | None, table: bytes | None) -> None:
        """Start before the first byte of a file; `table` translates it, if it has to be."""
        self._direction = direction
        self._framing = framing
        self._told = framing is not None
        self._table = table
        self._gatherer = Gatherer(direction)
        self._ready: deque[Cut] = deque()
        self._buffer = bytearray()
        self._at = 0
        self._scanned = 0
        self._dropped = 0
        self._closed = False
        self._skipping = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        # A bytearray gives up its front without moving the rest.
        del self._buffer[: self._at]
        self._dropped += self._at
        self._scanned = max(0, self._scanned - self._at)
        self._at = 0
        self._buffer += data if self._table is None else bytes(data).translate(self._table)

    def close(self) -> None:
        """Say that the file ends here."""
        self._closed = True

    @property
    def held(self) -> int:
        """Count the bytes that are kept."""
        return len(self._buffer) - self._at

    def next_cut(self) -> Cut | NeedData | None:
        """Return the next transaction, `NEED_DATA` if it is not all there, None at the end of the file."""
        if self._ready:
            return self._ready.popleft()
        if self._framing is None:
            self._framing = self._recognise()
        if self._framing is None:
            return self._starved()
        if self._framing is Framing.STREAM:
            return self._next_in_stream()
        return self._next_line() if self._framing is Framing.LINES else self._next_gathered()

    def _starved(self) -> NeedData | None:
        return None if self._closed else NEED_DATA

    def _recognise(self) -> Framing | None:
        """Tell the framing from the first transaction and what follows it; None if it cannot be told yet."""
        self._skip_line_ends()
        left = len(self._buffer) - self._at
        if not left:
            return None
        if self._plausible(self._at):
            alone = self._blocks_begin(self._at)
            if alone is not False:
                return Framing.BLOCKS if alone else None
            for direction in Direction:
                end = self._end(direction)
                if end < len(self._buffer) and self._buffer[end] in LINE_ENDS:
                    return Framing.LINES if self._lines_go_on(end) else Framing.STREAM
                if self._plausible(end) and self._buffer.find(b"\n", self._at, end) < 0:
                    return Framing.STREAM
        if left < WINDOW and not self._closed:
            return None
        return self._recognise_damaged(left)

    def _lines_go_on(self, end: int) -> bool:
        """Tell whether a line end behind the first transaction is one, and not a damaged byte of the next."""
        resume = self._next_header(end)
        return resume is None or self._buffer[resume - 1] in LINE_ENDS

    def _recognise_damaged(self, left: int) -> Framing:
        """Tell the framing where the first transaction shows nothing, by what stands before the next."""
        resume = self._next_header(self._at + 1)
        if resume is not None:
            return Framing.LINES if self._buffer[resume - 1] in LINE_ENDS else Framing.STREAM
        if self._buffer.find(b"\n", self._at, self._at + WINDOW) >= 0:
            return Framing.LINES
        return Framing.STREAM if left > LONGEST else Framing.LINES

    def _blocks_begin(self, at: int) -> bool | None:
        """Tell whether a header stands alone on its line and the first block on the next; None if unknown."""
        line = self._line_at(at)
        if line is None:
            return False
        for direction, codec in HEADERS.items():
            wanted = self._announced(line, direction) if unpadded(line, codec.length) else []
            if not wanted or len(line) - codec.length == sum(wanted):
                continue
            following = self._line_at(self._buffer.find(b"\n", at) + 1)
            if following is None and not self._closed and self.held <= 2 * LONGEST:
                return None
            if following is not None and unpadded(following, wanted[0]) is not None:
                return True
        return False

    @staticmethod
    def _announced(line: bytes, direction: Direction) -> list[int]:
        try:
            return expected_blocks(line, direction)
        except CodecError:
            return []

    def _line_at(self, at: int) -> bytes | None:
        """Return the line that begins at a place; None if its end is not there."""
        end = self._buffer.find(b"\n", at, at + LONGEST + len(LINE_ENDS))
        if end < 0:
            if not self._closed or at >= len(self._buffer):
                return None
            end = len(self._buffer)
        return bytes(self._buffer[at:end]).removesuffix(b"\r")

    def _skip_line_ends(self) -> None:
        while self._at < len(self._buffer) and self._buffer[self._at] in LINE_ENDS:
            self._at += 1

    def _plausible(self, at: int) -> bool:
        return PLAUSIBLE.match(self._buffer, at) is not None

    def _may_end(self, at: int) -> bool:
        """Tell whether a transaction may end before something that is no good header.

        It may not if what follows has the length of blocks: then its own block counts are damaged, and it
        has lost them. A damaged header is told from a block by its looks.
        """
        if at > len(self._buffer):
            return False
        resume = self._next_header(at)
        gap = (len(self._buffer) if resume is None else resume) - at
        return gap not in LOST_BLOCKS or like_header(bytes(self._buffer[at : at + COUNTS_END]))

    def _next_header(self, start: int) -> int | None:
        found = PLAUSIBLE.search(self._buffer, start, self._at + WINDOW + COUNTS_END)
        return found.start() if found else None

    def _end(self, direction: Direction) -> int:
        """Return where the transaction at hand ends by its block counts; beyond all bytes if unreadable."""
        prefix = bytes(self._buffer[self._at : self._at + COUNTS_END])
        try:
            return self._at + transaction.total_length(prefix, direction)
        except CodecError:
            return len(self._buffer) + 1

    def _lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Give each line that is there with its place, and whether it is only the beginning of one."""
        while True:
            start = self._at
            end = self._buffer.find(b"\n", max(start, self._scanned))
            if end < 0:
                self._scanned = len(self._buffer)
                if not self._closed:
                    yield from self._cut_line()
                    return
                end = len(self._buffer)
                if start == end:
                    return
            if not self._skipping and self._must_wait(start, end):
                return
            self._at = min(end + 1, len(self._buffer))
            line = bytes(self._buffer[start:end]).removesuffix(b"\r")
            if self._skipping:
                self._skipping = False
            elif line.strip() or (line and self._framing is Framing.BLOCKS):
                yield self._dropped + start, line, False

    def _must_wait(self, at: int, end: int) -> bool:
        """Look whether the file has a block on each line after all; True if the next line has to tell."""
        if self._told or self._framing is Framing.BLOCKS or self._buffer[at + _LONGER_HEADER : end].strip():
            return False
        if not self._plausible(at):
            return False
        alone = self._blocks_begin(at)
        if alone:
            self._framing = Framing.BLOCKS
        return alone is None

    def _cut_line(self) -> Iterator[tuple[int, bytes, bool]]:
        """Give up a line that is longer than any transaction, keeping its beginning only."""
        start = self._at
        if len(self._buffer) - start <= LONGEST + len(LINE_ENDS):
            return
        self._at = len(self._buffer)
        if self._skipping:
            return
        self._skipping = True
        yield self._dropped + start, bytes(self._buffer[start : start + LONGEST]), True

    def _next_line(self) -> Cut | NeedData | None:
        return self._whole_line() or self._next_odd_line()

    def _whole_line(self) -> Cut | None:
        """Take the short way: a line that is as long as its block counts say, of the direction known."""
        start, direction = self._at, self._direction
        end = self._buffer.find(b"\n", max(start, self._scanned))
        if direction is None or end <= start or self._skipping:
            return None
        line = bytes(self._buffer[start : end - 1 if self._buffer[end - 1] == _CARRIAGE_RETURN else end])
        try:
            if transaction.total_length(line, direction) != len(line):
                return None
        except CodecError:
            return None
        if len(line) == HEADERS[direction].length and self._must_wait(start, end):
            return None
        self._at = end + 1
        return Cut(self._dropped + start, line, direction)

    def _next_odd_line(self) -> Cut | NeedData | None:
        for offset, line, endless in self._lines():
            if self._framing is Framing.BLOCKS:
                return self._gather(offset, line, endless) or self._next_gathered()
            direction = self._line_direction(line)
            if endless:
                return Cut(offset, line, direction, (_LONG_LINE,))
            end = joined(line, direction)
            if end is not None:
                self._at = offset - self._dropped + end + 1
                return Cut(offset, line[:end], direction, (JOINED,))
            raw, problems = without_padding(line, direction)
            return Cut(offset, raw, direction, problems)
        return self._starved()

    def _line_direction(self, line: bytes) -> Direction:
        if self._direction is not None:
            return self._direction
        direction = whole_direction(line)
        if direction is not None and PLAUSIBLE.match(line):
            self._direction = direction
        return direction or padded_direction(line) or joined_direction(line) or Direction.FROM_SERVER

    def _next_gathered(self) -> Cut | NeedData | None:
        for offset, line, endless in self._lines():
            found = self._gather(offset, line, endless)
            if found is not None:
                return found
        if self._closed:
            self._ready += self._gatherer.flush()
        return self._ready.popleft() if self._ready else self._starved()

    def _gather(self, offset: int, line: bytes, endless: bool) -> Cut | None:
        add = self._gatherer.add
        self._ready += self._gatherer.damage(line, offset, _LONG_LINE) if endless else add(line, offset)
        return self._ready.popleft() if self._ready else None

    def _next_in_stream(self) -> Cut | NeedData | None:
        self._skip_line_ends()
        left = len(self._buffer) - self._at
        if not left or (left < WINDOW + COUNTS_END and not self._closed):
            return self._starved()
        start = self._at
        direction, end = self._stream_end()
        self._at = end
        return Cut(self._dropped + start, bytes(self._buffer[start:end]), direction)

    def _stream_end(self) -> tuple[Direction, int]:
        """Decide which way the transaction at hand goes and where it ends, whole or damaged."""
        choices = (self._direction,) if self._direction is not None else tuple(Direction)
        ends = {direction: self._end(direction) for direction in choices}
        if like_header(bytes(self._buffer[self._at : self._at + COUNTS_END])):
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
        return self._buffer[at] in LINE_ENDS or self._plausible(at)

    def _reads(self, end: int, direction: Direction) -> bool:
        return transaction.read(bytes(self._buffer[self._at : end]), direction).transaction is not None
