"""Find values of the wrong type in a transaction that a program put together: text where a date belongs."""

from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from csenet.codecs.blocks import INDICATORS
from csenet.codecs.compiler import field_problem
from csenet.codecs.errors import Problem
from csenet.codecs.fields import Finding
from csenet.codecs.layout import Layout
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction, Transaction

_WANTED: Mapping[str, tuple[type, str]] = MappingProxyType(
    {
        "date": (date, "must be a date"),
        "time": (time, "must be a time of day"),
        "money": (Decimal, "must be an amount"),
    }
)
_TEXT: tuple[type, str] = (str, "must be text")


def wrong_types(tx: Transaction, direction: Direction) -> tuple[Problem, ...]:
    """Return a problem for every value that is not of its field's type; nothing that was read has any."""
    found = list(_wrong(HEADERS[direction].layout, tx.header, 1))
    for block, codec in BLOCKS.items():
        value = getattr(tx, block)
        records = value if block in REPEATING else () if value is None else (value,)
        for number, record in enumerate(records, start=1):
            found += _wrong(codec.layout, record, number)
    return tuple(found)


def _wrong(layout: Layout, record: Any, occurrence: int) -> Iterator[Problem]:
    for field in layout.fields:
        if field.kind == "filler" or field.name in INDICATORS:
            continue
        value = getattr(record, field.name)
        wanted, message = _WANTED.get(field.kind, _TEXT)
        if value is not None and not isinstance(value, wanted):
            yield field_problem(layout, field, Finding("type", message), occurrence)
