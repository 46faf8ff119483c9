"""Describe the facts of a case as JSON schema; the blocks among them are those of a transaction."""

from __future__ import annotations

from typing import Final

from csenet.gateway.casework.block_schemas import (
    CASE_ID,
    DATE,
    MONEY,
    Schema,
    closed_object,
    transaction_properties,
)
from csenet.gateway.desk.facts_in import FORMERLY

_BLOCKS: Final = ("case", "ncp_identification", "ncp_locate", "participants", "orders")
_FLAG: Final[Schema] = {"type": "boolean"}
_AGENCY: Final[Schema] = {"type": "string", "pattern": r"^\d{5}[ 0-9A-Z]{2}$"}


def case_facts() -> Schema:
    """Describe all that may be told of a case."""
    blocks = transaction_properties()
    schema = closed_object(
        "A snapshot of an interstate case. Give `balances` or `ledger`, not both.",
        _whose() | _protection() | _money() | {name: blocks[name] for name in _BLOCKS},
        required=["role", "other_fips"],
    )
    return schema | {"not": {"required": ["balances", "ledger"]}}


def _whose() -> Schema:
    """Describe whose case it is: the states', the agencies' within them, and our offices'."""
    return {
        "role": {
            "type": "string",
            "enum": ["initiating", "responding"],
            "description": "Our part in the case.",
        },
        "other_fips": _AGENCY
        | {"description": "The other agency: state, county, and two more characters that may be blank."},
        "other_case_id": CASE_ID,
        FORMERLY: {
            "oneOf": [CASE_ID, {"type": "array", "minItems": 1, "maxItems": 20, "items": CASE_ID}],
            "description": "IDs of ours that the case had: what names one of them reaches the case.",
            "examples": ["MN0000122"],
        },
        "office": {
            "type": "string",
            "pattern": r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$",
            "description": "Whose case it is: caseworkers see those of their own offices. Without one it "
            "is the agency's as a whole.",
        },
        "our_fips": _AGENCY
        | {
            "description": "The locality of our state that has the case, written as `other_fips` is, "
            "where it is not the whole agency.",
        },
        "alternative_agreement": _FLAG
        | {"description": "Whether both states agreed on another course (45 CFR 303.7(c)(12))."},
    }


def _protection() -> Schema:
    """Describe who is at risk."""
    return {
        "family_violence": _FLAG | {"description": "If true, everybody of the case is protected."},
        "protected": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "pattern": r"^(ncp|participants\[\d\])$"},
            "description": "Those at risk, where the rest of the case may be told: the noncustodial parent, "
            "and participants by their place in the list, from 0. Their addresses and employers do not "
            "leave unless two people release them (askRelease).",
            "examples": [["participants[0]"]],
        },
    }


def _money() -> Schema:
    """Describe what is owed and how it is collected."""
    return {
        "withholding_active": _FLAG | {"description": "Whether our income withholding is in force."},
        "balances": closed_object(
            "Balances that the case system worked out; `arrears` includes `interest`.",
            {"as_of": DATE, "arrears": MONEY, "interest": MONEY},
            required=["as_of", "arrears", "interest"],
        ),
        "ledger": closed_object(
            "What was due and what was paid, from which the gateway works out balances.",
            {"obligations": _dated("due"), "payments": _dated("date")},
            required=[],
        ),
    }


def _dated(day: str) -> Schema:
    """Describe a list of amounts with their days."""
    row = closed_object("An amount and its day.", {day: DATE, "amount": MONEY}, required=[day, "amount"])
    return {"type": "array", "items": row}
