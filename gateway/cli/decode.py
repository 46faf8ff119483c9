"""csenet decode: files of the exchange into JSON, XML or words."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, NamedTuple

import click

from csenet.gateway.cli.common import (
    Unusable,
    as_json_bytes,
    direction_option,
    example,
    open_binary,
    stdout_bytes,
)
from csenet.gateway.cli.forms import encoding_option, form_option, framing_option, has_description


class _Input(NamedTuple):
    """What was said about the files."""

    direction: str | None
    framing: str | None
    encoding: str | None


def _unmask_option(function: Any) -> Any:
    """Add ``--unmask`` where the form it belongs to is offered."""
    if not has_description():
        return click.option("--unmask", is_flag=True, hidden=True)(function)
    return click.option("--unmask", is_flag=True, help="Show personal data in clear (--form text).")(function)


@click.command(
    epilog=example(
        "csenet decode fixtures/transactions/msc-r-grint.from-server.txt",
        "csenet decode fixtures/forms/vb-cp037.from-server.dat --form xml",
    )
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@form_option("json", "xml", "text", help="What to print: a line of JSON each, one XML document, or words.")
@direction_option(help="Whose header the file has; recognised by itself if left out.")
@framing_option(help="How transactions follow each other; recognised by itself if left out.")
@encoding_option(help="Character set of the file; recognised by itself if left out.")
@_unmask_option
@click.pass_context
def decode(
    ctx: click.Context,
    files: tuple[str, ...],
    form: str,
    direction: str | None,
    framing: str | None,
    encoding: str | None,
    unmask: bool,
) -> None:
    """Print the transactions of FILE... as JSON lines, XML or text.

    One object a transaction, in the order of the files. The exchange's error files are recognised and
    printed as objects with the one member "error_record". Only the form is looked at: what an edit would
    refuse is printed like anything else. Problems go to standard error as FILE:position (byte N): severity
    code field: message. "-" is standard input. Exit 1 if any problem is worse than a warning.
    """
    opening, write, closing = _writer(form, unmask)
    out = stdout_bytes()
    out.write(opening)
    outcome = 0
    for name in files:
        try:
            with open_binary(name) as stream:
                bad = _decode(name, stream, _Input(direction, framing, encoding), write)
                outcome = max(outcome, int(bad))
        except Unusable as error:
            out.flush()
            error.show()
            outcome = 2
    out.write(closing)
    out.flush()
    ctx.exit(outcome)


def _decode(name: str, stream: IO[bytes], told: _Input, write: Callable[[Any], bytes]) -> bool:
    """Print one file; say whether anything in it was wrong."""
    from csenet.gateway.cli.reading import entries, tell

    out = stdout_bytes()
    bad = False
    for entry, offset in entries(stream, *told):
        out.write(write(entry))
        if entry.problems:
            out.flush()
            bad = tell(name, entry.position, offset, entry.problems) or bad
    out.flush()
    return bad


def _writer(form: str, unmask: bool) -> tuple[bytes, Callable[[Any], bytes], bytes]:
    """Give what stands before all records, what writes one, and what stands behind them."""
    if form == "xml":
        from csenet.codecs import xmlform

        return xmlform.OPENING, _as_xml, xmlform.CLOSING
    if form == "text":
        return b"", lambda entry: _as_text(entry, unmask), b""
    return b"", _as_json, b""


def _as_json(entry: Any) -> bytes:
    """Write a transaction or an error record as a line of JSON; nothing if it could not be read."""
    from csenet.codecs import transaction

    refusal, tx = _content(entry)
    if refusal is not None:
        return as_json_bytes({"error_record": _filled(refusal)}) + b"\n"
    return b"" if tx is None else as_json_bytes(transaction.to_json(tx)) + b"\n"


def _as_xml(entry: Any) -> bytes:
    """Write the same as an element."""
    from csenet.codecs import xmlform

    refusal, tx = _content(entry)
    if refusal is not None:
        return xmlform.dump_error(refusal)
    return b"" if tx is None else xmlform.dump(tx)


def _as_text(entry: Any, unmask: bool) -> bytes:
    """Write the same for a person."""
    from csenet.codecs import describe

    refusal, tx = _content(entry)
    if refusal is not None:
        return ("\n".join(_refusal_lines(_filled(refusal))) + "\n\n").encode("utf-8")
    return b"" if tx is None else (describe.text(tx, unmask=unmask).rstrip("\n") + "\n\n").encode("utf-8")


def _refusal_lines(filled: dict[str, str]) -> list[str]:
    """Tell an error record: the exchange's words first, then what it repeats of the transaction."""
    width = max(map(len, filled), default=0)
    said = filled.get("description", "no reason given")
    return [
        f"Refused by the exchange: {said}",
        *(f"  {name:<{width}}  {value}" for name, value in filled.items() if name != "description"),
    ]


def _content(entry: Any) -> tuple[Any, Any]:
    """Give the error record or the transaction of an entry, whichever it is."""
    return getattr(entry, "record", None), getattr(entry, "transaction", None)


def _filled(record: Any) -> dict[str, str]:
    """Leave blank fields out, as in the JSON form of a transaction."""
    values = ((name, getattr(record, name)) for name in record.__struct_fields__)
    return {name: value for name, value in values if value is not None}
