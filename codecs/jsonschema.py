"""Describe the JSON form of a transaction as a JSON Schema (draft 2020-12), from the layouts.

It describes the canonical form, which `transaction.to_json` writes; `from_json` reads other capitals and
padding as well. `schemas/transaction.schema.json` is what this gives, for those who do not run Python.
"""

from typing import Any

from csenet.codecs.layout import Field
from csenet.codecs.lexical import always_given, block_structs, block_titles, places, shape
from csenet.codecs.model import MOST_REPEATS, REPEATING

IDENTIFIER = "urn:csenet-gateway:transaction.schema.json:1"

_DESCRIPTION = (
    "One object a block under its own name, lists for blocks that repeat. Blank fields and absent blocks are "
    "absent. The header's block counts follow from the blocks."
)


def transaction_schema() -> dict[str, Any]:
    """Return the schema of one transaction."""
    structs = block_structs()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": IDENTIFIER,
        "title": "A CSENet transaction",
        "description": _DESCRIPTION,
        "type": "object",
        "properties": {name: _reference(name, struct) for name, struct in structs.items()},
        "required": ["header"],
        "additionalProperties": False,
        "$defs": {struct: _block(struct) for struct in structs.values()},
    }


def _reference(name: str, struct: str) -> dict[str, Any]:
    reference = {"$ref": f"#/$defs/{struct}"}
    if name not in REPEATING:
        return reference
    return {"type": "array", "items": reference, "minItems": 1, "maxItems": MOST_REPEATS}


def _block(struct: str) -> dict[str, Any]:
    title, charts = block_titles(struct)
    printed = places(struct)
    schema: dict[str, Any] = {
        "title": "Header, of either direction" if struct == "Header" else title,
        "description": f"Chart {charts}.",
        "type": "object",
        "properties": {
            place.field.name: {"description": place.words, **_value(place.field)} for place in printed
        },
        "additionalProperties": False,
    }
    required = [place.field.name for place in printed if struct == "Header" and always_given(place.field)]
    return schema | {"required": required} if required else schema


def _value(field: Field) -> dict[str, Any]:
    looks = shape(field)
    if looks.values:
        return {"type": "string", "enum": list(looks.values)}
    schema: dict[str, Any] = {"type": "string", "pattern": f"^(?:{looks.pattern})$"}
    if field.kind == "date":
        return schema | {"format": "date"}
    # The format "time" of JSON Schema asks for a zone, which the charts do not have.
    if field.kind in ("time", "money"):
        return schema
    return schema | {"minLength": looks.least, "maxLength": looks.most}
