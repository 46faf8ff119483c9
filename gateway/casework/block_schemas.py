"""Write JSON schemas of the data blocks from the federal layouts, so no list of fields is typed twice.

The forms that other schemas are made of stand here, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from csenet.codecs import blocks
from csenet.codecs.layout import Field, load_layouts

Schema = dict[str, Any]

COMPONENTS: Final = {
    "header": ("Header", blocks.Header),
    "case": ("CaseBlock", blocks.Case),
    "ncp_identification": ("NcpIdentification", blocks.NcpIdentification),
    "ncp_locate": ("NcpLocate", blocks.NcpLocate),
    "participants": ("Participant", blocks.Participant),
    "orders": ("Order", blocks.Order),
    "collections": ("Collection", blocks.Collection),
    "information": ("Information", blocks.Information),
}
REPEATED: Final = {"participants", "orders", "collections"}
MONEY: Final[Schema] = {"type": "string", "pattern": r"^-?\d{1,10}\.\d{2}$", "examples": ["1234.56"]}
DATE: Final[Schema] = {"type": "string", "format": "date", "examples": ["2026-11-20"]}
TIME: Final[Schema] = {"type": "string", "pattern": r"^\d{2}:\d{2}:\d{2}$", "examples": ["14:25:30"]}
CASE_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 15}
TEMPLATE: Final = "#/components/schemas/{name}"

_CHARACTERS: Final = {"digits": r"^\d+$", "number": r"^\d+$"}


def reference(name: str) -> Schema:
    """Point to a component."""
    return {"$ref": TEMPLATE.format(name=name)}


def closed_object(description: str, properties: Schema, *, required: list[str]) -> Schema:
    """Describe an object that takes no other members."""
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
        "required": required,
    }


def transaction_properties() -> Schema:
    """Give the members of a transaction in its JSON form, as references to the blocks' schemas."""
    members: Schema = {}
    for name, (component, _) in COMPONENTS.items():
        block = reference(component)
        members[name] = {"type": "array", "maxItems": 9, "items": block} if name in REPEATED else block
    return members


def components() -> dict[str, Schema]:
    """Give one schema for each data block, made of the fields of its layouts."""
    described = _fields_by_name()
    found = {}
    for name, (component, struct) in COMPONENTS.items():
        fields = described[name]
        found[component] = {
            "type": "object",
            "description": f"The {name} block in JSON form; a blank field is left out.",
            "additionalProperties": False,
            "properties": {key: fields[key] for key in struct.__struct_fields__},
        }
    return found


def _fields_by_name() -> dict[str, dict[str, Schema]]:
    """Gather the fields of all layouts by block; the header's come from both directions."""
    gathered: dict[str, dict[str, Schema]] = {name: {} for name in COMPONENTS}
    for layout in load_layouts().values():
        if layout.block in gathered:
            for name, about in _properties(layout.fields, layout.chart).items():
                gathered[layout.block].setdefault(name, about)
    return gathered


def _properties(fields: Iterable[Field], chart: str) -> dict[str, Schema]:
    """Describe each field of one layout."""
    return {field.name: _property(field, chart) for field in fields if field.kind != "filler"}


def _property(field: Field, chart: str) -> Schema:
    """Describe one field: its form, its length and where it stands in the flat form."""
    columns = f"columns {field.start}-{field.end}" if field.width > 1 else f"column {field.start}"
    about: Schema = {"title": field.federal, "description": f"Chart {chart}, {columns}. {field.note}".strip()}
    fixed = {"money": MONEY, "date": DATE, "time": TIME}.get(field.kind)
    if fixed is not None:
        return about | fixed
    about |= {"type": "string", "maxLength": field.width}
    if field.kind in _CHARACTERS:
        about["pattern"] = _CHARACTERS[field.kind]
    if field.values:
        about["enum"] = list(field.values)
    return about
