"""Find the line of a policy table that a problem is about.

Loaders name the row and key at fault ("duty 'RS7'.limits[2].until: ..."); people want the line as well. What
cannot be placed exactly is placed at the row, or else at the first line.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*(?P<open>\[\[?)(?P<name>[\w.-]+)\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(r"\s*(?P<name>[\w-]+)\s*=")
_SYNTAX: Final = re.compile(r"\(at line (\d+)")
_COUNTED: Final = re.compile(r"`(?P<path>[\w.\[\]]+)`$")
_NAMED: Final = re.compile(r"(?P<table>\w+) '(?P<name>[^']*)'(?P<rest>[\w.\[\]]*)")
_NUMBERED: Final = re.compile(r"(?P<path>\w+\[\d+\])[^.:]*(?P<rest>(\.\w+)?)")
_STEP: Final = re.compile(r"(\w+)|\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"unknown field `(\w+)`")
_FENCES: Final = ('"""', "'''")


class Places:
    """Hold the lines of one TOML text, by the path of each table and key; rows are counted from 0."""

    def __init__(self, text: str) -> None:
        self.lines = _lines(text)
        try:
            self.values: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            self.values = {}

    def line_of(self, problem: str) -> int:
        """Give the line a problem is about, counted from 1."""
        syntax = _SYNTAX.search(problem)
        if syntax is not None:
            return int(syntax[1])
        path = self._path(problem)
        while path and path not in self.lines and (*path, 0) not in self.lines:
            path = path[:-1]
        path = path if path in self.lines else (*path, 0)
        return self.lines.get(path, 1)

    def _path(self, problem: str) -> Path:
        """Read the path a problem names, in whichever of the loaders' forms."""
        counted = _COUNTED.search(problem)
        if counted is not None:
            unknown = _UNKNOWN.search(problem)
            return _steps(counted["path"]) + ((unknown[1],) if unknown else ())
        named = _NAMED.match(problem)
        if named is not None:
            row = self._row(named["table"], named["name"], last="twice" in problem)
            return () if row is None else (named["table"], row, *_steps(named["rest"], first=1))
        numbered = _NUMBERED.match(problem)
        if numbered is not None:
            return _steps(numbered["path"] + numbered["rest"], first=1)
        head = re.match(r"\w+", problem)
        return (head[0], 0) if head is not None and (head[0], 0) in self.lines else (head[0],) if head else ()

    def _row(self, table: str, name: str, *, last: bool) -> int | None:
        """Find the row that bears a name; the last of them where the name stands twice."""
        rows = self.values.get(table, [])
        found = [n for n, row in enumerate(rows) if isinstance(row, dict) and name in row.values()]
        return found[-1 if last else 0] if found else None


def _steps(text: str, first: int = 0) -> Path:
    """Split "limits[2].until" into its steps; `first` is the number that the text gives the first row."""
    found: list[str | int] = []
    for name, number in _STEP.findall(text):
        found.append(name or int(number) - first)
    return tuple(found)


def _lines(text: str) -> dict[Path, int]:
    """Map the path of each table, row and key to the line on which it begins."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            fence = "" if fence in line else fence
            continue
        header, key = _HEADER.match(line), _KEY.match(line)
        if header is not None:
            table = _table(header["name"].split("."), header["open"] == "[[", counts)
            lines.setdefault(table, number)
        elif key is not None:
            lines.setdefault((*table, key["name"]), number)
        fence = next((mark for mark in _FENCES if line.count(mark) == 1), "")
    return lines


def _table(names: list[str], is_row: bool, counts: dict[Path, int]) -> Path:
    """Give the path of a header; rows of the tables above it are the last ones begun."""
    path: Path = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        if depth == len(names) and is_row:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
