"""Say what pages, commands and messages say alike."""

from __future__ import annotations


def count(number: int, noun: str, plural: str = "") -> str:
    """Put a number before its noun: "1 case", "1,200 cases"; ``plural`` is one that takes no s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
