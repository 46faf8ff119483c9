"""Read the facts of a case back from the form in which they were kept.

What `facts_to_json` wrote was checked before, value by value, and is in canonical form; checking all of it
again for each transaction on the case would take longer than deciding on the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

import msgspec

from csenet.codecs.model import BLOCKS as CODECS
from csenet.handlers.facts import BLOCKS, REPEATED, Balances, CaseFacts, Role
from csenet.handlers.policy.interest import Ledger

_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "money": Decimal,
}
"""By kind of field; all other kinds are text."""


def _block_readers(name: str) -> dict[str, Callable[[str], Any]]:
    fields = CODECS[name].json_names
    return {key: _READERS[field.kind] for key, field in fields.items() if field.kind in _READERS}


_OF_BLOCK: Final = {name: (CODECS[name].struct, _block_readers(name)) for name in BLOCKS}


def kept_facts(case_id: str, obj: Mapping[str, Any]) -> CaseFacts:
    """Read what `facts_to_json` wrote, and nothing else: what did not come from there is not checked."""
    values = dict(obj)
    for name in BLOCKS:
        if name not in values:
            continue
        held = values[name]
        values[name] = tuple(_block(name, each) for each in held) if name in REPEATED else _block(name, held)
    values["role"] = Role(values["role"])
    values["protected"] = tuple(values.get("protected", ()))
    for name, kind in (("balances", Balances), ("ledger", Ledger)):
        if name in values:
            values[name] = msgspec.convert(values[name], kind)
    return CaseFacts(case_id=case_id, **values)


def _block(name: str, obj: Mapping[str, str]) -> Any:
    struct, readers = _OF_BLOCK[name]
    values: dict[str, Any] = dict(obj)
    for key in values.keys() & readers.keys():
        values[key] = readers[key](values[key])
    return struct(**values)
