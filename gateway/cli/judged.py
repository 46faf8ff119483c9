"""Judge a file record by record, whatever its form, as the exchange or as a state does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import IO, Any, NamedTuple

import msgspec

from csenet.codecs import anyform, xmlform
from csenet.codecs.errorfile import ErrorReading
from csenet.codecs.errors import Problem
from csenet.codecs.flatfile import Record
from csenet.codecs.transaction import Direction
from csenet.codecs.validation import duplicate_serial, placed, placed_error, validate, validate_error
from csenet.codecs.validation_whole import examine
from csenet.gateway.cli.reading import CHUNK, entries

_SIDES = {"exchange": Direction.TO_SERVER, "state": Direction.FROM_SERVER}


class Judged(NamedTuple):
    """Hold what became of one record: its place, whether it could be read, everything that is wrong."""

    position: int
    offset: int | None
    readable: bool
    problems: tuple[Problem, ...]


class Judge:
    """Judge by the edits of one side on one day; the exchange remembers serial numbers as well."""

    def __init__(self, eyes: str | None, today: date) -> None:
        """Take whose eyes: the exchange's, a state's, or None for those of each record's receiver."""
        self.side = _SIDES.get(eyes or "")
        self._today = today
        self._seen: set[tuple[str | None, str | None]] | None = set() if eyes == "exchange" else None

    def flat(self, record: Record) -> Judged:
        """Judge a record of a flat file."""
        found = examine(record, today=self._today, direction=self.side)
        if record.header is not None and self._again(record.header):
            found += placed(record, [duplicate_serial()])
        return Judged(record.position, record.offset, record.transaction is not None, found)

    def error(self, reading: ErrorReading, offset: int) -> Judged:
        """Judge a record of an error file."""
        more = validate_error(reading.record) if reading.record is not None else ()
        found = placed_error(reading, offset, (*reading.problems, *more))
        return Judged(reading.position, offset, reading.record is not None, found)

    def xml(self, record: xmlform.XmlRecord) -> Judged:
        """Judge an element of a document; columns and bytes mean nothing there."""
        found = list(record.problems)
        tx = record.transaction
        if tx is not None:
            received = Direction.FROM_SERVER if tx.header.date_received else Direction.TO_SERVER
            found += validate(tx, today=self._today, direction=self.side or received)
            found += [duplicate_serial()] if self._again(tx.header) else []
        if record.error_record is not None:
            found += validate_error(record.error_record)
        told = (msgspec.structs.replace(each, position=record.position) for each in dict.fromkeys(found))
        return Judged(record.position, None, bool(tx or record.error_record), tuple(told))

    def _again(self, header: Any) -> bool:
        """Tell whether the exchange has seen a sender's serial number before, and remember it."""
        if self._seen is None:
            return False
        key = (header.local_fips_state, header.transaction_serial_number)
        known = key in self._seen
        self._seen.add(key)
        return known


def judged(
    stream: IO[bytes], judge: Judge, direction: str | None, framing: str | None, encoding: str | None
) -> Iterator[Judged]:
    """Judge every record of a file; a document of XML is told by its first sign."""
    head = stream.read(CHUNK)
    if anyform.is_xml(head):
        yield from (judge.xml(record) for record in _elements(head, stream))
        return
    if judge.side is Direction.TO_SERVER:
        direction = direction or judge.side.value
    whole: Any = _Whole(head, stream)
    for entry, offset in entries(whole, direction, framing, encoding):
        yield judge.error(entry, offset) if isinstance(entry, ErrorReading) else judge.flat(entry)


def _elements(head: bytes, stream: IO[bytes]) -> Iterator[xmlform.XmlRecord]:
    decoder = xmlform.Decoder()
    while head:
        decoder.feed(head)
        yield from _ready(decoder)
        head = stream.read(CHUNK)
    decoder.close()
    yield from _ready(decoder)


def _ready(decoder: xmlform.Decoder) -> Iterator[xmlform.XmlRecord]:
    while isinstance(record := decoder.next_record(), xmlform.XmlRecord):
        yield record


class _Whole:
    """Give a stream whose beginning has been read already."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read what was read before, then the rest."""
        head, self._head = self._head, b""
        if size < 0:
            return head + self._stream.read()
        return head or self._stream.read(size)
