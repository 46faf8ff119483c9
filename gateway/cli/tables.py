"""Lay a table out for a terminal without breaking words, or for a pipe without breaking lines."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from csenet.gateway.cli.cells import cell

_ON_A_PIPE: Final = 240
# A longer word, such as a digest, may be broken; else it alone would decide about the whole table.
_LONGEST_WORD: Final = 32
_SHORTEST: Final = 16
# A moment is one word while there is room.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")
# Names of several parts may be broken between two.
_PARTS: Final = re.compile(r"(?<=[_./])(?=[A-Za-z])")


class _Column:
    """Hold a column with its longest word, and the room that it would like."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        self.name = name
        self.cells = [cell(value) for value in values]
        told = [name, *self.cells]
        parts = [part for text in told for word in text.split() for part in _PARTS.split(word)]
        self.longest = max(map(len, parts), default=0)
        self.moment = max((len(each) for text in told for each in _MOMENT.findall(text)), default=0)
        self.most = max(1, *(len(line) for text in told for line in text.split("\n")))
        self.empty = not any(self.cells)
        numbers = [value for value in values if value is not None]
        self.right = bool(numbers) and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in numbers
        )


def draw(title: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print it, as columns where they fit, else row by row."""
    piped = _piped()
    console = Console(width=_ON_A_PIPE if piped else None, highlight=False)
    columns = [_Column(name, [row[place] for row in rows]) for place, name in enumerate(names)]
    filled = [each for each in columns if not each.empty]
    for chosen, gap, word, whole in (
        (columns, 2, _LONGEST_WORD, True),
        (filled, 2, _LONGEST_WORD, True),
        (filled, 2, _LONGEST_WORD, False),
        (filled, 1, _LONGEST_WORD, False),
        (filled, 1, _SHORTEST, False),
    ):
        room = console.width - 1 - gap * len(chosen)
        least = [max(min(each.longest, word), each.moment * whole, 1) for each in chosen]
        if piped or sum(least) <= room:
            console.print(_table(title, chosen, gap, _widths(chosen, least, room)))
            return
    _told(console, title, filled)


def _piped() -> bool:
    return not sys.stdout.isatty()


def _table(title: str, columns: Sequence[_Column], gap: int, widths: Sequence[int]) -> Table:
    head = any(each.name for each in columns)
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE,
        show_header=head,
        pad_edge=False,
        padding=(0, gap - 1, 0, 0),
    )
    for each, width in zip(columns, widths, strict=True):
        table.add_column(each.name, overflow="fold", width=width, justify="right" if each.right else "left")
    for texts in zip(*(each.cells for each in columns), strict=True):
        table.add_row(
            *(Text(_broken(text, each.width)) for text, each in zip(texts, table.columns, strict=True))
        )
    return table


def _broken(text: str, width: int | None) -> str:
    """Break words that have no room between their parts; the rest is left to whoever draws."""
    if width is None:
        return text
    return " ".join(
        word if len(word) <= width else _packed(_PARTS.split(word), width) for word in text.split(" ")
    )


def _packed(parts: Sequence[str], width: int) -> str:
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _widths(columns: Sequence[_Column], least: Sequence[int], room: int) -> list[int]:
    """Give each column its words, and what is left to that which needs the most lines, one by one."""
    found = [
        min(each.most, room) if sum(each.most for each in columns) <= room else words
        for each, words in zip(columns, least, strict=True)
    ]
    for _ in range(room - sum(found)):
        place = max(range(len(columns)), key=lambda place: columns[place].most / found[place])
        if columns[place].most <= found[place]:
            break
        found[place] += 1
    return found


def _told(console: Console, title: str, columns: Sequence[_Column]) -> None:
    """Tell row by row, a line a column."""
    console.print(Text(title, style="italic"))
    name_width = max(len(each.name) for each in columns)
    for texts in zip(*(each.cells for each in columns), strict=True):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(width=name_width)
        table.add_column(overflow="fold")
        for each, text in zip(columns, texts, strict=True):
            if text:
                table.add_row(each.name, Text(text))
        console.print()
        console.print(table)
