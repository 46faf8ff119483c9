"""Say which blocks and fields a code wants, as the list of elements for it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from csenet.codecs import blocks
from csenet.codecs.codes import Element, FarCode, elements
from csenet.codecs.jsonform import value_of
from csenet.codecs.model import BLOCKS
from csenet.handlers.facts import BLOCKS as FACT_BLOCKS

STRUCTS: Mapping[str, type[Any]] = {
    "header": blocks.Header,
    "case": blocks.Case,
    "ncp_identification": blocks.NcpIdentification,
    "ncp_locate": blocks.NcpLocate,
    "participants": blocks.Participant,
    "orders": blocks.Order,
    "collections": blocks.Collection,
    "information": blocks.Information,
}
REQUIRED = "required"

_REMEMBERED = 4096
_EVERYTHING: Mapping[str, tuple[str, ...]] = {
    "CSI P FSINF": FACT_BLOCKS,
    "LO1 P LSOTH": ("ncp_locate",),
    "COL P CITAX": ("collections",),
}
"""Blocks of which a code tells all that is known: its use is to tell whatever there is."""

_EDITED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "PAT R BLANK": {
        "case": ("payment_mail_address_line_1", "payment_city", "payment_state", "payment_zip_1"),
    },
}
"""Fields that the federal edits ask for and the printed list of the code leaves out.

Of the two addresses that will do, the agency's own for payments tells nothing of the custodial party.
"""


_LINES = tuple(
    name for name in blocks.Information.__struct_fields__ if name.startswith("information_text_line_")
)
_ONE_LINE = frozenset({"MSC P GSTAI", "MSC P REJCT"})
"""Codes whose line has a form of its own; where it is free text, the chart lets it go on over all five."""


class Wanted(msgspec.Struct, frozen=True):
    """Hold what a code wants of one block: its level, and its fields.

    `needed` names the fields that it cannot go without; `given` holds the values that the list itself sets,
    for the header none. `copy` makes a block of another with the fields of `names` and no others, `needs`
    takes the values of `needed` out of it.
    """

    level: str = ""
    fields: tuple[Element, ...] = ()
    names: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    given: Mapping[str, Any] = MappingProxyType({})
    copy: Callable[[Any], Any] = lambda block: block
    needs: Callable[[Any], Sequence[Any]] = lambda _block: ()

    @property
    def required(self) -> bool:
        """Tell whether the transaction cannot go without the block."""
        return self.level == REQUIRED

    def fixed(self) -> dict[str, Any]:
        """Give the values that the list itself sets."""
        return dict(self.given)


def _wanted(name: str, level: str, fields: Sequence[Element]) -> Wanted:
    names = tuple(each.field for each in fields)
    needed = tuple(each.field for each in fields if each.level == REQUIRED)
    return Wanted(
        level=level,
        fields=tuple(fields),
        names=names,
        needed=needed,
        copy=_copying(STRUCTS[name], names),
        needs=_taking(needed),
        given={
            each.field: value_of(each.block, each.field, each.fixed)
            for each in fields
            if each.fixed is not None and each.block in BLOCKS
        },
    )


def _taking(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """Make the function that takes values out of a block."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda block: [getattr(block, each) for each in names]


def _copying(struct: type[Any], names: Sequence[str]) -> Callable[[Any], Any]:
    """Make the function that copies fields of a block; by position, which costs a quarter of naming them."""
    values = ", ".join(f"block.{each}" if each in names else "None" for each in _fields(struct))
    made: Callable[[Any], Any] = eval(f"lambda block: struct({values})", {"struct": struct})  # noqa: S307
    return made


@lru_cache(maxsize=_REMEMBERED)
def wanted_by(code: FarCode) -> Mapping[str, Wanted]:
    """Sort the elements of a code by block. A block that has fields but no row of its own is optional."""
    listed = elements(code)
    free = str(code) not in _ONE_LINE and any(each.field == _LINES[0] for each in listed)
    more = {**_EDITED.get(str(code), {}), **({"information": _LINES[1:]} if free else {})}
    return by_block(listed, _EVERYTHING.get(str(code), ()), more)


def by_block(
    listed: Iterable[Element],
    whole: Iterable[str] = (),
    more: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Mapping[str, Wanted]:
    """Sort listed elements by block, with all fields of the blocks of `whole` and the fields of `more`."""
    levels: dict[str, str] = {}
    fields: dict[str, list[Element]] = {}
    for element in listed:
        if element.field:
            fields.setdefault(element.block, []).append(element)
        else:
            levels[element.block] = element.level
    for name, added in (*((name, _fields(STRUCTS[name])) for name in whole), *more.items()):
        printed = fields.setdefault(name, [])
        known = {each.field for each in printed}
        printed += [Element(name, each, "recommended") for each in added if each not in known]
    return MappingProxyType(
        {
            name: _wanted(name, levels.get(name, "recommended"), fields.get(name, ()))
            for name in levels.keys() | fields.keys()
        }
    )


def _fields(struct: type[Any]) -> tuple[str, ...]:
    return tuple(struct.__struct_fields__)
