"""Read filters from an address and wishes from a form; what is wrong is told on the page, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from csenet.codecs import codes
from csenet.gateway.wording import is_number

T = TypeVar("T")

_LONGEST: Final = 64


class Filters:
    """Read the filters of a list; keeps what was typed and what is wrong with it, by name."""

    def __init__(self, given: Mapping[str, str], allowed: Mapping[str, Callable[[str], Any]]) -> None:
        """Read each known filter; a blank one counts as not given, an unknown one is left out."""
        self.typed = {name: given.get(name, "").strip()[:_LONGEST] for name in allowed}
        self.problems: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        for name, read in allowed.items():
            if self.typed[name]:
                try:
                    self.values[name] = read(self.typed[name])
                except ValueError as error:
                    self.problems[name] = str(error)

    @property
    def any(self) -> bool:
        """Say whether anything is filtered."""
        return any(self.typed.values())

    def address(self, path: str, **more: str) -> str:
        """Write the address that gives the same list again, changed by ``more``."""
        kept = {name: value for name, value in {**self.typed, **more}.items() if value}
        return f"{path}?{urlencode(kept)}" if kept else path


def one_of(*words: str) -> Callable[[str], str]:
    """Take one of a few words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError("choose one of the list")
        return text

    return read


def day(text: str) -> date:
    """Take a date."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ValueError("write a date as 2026-11-20") from None
    # The day after it, and its hours in another zone, must be days as well.
    if not 1900 <= found.year < 2200:
        raise ValueError("a date is of 1900 to 2199")
    return found


def code(text: str) -> str:
    """Take a code or its beginning: function, function and action, or all three."""
    parts = text.upper().split()
    if not 1 <= len(parts) <= 3 or not all(part.isalnum() for part in parts):
        raise ValueError("write a code as MSC P GSC17, or its beginning")
    return " ".join(parts)


def state(text: str) -> str:
    """Take a state by its digits, abbreviation or name."""
    known = codes.jurisdictions()
    if text in known:
        return text
    for fips, each in known.items():
        if text.upper() in (each.abbreviation.upper(), each.name.upper()):
            return fips
    raise ValueError("no such state")


def serial(text: str) -> str:
    """Take a serial number."""
    if not is_number(text) or len(text) > 12:
        raise ValueError("a serial number has up to twelve digits")
    return text


def case_id(text: str) -> str:
    """Take a case ID."""
    if len(text) > 15:
        raise ValueError("a case ID has up to fifteen characters")
    return text.upper()


def word(text: str) -> str:
    """Take any short text."""
    return text


def mark(text: str) -> str:
    """Take the mark of a page."""
    if not all(map(is_number, text.split("-"))):
        raise ValueError("no such page")
    return text
