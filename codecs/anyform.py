"""Read a batch in whatever form it comes, flat or XML, told by how it begins.

From XML come the same records as from a flat file: each transaction is written in the flat form, in which
everything behind here compares, keeps and shows transactions.
"""

from __future__ import annotations

from collections.abc import Iterator

from csenet.codecs import flatfile, transaction, xmlform
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.flatfile import PIECE, Record
from csenet.codecs.transaction import Direction

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HEAD = 64


def is_xml(data: bytes | memoryview) -> bool:
    """Tell whether a file, or its beginning, is a document of XML.

    The lengths in front of a mainframe's records may look like its first sign, but have zeros behind them.
    """
    head = bytes(data[:_HEAD])
    first = head.removeprefix(_UTF8_MARK).lstrip(b" \t\r\n")
    return head.startswith(_UTF16_MARKS) or (first.startswith(b"<") and b"\0" not in head)


def read_all(data: bytes) -> Iterator[Record]:
    """Read a whole batch, record by record, without keeping the records.

    A record of XML stands at the line, not at the byte, on which its element begins.
    """
    return _elements(data) if is_xml(data) else flatfile.read_all(data)


def _elements(data: bytes) -> Iterator[Record]:
    decoder, view = xmlform.Decoder(), memoryview(data)
    for start in range(0, len(view), PIECE):
        decoder.feed(view[start : start + PIECE])
        yield from _ready(decoder)
    decoder.close()
    yield from _ready(decoder)


def _ready(decoder: xmlform.Decoder) -> Iterator[Record]:
    while isinstance(found := decoder.next_record(), xmlform.XmlRecord):
        yield _record(found)


def _record(found: xmlform.XmlRecord) -> Record:
    tx = found.transaction
    direction = Direction.FROM_SERVER
    if tx is None:
        problems = found.problems or (_error_record(),)
        return Record(found.position, found.line, b"", direction, None, problems)
    if tx.header.date_received is None:
        direction = Direction.TO_SERVER
    try:
        raw = transaction.write(tx, direction)
    except CodecError as error:
        return Record(found.position, found.line, b"", direction, None, tuple(error.problems), tx.header)
    reading = transaction.read(raw, direction)
    problems = found.problems + reading.problems
    return Record(found.position, found.line, raw, direction, reading.transaction, problems, reading.header)


def _error_record() -> Problem:
    message = "error records are taken in the flat form only"
    return Problem(code="xml.error_record.form", severity=Severity.ERROR, message=message)
