"""What the commands share: options, input and output, tables, and the store of a settings file."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click

T = TypeVar("T")
_SENTENCE: Final = 300
"""Characters of a command's first sentence that the list of commands shows, at most."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Unusable(click.ClickException):
    """Stop the command with its own words on standard error: the input or the command cannot be used."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line as it is."""
        click.echo(self.message, err=True)


class Refused(Unusable):
    """Stop the command likewise: the input was understood and refused."""

    exit_code = 1


class Listing(click.Group):
    """A group whose help tells the first sentence of each command whole, on more than one line if need be."""

    def sections(self, ctx: click.Context) -> Mapping[str, Iterable[str]]:
        """Give the names of the commands, by what they are for."""
        return {"Commands": self.list_commands(ctx)}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        width = max(map(len, self.list_commands(ctx)))
        for title, names in self.sections(ctx).items():
            found = ((name.ljust(width), self.get_command(ctx, name)) for name in names)
            rows = [(name, each.get_short_help_str(_SENTENCE)) for name, each in found if each is not None]
            with formatter.section(title):
                formatter.write_dl(rows)


class Importing(Listing):
    """A group that imports the module of a command, ``module:attribute``, only when it is asked for."""

    def __init__(self, *args: Any, places: Mapping[str, Mapping[str, str]], **more: Any) -> None:
        """Take the places of the commands, by sections in the order in which a reader needs them."""
        super().__init__(*args, **more)
        self._sections = places
        self._places = {name: place for section in places.values() for name, place in section.items()}

    def sections(self, ctx: click.Context) -> Mapping[str, Iterable[str]]:
        """Give the sections as they were given."""
        return self._sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List all commands."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
        return found


def example(*commands: str) -> str:
    """Write the end of a command's help: examples that can be typed as they stand."""
    return "\b\nExample:\n" + "\n".join(f"  $ {command}" for command in commands)


def config_option(function: Decorated, **more: Any) -> Decorated:
    """Add ``--config``."""
    return click.option(
        "--config",
        "-c",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="CSENET_CONFIG",
        default=Path("gateway.toml"),
        show_default="$CSENET_CONFIG or ./gateway.toml",
        help="Settings file of the gateway.",
        **more,
    )(function)


def json_option(function: Decorated) -> Decorated:
    """Add ``--json`` to a command that prints a table."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(function)


def direction_option(**more: Any) -> Callable[[Decorated], Decorated]:
    """Add ``--direction``."""
    return click.option("--direction", type=click.Choice(["to-server", "from-server"]), **more)


def day_option(name: str, **more: Any) -> Callable[[Decorated], Decorated]:
    """Add an option that takes a date, written as 2026-11-20."""

    def to_date(_ctx: click.Context, _option: click.Parameter, value: datetime | None) -> date | None:
        return None if value is None else value.date()

    return click.option(name, type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", callback=to_date, **more)


def today_option(function: Decorated) -> Decorated:
    """Add ``--today``."""
    return day_option("--today", help="Judge as on this date, not on the machine's.")(function)


def machine_today() -> date:
    """Give the machine's date."""
    return datetime.now().astimezone().date()


def stdout_bytes() -> IO[bytes]:
    """Give standard output for bytes; print text only after flushing it."""
    return sys.stdout.buffer


def open_binary(name: str) -> Any:
    """Open a file, or standard input for ``-``, to read bytes; use it in a ``with`` statement."""
    try:
        return click.open_file(name, "rb")
    except OSError as error:
        raise Unusable(f"{name}: cannot be read: {error.strerror}") from None


def read_json(name: str) -> Any:
    """Read one JSON document from a file or standard input."""
    import json
    from decimal import Decimal

    with open_binary(name) as stream:
        content = stream.read()
    try:
        return json.loads(content, parse_float=Decimal)
    except UnicodeDecodeError:
        raise Unusable(f"{name}: is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise Unusable(f"{name}:{error.lineno}: not valid JSON: {error.msg}") from None


def as_json_bytes(value: Any) -> bytes:
    """Write a value as one line of JSON; structs, dates and decimals included."""
    import msgspec

    return msgspec.json.encode(value, enc_hook=str)


def print_json(value: Any) -> None:
    """Print a value as readable JSON."""
    import msgspec

    click.echo(msgspec.json.format(as_json_bytes(value), indent=2))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; on a pipe it is as wide as its content needs, so that nothing is cut off.

    On a terminal no word is broken: where the columns have no room, empty ones are left out, and where that
    is not enough, each row is told line by line.
    """
    given = [list(row) for row in rows]
    if not given:
        click.echo(f"{title}: none")
        return
    from csenet.gateway.cli.tables import draw

    draw(title, list(columns), given)


@contextmanager
def progress(title: str, unit: str = "") -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal while something takes long; give what is told how much of all is done.

    What is all may be unknown: 0.  On a pipe nothing is shown: what is printed belongs to whoever reads it.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.completed:,.0f}} {unit}".rstrip()),
        TimeRemainingColumn(),
    )
    # What is printed meanwhile goes where it would go without a bar, also past a terminal into a pipe.
    redirected = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=redirected) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one command's work on an event loop of its own."""
    return asyncio.run(coroutine)
