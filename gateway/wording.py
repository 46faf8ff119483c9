"""Say what pages, commands and messages say alike."""

from __future__ import annotations

from typing import Final

_LONGEST_NUMBER: Final = 18


def count(number: int, noun: str, plural: str = "") -> str:
    """Put a number before its noun: "1 case", "1,200 cases"; ``plural`` is one that takes no s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def paragraphs(text: str) -> list[tuple[bool, str]]:
    """Cut a notice at its empty lines; a short paragraph without a full stop is a heading."""
    parts = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return [(len(part) < 80 and not part.endswith((".", "!", "?")), part) for part in parts]


def is_number(text: str) -> bool:
    """Say whether somebody typed a number that a row can have: plain digits, and no more than a store counts.

    ``str.isdigit`` takes a raised two for a digit as well, which is none to ``int``.
    """
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
