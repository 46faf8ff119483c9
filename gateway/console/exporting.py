"""Write what was found into a file that leaves the house, marked with who took it out and when."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from csenet.gateway.desk.views_search import Found

MOST: Final = 10_000
"""So many transactions go into a file at most; it says whether they are all."""

_FORMULA: Final = frozenset("=+-@\t\r")
_COLUMNS: Final = (
    "id",
    "direction",
    "far",
    "serial",
    "from_fips",
    "to_fips",
    "case_id",
    "status",
    "received_at",
    "settled_at",
    "milliseconds",
    "in_reply_to",
    "attempts",
    "reason",
)


def objects(found: Found, filters: Mapping[str, str]) -> list[str]:
    """List what the record of an export names: how many, by which filters, and each case."""
    return [
        f"{len(found.items)} transactions",
        *(f"{name}={value}" for name, value in filters.items() if value),
        *dict.fromkeys(f"case {item.case_id}" for item in found.items if item.case_id),
    ]


def export(found: Found, form: str, *, filters: Mapping[str, str], by: str, at: datetime) -> bytes:
    """Write the file: ``csv`` or ``json``."""
    marking = {
        "exported_by": by,
        "exported_at": at.isoformat(timespec="seconds"),
        "filters": {name: value for name, value in filters.items() if value},
        "complete": found.next is None,
        "notice": "Confidential: 45 CFR 303.21 limits to whom this may be shown. The export is on record.",
    }
    rows = [{name: getattr(item, name) for name in _COLUMNS} for item in found.items]
    return _as_json(marking, rows) if form == "json" else _as_csv(marking, rows)


def _as_json(marking: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"marking": marking, "transactions": rows}), indent=1)


def _as_csv(marking: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
    """Write rows for a spreadsheet; a leading sign that it would take for a formula is disarmed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for name, value in marking.items():
        told = {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else value
        writer.writerow([f"# {name}", told if isinstance(told, str) else msgspec.json.encode(told).decode()])
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in _COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text[:1] in _FORMULA else text
