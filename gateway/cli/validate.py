"""csenet validate: all the exchange's edits, before the exchange applies them."""

from __future__ import annotations

from datetime import date
from typing import IO, Any

import click

from .common import (
    Unusable,
    direction_option,
    example,
    framing_option,
    json_option,
    machine_today,
    open_binary,
    print_json,
    today_option,
)


@click.command(
    epilog=example("csenet validate fixtures/transactions/msc-r-grint.from-server.txt --today 2026-11-21")
)
@click.argument("file", metavar="FILE")
@direction_option(help="Whose header the file has; recognised by itself if left out.")
@framing_option(help="How transactions follow each other; recognised by itself if left out.")
@today_option
@json_option
@click.pass_context
def validate(
    ctx: click.Context,
    file: str,
    direction: str | None,
    framing: str | None,
    today: date | None,
    as_json: bool,
) -> None:
    """Check FILE against every federal edit.

    Required elements are checked as well. Prints every problem and a summary line. "-" is standard input.
    Exit 0 if clean or with warnings only, 1 with errors, 2 if the file cannot be used: not readable, or
    no transaction in it at all.
    """
    with open_binary(file) as stream:
        report = _examine(stream, direction, framing, today or machine_today())
    if as_json:
        print_json({"file": file, **report})
    else:
        _print(file, report)
    if not report["transactions"] and not report["unreadable"]:
        raise Unusable(f"{file}: holds no transaction")
    if not report["transactions"]:
        ctx.exit(2)
    ctx.exit(1 if report["errors"] else 0)


def _examine(stream: IO[bytes], direction: str | None, framing: str | None, today: date) -> dict[str, Any]:
    """Read and check everything; count problems by how bad they are."""
    from csenet.codecs.errors import Severity
    from csenet.codecs.validation import validate as edits

    from .reading import records

    found: list[dict[str, Any]] = []
    good = unreadable = 0
    for record in records(stream, direction, framing):
        problems = list(record.problems)
        if record.transaction is None:
            unreadable += 1
        else:
            good += 1
            more = edits(record.transaction, today=today, direction=record.direction)
            problems += [problem for problem in more if problem not in record.problems]
        found += [
            {"position": record.position, "offset": record.offset, "problem": each} for each in problems
        ]
    warnings = sum(entry["problem"].severity == Severity.WARNING for entry in found)
    return {
        "transactions": good,
        "unreadable": unreadable,
        "errors": len(found) - warnings,
        "warnings": warnings,
        "problems": found,
    }


def _print(file: str, report: dict[str, Any]) -> None:
    """Print the problems a line each, and what they add up to."""
    from .reading import line

    for entry in report["problems"]:
        click.echo(line(file, entry["position"], entry["offset"], entry["problem"]))
    total = report["transactions"] + report["unreadable"]
    click.echo(
        f"{file}: {_count(total, 'transaction')}, {report['unreadable']} unreadable, "
        f"{_count(report['errors'], 'error')}, {_count(report['warnings'], 'warning')}"
    )


def _count(number: int, word: str) -> str:
    """Put a number before a word."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
