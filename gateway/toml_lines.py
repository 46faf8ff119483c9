"""Find the line on which each key of a TOML text stands.

tomllib gives values without places, so that a mistake in a value could not be shown where it was written.
The scanner relies on tomllib having accepted the text first: it checks nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Key = tuple[str, ...]

_TOKEN = re.compile(
    r"""(?P<string>\"\"\"(?:\\.|[^\\])*?\"{3,5}|'''.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
      |(?P<comment>\#[^\n]*)
      |(?P<newline>\n)
      |(?P<space>[ \t\r]+)
      |(?P<mark>[\[\]{}=.,])
      |(?P<bare>[^\s\[\]{}=.,"'\#]+)""",
    re.VERBOSE | re.DOTALL,
)
_PLACE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


def key_lines(text: str) -> Mapping[Key, int]:
    """Map each key, written as a path from the root, and each table header to its line, counted from 1.

    Keys inside an inline table or an array stand with the key that holds them, which is near enough.
    """
    lines: dict[Key, int] = {}
    table: Key = ()
    for number, marks in _statements(text):
        if marks[0] == "[":
            table = _names(marks, stop="]")
            lines.setdefault(table, number)
        else:
            key = table + _names(marks, stop="=")
            for length in range(len(table) + 1, len(key) + 1):
                lines.setdefault(key[:length], number)
    return lines


def syntax_line(message: str, text: str) -> tuple[int, str]:
    """Split tomllib's message into the line and the rest; the end of the document is its last line."""
    place = _PLACE.search(message)
    if place is None:
        return 1, message
    last = max(1, len(text.splitlines()))
    return int(place["line"] or last), message[: place.start()]


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each header or assignment as its first line and its tokens; brackets keep lines together."""
    line, first, depth = 1, 0, 0
    tokens: list[str] = []
    for match in _TOKEN.finditer(text.replace("\r\n", "\n") + "\n"):
        part = match[0]
        if match.lastgroup == "newline" and depth == 0:
            if tokens:
                yield first, tokens
            tokens = []
        elif match.lastgroup not in {"newline", "comment", "space"}:
            first = first if tokens else line
            depth += (part in "[{") - (part in "]}")
            tokens.append(part)
        line += part.count("\n")


def _names(tokens: list[str], stop: str) -> Key:
    """Take the dotted name before a mark, quotes removed."""
    names: list[str] = []
    for token in tokens:
        if token == stop:
            break
        if token not in {"[", "."}:
            names.append(token[1:-1] if token[0] in "\"'" else token)
    return tuple(names)
