"""Read and write the exchange's error file: one record for each transaction it refused (chart C-12).

A record repeats what the refused transaction said, however wrong, so dates stay as their characters here.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec

from csenet.codecs import flatfile
from csenet.codecs.compiler import Codec
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.flatfile import Encoding, Framing
from csenet.codecs.layout import Field, Layout, load_layouts, load_line_layouts


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one refusal: which transaction it was, the exchange's error code, and its words for it.

    `serial` is the refused transaction's serial number, twelve digits. Both dates are CCYYMMDD as sent.
    """

    txn_counter: str | None = None
    local_fips_code: str | None = None
    other_fips_code: str | None = None
    local_case_id: str | None = None
    other_case_id: str | None = None
    action_code: str | None = None
    functional_type_code: str | None = None
    action_reason: str | None = None
    action_resolution_date: str | None = None
    transaction_date: str | None = None
    error_code: str | None = None
    serial: str | None = None
    description: str | None = None


class ErrorReading(msgspec.Struct, frozen=True):
    """Hold what reading one line of an error file gave; `record` is None if it is no such line.

    `position` counts the records of the file from 1; `offset`, from byte 0, is where it stands in the file;
    `raw` is in ASCII.
    """

    record: ErrorRecord | None
    problems: tuple[Problem, ...]
    raw: bytes = b""
    position: int = 1
    offset: int = 0


_SHORT_NAMES = {"transaction_serial_number": "serial", "error_description": "description"}


def _whole_layout() -> Layout:
    """Put the inner form of the error message in the place of the field that holds it."""
    layout, inner = load_layouts()["error_record"], load_line_layouts()["error_message"]
    outer = layout.field("error_mess")
    moved = (
        msgspec.structs.replace(field, start=field.start + outer.start - 1, end=field.end + outer.start - 1)
        for field in inner.fields
    )
    kept = (field for field in layout.fields if field is not outer)
    named = (
        msgspec.structs.replace(field, name=_SHORT_NAMES.get(field.name, field.name))
        for field in (*kept, *moved)
    )
    return msgspec.structs.replace(layout, fields=tuple(named))


_LAYOUT = _whole_layout()
_FLAT: Any = msgspec.defstruct("_Flat", [(name, Any, None) for name in ErrorRecord.__struct_fields__])
_CODEC: Codec[Any] = Codec(_LAYOUT, _FLAT)
_FILLERS = tuple(field for field in _LAYOUT.fields if field.kind == "filler")
_COUNTER = _LAYOUT.field("txn_counter")
_DESCRIPTION = _LAYOUT.field("description")

LENGTH = _LAYOUT.length
"""Positions of one error record."""

_HEAD = 4 * LENGTH
"""Bytes that surely hold the first record with its descriptor words."""


def _part(text: str, field: Field) -> str:
    return text[field.start - 1 : field.end]


def _has_shape(text: str) -> bool:
    """Tell an error record by its counter and the blanks between its fields."""
    return (
        _DESCRIPTION.start - 1 <= len(text) <= LENGTH
        and _part(text, _COUNTER).isdigit()
        and all(_part(text, field) == " " for field in _FILLERS)
    )


def is_error_file(data: bytes, framing: Framing | None = None, encoding: Encoding | None = None) -> bool:
    """Tell whether a file, or its beginning, holds error records, by the first one; in whatever form."""
    _, first = next(flatfile.ascii_lines(data[:_HEAD], framing, encoding), (0, b""))
    # Without line ends the first line is all there is.
    return _has_shape(first[:LENGTH].decode("latin-1"))


def read(raw: bytes, position: int = 1) -> ErrorReading:
    """Read one error record, with or without the blanks at its end.

    Fields that cannot be read are None and reported; the rest is still there.
    """
    text = raw.decode("latin-1")
    if not _has_shape(text):
        problem = Problem(
            code="error.record.shape",
            severity=Severity.FATAL,
            message=f"not an error record of {LENGTH} positions",
            block="error",
            citation=f"Chart {_LAYOUT.chart}",
        )
        return ErrorReading(None, (problem,), raw, position)
    problems: list[Problem] = []
    flat = _CODEC.read(text.ljust(LENGTH), 0, position, problems)
    return ErrorReading(ErrorRecord(**msgspec.structs.asdict(flat)), tuple(problems), raw, position)


def write(record: ErrorRecord) -> bytes:
    """Write one error record; a description that is too long is cut, nothing else is."""
    words = (record.description or "").upper()[: _DESCRIPTION.width].rstrip()
    problems: list[Problem] = []
    text = _CODEC.write(msgspec.structs.replace(record, description=words), "", 1, problems)
    if problems:
        raise CodecError(problems)
    return text.encode("ascii")


def read_all(
    data: bytes, framing: Framing | None = None, encoding: Encoding | None = None
) -> Iterator[ErrorReading]:
    """Read every record of an error file: one a line, unbroken, or as a mainframe sends it.

    The form is recognised if it is not given; the exchange writes at most one record for each transaction of
    a batch, so a whole file is at hand.
    """
    records = _records(flatfile.ascii_lines(data, framing, encoding))
    for position, (offset, line) in enumerate(records, start=1):
        yield msgspec.structs.replace(read(line, position), offset=offset)


def _records(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Cut what has no line ends into records of the same length; a line among others stays whole."""
    first = next(lines, None)
    if first is None:
        return
    second = next(lines, None)
    if second is not None:
        for offset, line in chain((first, second), lines):
            yield offset, _without_padding(line)
        return
    offset, text = first
    for at in range(0, len(text), LENGTH):
        part = text[at : at + LENGTH]
        if part.strip():
            yield offset + at, part


def _without_padding(line: bytes) -> bytes:
    """Leave out the blanks behind a record that a fixed record length of a mainframe adds."""
    return line[:LENGTH] if not line[LENGTH:].strip() else line
