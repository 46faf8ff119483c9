"""Define a transaction as a value, and the codecs of its header and blocks."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import msgspec

from csenet.codecs import blocks
from csenet.codecs.blocks import (
    Case,
    Collection,
    Header,
    Information,
    NcpIdentification,
    NcpLocate,
    Order,
    Participant,
)
from csenet.codecs.codes import FarCode
from csenet.codecs.compiler import Codec
from csenet.codecs.errors import Problem
from csenet.codecs.layout import load_layouts

MOST_REPEATS = 9
"""One digit counts a block, so no block comes more often."""


class Direction(StrEnum):
    """Name the way a transaction goes, seen from a state."""

    TO_SERVER = "to-server"
    FROM_SERVER = "from-server"


class Transaction(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Hold a header and its data blocks, in the order of the charts; what is not sent is None or empty."""

    header: Header
    case: Case | None = None
    ncp_identification: NcpIdentification | None = None
    ncp_locate: NcpLocate | None = None
    participants: tuple[Participant, ...] = ()
    orders: tuple[Order, ...] = ()
    collections: tuple[Collection, ...] = ()
    information: Information | None = None

    @property
    def far(self) -> FarCode:
        """Return function, action and reason; a blank reason is the empty text."""
        head = self.header
        return FarCode(head.functional_type_code or "", head.action_code or "", head.action_reason or "")

    @property
    def serial(self) -> str | None:
        """Return the sender's serial number, twelve digits."""
        return self.header.transaction_serial_number


class Reading(msgspec.Struct, frozen=True, gc=False):
    """Hold what reading gave: the transaction unless a problem stops it, and every problem found.

    `header` is kept even when the transaction is unusable, as far as it could be read.
    """

    transaction: Transaction | None
    problems: tuple[Problem, ...]
    header: Header | None = None


_LAYOUTS = load_layouts()

HEADERS: Mapping[Direction, Codec[Header]] = MappingProxyType(
    {
        direction: Codec(_LAYOUTS[name], Header, tuple(blocks.INDICATORS), strict=True)
        for direction, name in zip(Direction, blocks.SOURCES["Header"], strict=True)
    }
)
BLOCKS: Mapping[str, Codec[Any]] = MappingProxyType(
    {
        "case": Codec(_LAYOUTS["case"], Case),
        "ncp_identification": Codec(_LAYOUTS["ncp_identification"], NcpIdentification),
        "ncp_locate": Codec(_LAYOUTS["ncp_locate"], NcpLocate),
        "participants": Codec(_LAYOUTS["participant"], Participant),
        "orders": Codec(_LAYOUTS["order"], Order),
        "collections": Codec(_LAYOUTS["collection"], Collection),
        "information": Codec(_LAYOUTS["information"], Information),
    }
)
"""The codec of each block by its JSON name, in the order in which blocks follow the header."""

REPEATING = frozenset(("participants", "orders", "collections"))
COUNTS_END = HEADERS[Direction.TO_SERVER].counts_at.stop
"""Where the part of the header ends that both directions share and the sender alone writes."""

LONGEST = max(codec.length for codec in HEADERS.values()) + sum(
    codec.length * (MOST_REPEATS if name in REPEATING else 1) for name, codec in BLOCKS.items()
)
"""Length of the longest transaction there can be."""


class Route(msgspec.Struct, frozen=True, gc=False):
    """Hold the six things that decide where a transaction goes: two parties, serial, code, two case IDs.

    The parties are the seven positions of their FIPS codes, without trailing blanks.
    """

    local_fips: str
    other_fips: str
    serial: str
    far: FarCode
    case_id: str | None
    other_case_id: str | None


class Routing(msgspec.Struct, frozen=True, gc=False):
    """Hold what routing gave: the route unless a problem stops it, and every problem of the format."""

    route: Route | None
    problems: tuple[Problem, ...]
