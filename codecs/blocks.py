"""Define the frozen structs of the header and the data blocks, from the layouts.

Types for readers and checkers stand in `blocks.pyi`, written by `ops/generate_block_stubs.py`.
"""

from datetime import date, time
from decimal import Decimal
from typing import Any

import msgspec

from csenet.codecs.layout import Field, load_layouts

_VALUE_TYPES = {"date": date, "time": time, "money": Decimal}

INDICATORS = {
    "case_data_ind": "case",
    "ncp_identification_ind": "ncp_identification",
    "ncp_locate_data_ind": "ncp_locate",
    "participant_data_ind": "participants",
    "order_data_ind": "orders",
    "collection_data_ind": "collections",
    "information_ind": "information",
}
"""The header's block counts and the block each counts, in the order in which blocks follow."""

SOURCES = {
    "Header": ("header_to_server", "header_from_server"),
    "Case": ("case",),
    "NcpIdentification": ("ncp_identification",),
    "NcpLocate": ("ncp_locate",),
    "Participant": ("participant",),
    "Order": ("order",),
    "Collection": ("collection",),
    "Information": ("information",),
}
"""The layouts each struct takes its fields from; the header joins those of both directions."""


def struct_fields(name: str) -> dict[str, Field]:
    """List the fields of one struct by name, in printed order."""
    layouts = load_layouts()
    listed = (field for source in SOURCES[name] for field in layouts[source].fields)
    return {field.name: field for field in listed if field.kind != "filler" and field.name not in INDICATORS}


def value_type(field: Field) -> str:
    """Name the Python type of a field's value."""
    return _type_of(field).__name__


def _type_of(field: Field) -> type[Any]:
    return _VALUE_TYPES.get(field.kind, str)


def _define(name: str, doc: str) -> Any:
    # Not keyword-only at run time, though the stubs say so: the generated readers fill the fields by
    # position, which costs a third of what keywords cost. No cycle can run through these values, so none is
    # looked for. What is blank is left out of the JSON form.
    return msgspec.defstruct(
        name,
        [(name, _type_of(field) | None, None) for name, field in struct_fields(name).items()],
        namespace={"__doc__": doc},
        module=__name__,
        frozen=True,
        gc=False,
        omit_defaults=True,
    )


Header = _define("Header", "Hold the header of either direction, without the block counts (charts C-3, C-4).")
Case = _define("Case", "Hold the sender's case, its contact and where payments go (chart C-5).")
NcpIdentification = _define("NcpIdentification", "Hold who the noncustodial parent is (chart C-6).")
NcpLocate = _define("NcpLocate", "Hold where the noncustodial parent lives and works (chart C-7).")
Participant = _define("Participant", "Hold one other person of the case (chart C-8).")
Order = _define("Order", "Hold one support order and its balances (chart C-9).")
Collection = _define("Collection", "Hold one collected payment (chart C-10).")
Information = _define("Information", "Hold free text, a status change and a new case ID (chart C-11).")
