"""csenet encode: JSON or XML into a file for the exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any

import click

from csenet.gateway.cli.common import direction_option, example, open_binary
from csenet.gateway.cli.forms import LINE_ENDS, encoding_option, form_option, framing_option, line_end

CHUNK = 64 * 1024


@click.command(
    epilog=example(
        "csenet decode fixtures/transactions/msc-r-grint.from-server.txt"
        " | csenet encode - --direction from-server --output grint.txt"
    )
)
@click.argument("file", metavar="FILE")
@form_option("json", "xml", help="What FILE holds: a line of JSON each, or one XML document.")
@direction_option(required=True, help="Which header to write: to the exchange, or as received from it.")
@framing_option(default="lines", show_default=True, help="How transactions follow each other.")
@encoding_option(default="ascii", show_default=True, help="Character set to write.")
@click.option(
    "--line-end", type=click.Choice(list(LINE_ENDS)), help="Line end; LF if left out, NEL in EBCDIC."
)
@click.option(
    "--block-size",
    type=click.IntRange(64, 32760),
    default=32760,
    show_default=True,
    help="For bdw: bytes a block.",
)
@click.option("--output", "-o", default="-", help="Where to write; standard output if left out.")
@click.pass_context
def encode(
    ctx: click.Context,
    file: str,
    form: str,
    direction: str,
    framing: str,
    encoding: str,
    line_end: str | None,
    block_size: int,
    output: str,
) -> None:
    """Write the transactions of FILE as a batch file.

    The inverse of decode: what decode printed gives the same bytes again.  Only the form is looked at: what
    an edit would refuse is written like anything else.  What cannot be written is left out and told on
    standard error.  "-" is standard input or output.  Exit 1 if anything was left out.
    """
    encoder = _encoder(direction, framing, encoding, line_end, block_size)
    bad = False
    with open_binary(file) as stream, click.open_file(output, "wb") as out:
        for number, item, problems in _items(stream, form):
            written, more = _write(encoder, item) if not problems else (b"", [])
            out.write(written)
            for problem in (*problems, *more):
                click.echo(f"{file}:{number}: {problem}", err=True)
                bad = True
        out.write(encoder.close())
        out.flush()
    ctx.exit(1 if bad else 0)


def _encoder(direction: str, framing: str, encoding: str, end: str | None, block_size: int) -> Any:
    """Make the encoder the options ask for."""
    from csenet.codecs import flatfile
    from csenet.codecs.transaction import Direction

    return flatfile.Encoder(
        flatfile.Framing(framing),
        Direction(direction),
        flatfile.Encoding(encoding),
        line_end=line_end(end, encoding),
        block_size=block_size,
    )


def _items(stream: IO[bytes], form: str) -> Iterator[tuple[int, Any, list[str]]]:
    """Give the line at which each transaction or error record stands, it, and why it cannot be used."""
    return _xml_items(stream) if form == "xml" else _json_items(stream)


def _xml_items(stream: IO[bytes]) -> Iterator[tuple[int, Any, list[str]]]:
    """Read a document piece by piece."""
    from csenet.codecs import xmlform

    decoder = xmlform.Decoder()
    while chunk := stream.read(CHUNK):
        decoder.feed(chunk)
        yield from _xml_ready(decoder)
    decoder.close()
    yield from _xml_ready(decoder)


def _xml_ready(decoder: Any) -> Iterator[tuple[int, Any, list[str]]]:
    """Take what the decoder can give without more bytes."""
    from csenet.codecs.xmlform import XmlRecord

    while isinstance(record := decoder.next_record(), XmlRecord):
        item = record.transaction if record.error_record is None else record.error_record
        yield record.line, item, [_sentence(problem) for problem in record.problems]


def _json_items(stream: IO[bytes]) -> Iterator[tuple[int, Any, list[str]]]:
    """Read a line of JSON each; empty lines are passed over."""
    from csenet.codecs import transaction
    from csenet.codecs.errors import CodecError

    for number, value, wrong in _lines(stream):
        if wrong:
            yield number, None, [wrong]
            continue
        try:
            if isinstance(value, dict) and set(value) == {"error_record"}:
                yield number, _error_record(value["error_record"]), []
            else:
                yield number, transaction.from_json(value), []
        except CodecError as error:
            yield number, None, [_sentence(problem) for problem in error.problems]


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, Any, str]]:
    """Give each line's number, value and what is wrong with it as JSON."""
    for number, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            yield number, json.loads(text, parse_float=Decimal), ""
        except UnicodeDecodeError:
            yield number, None, "error encode.json.utf8: is not UTF-8 text"
        except RecursionError:
            yield number, None, "error encode.json.depth: is nested too deeply"
        except json.JSONDecodeError as error:
            yield (
                number,
                None,
                f"error encode.json.syntax: {error.msg} (column {error.colno})",
            )


def _write(encoder: Any, item: Any) -> tuple[bytes, list[str]]:
    """Write one transaction or error record, or say why it cannot be written."""
    from csenet.codecs import errorfile
    from csenet.codecs.errors import CodecError

    try:
        raw = errorfile.write(item) if isinstance(item, errorfile.ErrorRecord) else item
        return encoder.add(raw), []
    except CodecError as error:
        return b"", [_sentence(problem) for problem in error.problems]


def _error_record(value: Any) -> Any:
    """Turn JSON into an error record; a wrong member is a problem like any other."""
    import msgspec

    from csenet.codecs.errorfile import ErrorRecord
    from csenet.codecs.errors import CodecError, Problem, Severity

    try:
        return msgspec.convert(value, ErrorRecord, str_keys=True)
    except msgspec.ValidationError:
        message = "is not an error record as decode prints it"
        problem = Problem(code="error_record.form.type", severity=Severity.ERROR, message=message)
        raise CodecError((problem,)) from None


def _sentence(problem: Any) -> str:
    """Write one problem with its place inside the transaction."""
    place = f" {problem.block}[{problem.occurrence}]" if problem.block else ""
    field = f" {problem.field}" if problem.field else ""
    return f"{problem.severity.value} {problem.code}{place}{field}: {problem.message}"
