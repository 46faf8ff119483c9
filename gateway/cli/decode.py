"""csenet decode: files of the exchange into lines of JSON."""

from __future__ import annotations

from typing import IO, Any

import click

from .common import (
    Unusable,
    as_json_bytes,
    direction_option,
    example,
    framing_option,
    open_binary,
    stdout_bytes,
)


@click.command(epilog=example("csenet decode fixtures/transactions/msc-r-grint.from-server.txt"))
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@direction_option(help="Whose header the file has; recognised by itself if left out.")
@framing_option(help="How transactions follow each other; recognised by itself if left out.")
@click.pass_context
def decode(ctx: click.Context, files: tuple[str, ...], direction: str | None, framing: str | None) -> None:
    """Print the transactions of FILE... as JSON lines.

    One object a transaction, in the order of the files. The exchange's error files are recognised and
    printed as objects with the one member "error_record". Problems go to standard error as FILE:position
    (byte N): severity code field: message. "-" is standard input. Exit 1 if any problem is worse than a
    warning.
    """
    outcome = 0
    for name in files:
        try:
            with open_binary(name) as stream:
                outcome = max(outcome, int(_decode(name, stream, direction, framing)))
        except Unusable as error:
            error.show()
            outcome = 2
    ctx.exit(outcome)


def _decode(name: str, stream: IO[bytes], direction: str | None, framing: str | None) -> bool:
    """Print one file; say whether anything in it was wrong."""
    from .reading import entries, tell

    out = stdout_bytes()
    bad = False
    for entry, offset in entries(stream, direction, framing):
        found = _as_json(entry)
        if found is not None:
            out.write(as_json_bytes(found) + b"\n")
        if entry.problems:
            out.flush()
            bad = tell(name, entry.position, offset, entry.problems) or bad
    out.flush()
    return bad


def _as_json(entry: Any) -> Any:
    """Give the JSON form of a transaction or an error record; None if it could not be read."""
    from csenet.codecs import errorfile, transaction

    if isinstance(entry, errorfile.ErrorReading):
        return None if entry.record is None else {"error_record": _filled(entry.record)}
    return None if entry.transaction is None else transaction.to_json(entry.transaction)


def _filled(record: Any) -> dict[str, str]:
    """Leave blank fields out, as in the JSON form of a transaction."""
    values = ((name, getattr(record, name)) for name in record.__struct_fields__)
    return {name: value for name, value in values if value is not None}
