"""csenet validate: all the exchange's edits, before the exchange applies them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

import click

from csenet.gateway.cli.common import (
    Unusable,
    as_json_bytes,
    direction_option,
    example,
    json_option,
    machine_today,
    open_binary,
    today_option,
)
from csenet.gateway.cli.forms import encoding_option, framing_option

_LARGE: Final = 5_000_000
_NO_RECORD: Final = ("transaction.", "error.record.", "xml.")


@click.command(
    epilog=example(
        "csenet validate fixtures/transactions/msc-r-grint.from-server.txt --today 2026-11-21",
        "csenet validate fixtures/transactions/msc-p-gsc17.to-server.txt --as exchange --today 2026-11-21",
    )
)
@click.argument("file", metavar="FILE")
@click.option(
    "--as",
    "judge",
    type=click.Choice(["exchange", "state"]),
    help="Whose eyes: the exchange's on what a state sends, or a state's on what the exchange delivers.",
)
@direction_option(help="Whose header the file has; recognised by itself if left out.")
@framing_option(help="How transactions follow each other; recognised by itself if left out.")
@encoding_option(help="Character set of the file; recognised by itself if left out.")
@today_option
@json_option
@click.pass_context
def validate(
    ctx: click.Context,
    file: str,
    judge: str | None,
    direction: str | None,
    framing: str | None,
    encoding: str | None,
    today: date | None,
    as_json: bool,
) -> None:
    """Check FILE against every federal edit.

    Required elements are checked as well. Prints every problem with its place, its bytes masked where they
    may tell of a person, and a summary line. Error files of the exchange and XML documents are recognised.
    "-" is standard input. Exit 0 if clean or with warnings only, 1 with errors, 2 if the file cannot be used:
    not readable, or nothing in it that has the length of a transaction.
    """
    from csenet.gateway.cli.judged import Judge, judged

    eyes = Judge(judge, today or machine_today())
    report = _Report(file, as_json)
    with open_binary(file) as stream, _progress(stream) as watched:
        for each in judged(watched, eyes, direction, framing, encoding):
            report.add(each.position, each.offset, each.readable, each.problems)
    report.close()
    if not report.good and not report.unreadable:
        raise Unusable(f"{file}: holds no transaction")
    if not report.usable:
        ctx.exit(2)
    ctx.exit(1 if report.errors else 0)


class _Report:
    """Print problems as they are found, and what they add up to; nothing but numbers is kept."""

    def __init__(self, file: str, as_json: bool) -> None:
        self.file = file
        self.good = self.unreadable = 0
        self.usable = False
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        if as_json:
            click.echo('{"file": ' + as_json_bytes(file).decode() + ', "problems": [', nl=False)

    @property
    def errors(self) -> int:
        """Count what is worse than a warning."""
        return self._counts["fatal"] + self._counts["error"]

    def add(self, position: int, offset: int | None, readable: bool, problems: tuple[Any, ...]) -> None:
        """Take one record."""
        if readable:
            self.good += 1
        else:
            self.unreadable += 1
        cut = any(each.stops and each.code.startswith(_NO_RECORD) for each in problems)
        self.usable = self.usable or readable or not cut
        for problem in problems:
            if self._as_json:
                entry = {"position": position, "offset": offset, "problem": problem}
                click.echo((",\n " if self._counts else "\n ") + as_json_bytes(entry).decode(), nl=False)
            else:
                click.echo(_line(self.file, position, problem))
            self._counts[problem.severity.value] += 1

    def close(self) -> None:
        """Print what it adds up to."""
        warnings = self._counts["warning"]
        if self._as_json:
            numbers = {
                "transactions": self.good,
                "unreadable": self.unreadable,
                "errors": self.errors,
                "fatal": self._counts["fatal"],
                "warnings": warnings,
            }
            click.echo("],\n " + as_json_bytes(numbers).decode()[1:])
            return
        total = self.good + self.unreadable
        click.echo(
            f"{self.file}: {_count(total, 'transaction')}, {self.unreadable} unreadable, "
            f"{_count(self.errors, 'error')}, {_count(warnings, 'warning')}"
        )


def _line(file: str, position: int, problem: Any) -> str:
    """Write one problem on one line: place, severity, code, field, columns, value, message, citation."""
    at = f"{file}:{position}" + (f" (byte {problem.offset})" if problem.offset is not None else "")
    where = f" {problem.field}" if problem.field else ""
    if problem.occurrence > 1 and problem.block != "error":
        where += f" of {problem.block} {problem.occurrence}"
    if problem.columns:
        first, last = problem.columns
        where += f" column {first}" if first == last else f" columns {first}-{last}"
    if problem.value is not None:
        where += f' "{problem.value}"'
    known = f" ({problem.federal})" if problem.federal else ""
    citation = f" [{problem.citation}]" if problem.citation else ""
    return f"{at}: {problem.severity.value} {problem.code}{where}: {problem.message}{known}{citation}"


def _count(number: int, word: str) -> str:
    """Put a number before a word."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


@contextmanager
def _progress(stream: Any) -> Iterator[Any]:
    """Show how far a large file is read, if standard error is a terminal."""
    size = _size(stream)
    if size <= _LARGE or not sys.stderr.isatty():
        yield stream
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress.wrap_file(stream, total=size)


def _size(stream: Any) -> int:
    """Tell how long a file is; 0 for a pipe."""
    try:
        return os.fstat(stream.fileno()).st_size
    except (OSError, AttributeError):
        return 0
