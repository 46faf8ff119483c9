"""Make people who cannot be mistaken: every name, number, place and birth date of theirs carries a mark.

Nobody real can be among them: the letters are no name in any language, the SSNs begin with 966-89, which is
never issued, and all of them were born in 1907.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from csenet.codecs import describe, generate, transaction
from csenet.codecs.model import BLOCKS, Direction, Transaction

LETTERS = "QZXJKV"
"""Begins every name, place, employer and account of a marked person."""
NUMBER = "96689"
"""Begins every SSN of a marked person."""
YEAR = 1907
"""Nobody who is in a case today was born then."""

_LONGEST_LETTERS = 4
_SHORTEST = len(LETTERS) + _LONGEST_LETTERS


class People:
    """Hand out marked people, one after the other."""

    def __init__(self) -> None:
        self._numbers = count()
        self.made = 0

    def values(self) -> dict[str, str]:
        """Make one person: their letters, SSN and birth date."""
        number = next(self._numbers)
        self.made += 1
        return {
            "name": LETTERS + _letters(number),
            "ssn": f"{NUMBER}{number % 10_000:04}",
            "date_of_birth": f"{YEAR}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        }

    def mark(self, blocks: dict[str, Any]) -> dict[str, Any]:
        """Put marked people into the blocks of a transaction or of facts, in place of who was there."""
        marked = dict(blocks)
        shared = self.values()
        for name in ("case", "ncp_identification", "ncp_locate", "orders", "collections"):
            if name in blocks:
                marked[name] = _each(blocks[name], lambda values, name=name: _marked(name, values, shared))
        if "participants" in blocks:
            marked["participants"] = [
                _marked("participants", each, self.values()) for each in blocks["participants"]
            ]
        return marked


def _each(held: Any, change: Any) -> Any:
    return [change(each) for each in held] if isinstance(held, list) else change(held)


def _marked(block: str, values: dict[str, Any], person: dict[str, str]) -> dict[str, Any]:
    """Mark the personal fields that have room for it."""
    found = {}
    for name, value in values.items():
        field = describe.field_of(block, name) or BLOCKS[block].json_names.get(name)
        if field is None or not describe.is_personal(block, field) or field.values:
            found[name] = value
        elif "ssn" in name:
            found[name] = person["ssn"]
        elif "date_of_birth" in name:
            found[name] = person["date_of_birth"]
        elif field.kind == "text" and field.end - field.start + 1 >= _SHORTEST:
            found[name] = f"{person['name']}{_letters(field.start)}"[: field.end - field.start + 1]
        else:
            found[name] = value
    return found


def _letters(number: int) -> str:
    """Write a number with letters, so that a mark looks like a name."""
    text = ""
    for _ in range(_LONGEST_LETTERS):
        number, rest = divmod(number, 26)
        text = chr(ord("A") + rest) + text
    return text


def traffic(people: People, number: int, day: Any) -> Iterator[Transaction]:
    """Write what other states send to Minnesota about marked people, every core code alike."""
    made = generate.generate(number, seed=7, mix="uniform", direction=Direction.FROM_SERVER, day=day)
    for each in made:
        yield transaction.from_json(people.mark(transaction.to_json(each)))
