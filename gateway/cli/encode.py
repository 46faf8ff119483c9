"""csenet encode: lines of JSON into a file for the exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any

import click

from .common import direction_option, example, framing_option, open_binary


@click.command(
    epilog=example(
        "csenet decode fixtures/transactions/msc-r-grint.from-server.txt"
        " | csenet encode - --direction from-server --output grint.txt"
    )
)
@click.argument("file", metavar="FILE")
@direction_option(required=True, help="Which header to write: to the exchange, or as received from it.")
@framing_option(default="lines", show_default=True, help="How transactions follow each other.")
@click.option("--output", "-o", default="-", help="Where to write; standard output if left out.")
@click.pass_context
def encode(ctx: click.Context, file: str, direction: str, framing: str, output: str) -> None:
    """Write the JSON lines of FILE as a batch file.

    The inverse of decode: what decode printed gives the same bytes again.  A line that cannot be written is
    left out and told on standard error.  "-" is standard input or output.  Exit 1 if any line was left out.
    """
    bad = False
    with open_binary(file) as stream, click.open_file(output, "wb") as out:
        for number, value, wrong in _lines(stream):
            written, problems = _write(value, direction, framing) if not wrong else (b"", [wrong])
            out.write(written)
            for problem in problems:
                click.echo(f"{file}:{number}: {problem}", err=True)
            bad = bad or bool(problems)
        out.flush()
    ctx.exit(1 if bad else 0)


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, Any, str]]:
    """Give each line's number, value and what is wrong with it as JSON; empty lines are passed over."""
    for number, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            yield number, json.loads(text, parse_float=Decimal), ""
        except UnicodeDecodeError:
            yield number, None, "error encode.json.utf8: is not UTF-8 text"
        except json.JSONDecodeError as error:
            yield (
                number,
                None,
                f"error encode.json.syntax: {error.msg} (column {error.colno})",
            )


def _write(value: Any, direction: str, framing: str) -> tuple[bytes, list[str]]:
    """Write one transaction or error record, or say why it cannot be written."""
    from csenet.codecs import errorfile, flatfile, transaction
    from csenet.codecs.errors import CodecError

    try:
        if isinstance(value, dict) and set(value) == {"error_record"}:
            raw = errorfile.write(_error_record(value["error_record"]))
        else:
            raw = transaction.write(transaction.from_json(value), transaction.Direction(direction))
    except CodecError as error:
        return b"", [_sentence(problem) for problem in error.problems]
    return flatfile.encode([raw], flatfile.Framing(framing)), []


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
