"""Read a file of transactions, or an error file, piece by piece, and say what is wrong where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any

import click

from csenet.codecs import errorfile, flatfile
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.transaction import Direction

CHUNK = 64 * 1024


def records(
    stream: IO[bytes], direction: str | None = None, framing: str | None = None, encoding: str | None = None
) -> Iterator[flatfile.Record]:
    """Give each transaction of a stream; never holds more than one chunk and a few transactions."""
    yield from _records(stream, b"", direction, framing, encoding)


def _records(
    stream: IO[bytes], head: bytes, direction: str | None, framing: str | None, encoding: str | None
) -> Iterator[flatfile.Record]:
    """Feed the decoder: first what was read already, then the rest."""
    decoder = flatfile.Decoder(Direction(direction) if direction else None, *_form(framing, encoding))
    chunk = head or stream.read(CHUNK)
    while chunk:
        decoder.feed(chunk)
        yield from _ready(decoder)
        chunk = stream.read(CHUNK)
    decoder.close()
    yield from _ready(decoder)


def _form(
    framing: str | None, encoding: str | None
) -> tuple[flatfile.Framing | None, flatfile.Encoding | None]:
    """Turn the words of the options into what the decoder takes."""
    return (
        flatfile.Framing(framing) if framing else None,
        flatfile.Encoding(encoding) if encoding else None,
    )


def _ready(decoder: flatfile.Decoder) -> Iterator[flatfile.Record]:
    """Take what the decoder can give without more bytes."""
    while isinstance(record := decoder.next_record(), flatfile.Record):
        yield record


def entries(
    stream: IO[bytes], direction: str | None, framing: str | None, encoding: str | None = None
) -> Iterator[tuple[Any, int]]:
    """Give each record of a file of transactions or of an error file, with the byte at which it begins.

    An error file is recognised by its first record; the exchange writes at most one for each transaction of a
    batch, so it is read at once.
    """
    head = stream.read(CHUNK)
    form = _form(framing, encoding)
    if direction is None and errorfile.is_error_file(head, *form):
        for reading in errorfile.read_all(head + stream.read(), *form):
            yield reading, reading.offset
        return
    for record in _records(stream, head, direction, framing, encoding):
        yield record, record.offset


def tell(name: str, position: int, offset: int, problems: Iterable[Problem]) -> bool:
    """Print problems to standard error, a line each; say whether one of them is worse than a warning."""
    bad = False
    for problem in problems:
        click.echo(line(name, position, offset, problem), err=True)
        bad = bad or problem.severity != Severity.WARNING
    return bad


def line(name: str, position: int, offset: int, problem: Problem) -> str:
    """Write one problem as ``FILE:position (byte N): severity code field: message [citation]``."""
    field = f" {problem.field}" if problem.field else ""
    citation = f" [{problem.citation}]" if problem.citation else ""
    place = f"{name}:{position} (byte {offset})"
    return f"{place}: {problem.severity.value} {problem.code}{field}: {problem.message}{citation}"
