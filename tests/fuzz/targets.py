"""What the fuzzer calls, one function a decoder: any bytes at all come out as values, never as an exception.

Settings that a caller may give are chosen by a checksum of the bytes, so that the files of the corpus are
plain input files.
"""

import zlib
from collections.abc import Callable

from csenet.codecs import errorfile, flatfile, transaction, xmlform
from csenet.codecs.flatfile import Decoder, Encoding, Framing, Record
from csenet.codecs.transaction import Direction

DIRECTIONS = (None, *Direction)
TEXT = (None, Framing.LINES, Framing.STREAM, Framing.BLOCKS)
DESCRIBED = (Framing.RDW, Framing.BDW)
ENCODINGS = (None, *Encoding)
SIZES = (1 << 20, 7, 100, 1000)


def _drain(decoder: Decoder) -> list[Record]:
    found: list[Record] = []
    while isinstance(record := decoder.next_record(), Record):
        found.append(record)
    return found


def _decode(data: bytes, decoder: Decoder, size: int) -> list[Record]:
    found: list[Record] = []
    for start in range(0, len(data), size):
        decoder.feed(data[start : start + size])
        found += _drain(decoder)
    decoder.close()
    found += _drain(decoder)
    assert decoder.next_record() is None
    return found


def _check(records: list[Record], data: bytes) -> None:
    """A record is read or has a reason; one without problems is canonical, and every form brings it back."""
    for number, record in enumerate(records, start=1):
        assert record.position == number
        assert 0 <= record.offset < len(data)
        assert record.transaction is not None or any(problem.stops for problem in record.problems)
        if record.transaction is None:
            continue
        again = transaction.write(record.transaction, record.direction)
        assert len(again) == len(record.raw)
        if not record.problems:
            assert again == record.raw
        assert transaction.from_json(transaction.to_json(record.transaction)) == record.transaction
        document = xmlform.OPENING + xmlform.dump(record.transaction) + xmlform.CLOSING
        (read,) = xmlform.read_all(document)
        assert read.transaction == record.transaction


def flat(data: bytes) -> None:
    """Read lines, streams and blocks, told or recognised, in pieces of any size."""
    pick = zlib.crc32(data)
    direction, framing = DIRECTIONS[pick % 3], TEXT[pick // 3 % 4]
    encoding, size = ENCODINGS[pick // 12 % 4], SIZES[pick // 48 % 4]
    _check(_decode(data, Decoder(direction, framing, encoding), size), data)


def records(data: bytes) -> None:
    """Read records with descriptor words in either code page; the size of the pieces changes nothing."""
    pick = zlib.crc32(data)
    direction, framing = DIRECTIONS[pick % 3], DESCRIBED[pick // 3 % 2]
    encoding, size = ENCODINGS[pick // 6 % 4], SIZES[pick // 24 % 4]
    found = _decode(data, Decoder(direction, framing, encoding), size)
    _check(found, data)
    assert found == _decode(data, Decoder(direction, framing, encoding), 1 << 20)


def xml(data: bytes) -> None:
    """Read a document; what was read is written and read again as it was."""
    size = SIZES[zlib.crc32(data) % 4]
    decoder = xmlform.Decoder()
    found: list[xmlform.XmlRecord] = []
    for start in range(0, len(data), size):
        decoder.feed(data[start : start + size])
    decoder.close()
    while isinstance(record := decoder.next_record(), xmlform.XmlRecord):
        found.append(record)
    for record in found:
        read = record.transaction is not None or record.error_record is not None
        assert read or any(problem.stops for problem in record.problems)
        if record.transaction is not None:
            document = xmlform.OPENING + xmlform.dump(record.transaction) + xmlform.CLOSING
            assert [again.transaction for again in xmlform.read_all(document)] == [record.transaction]


def error_file(data: bytes) -> None:
    """Read an error file, as it is and out of the forms of a mainframe."""
    errorfile.is_error_file(data)
    for reading in errorfile.read_all(data):
        assert reading.record is not None or reading.problems
    framing = (None, *TEXT[1:], *DESCRIBED)[zlib.crc32(data) % 6]
    for offset, line in flatfile.ascii_lines(data, framing):
        assert 0 <= offset < len(data)
        reading = errorfile.read(line)
        assert reading.record is not None or reading.problems


TARGETS: dict[str, Callable[[bytes], None]] = {
    "flat": flat,
    "records": records,
    "xml": xml,
    "errorfile": error_file,
}
