"""Write a value as a line or a table of the terminal shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def cell(value: Any) -> str:
    """Write a value for people; moments in UTC to the second, yes and no in words.

    What somebody else typed must not steer the terminal of whoever reads it.
    """
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text
    )
