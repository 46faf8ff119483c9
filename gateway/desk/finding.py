"""Look up the cases that transactions may be about where they name none of ours as we write it.

What is found here are candidates only: `csenet.handlers.matching` decides among them by exact rules. A
request to enforce or to establish is rare and must not be put to the wrong case, so the cases with the state
that asks are looked through one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Transaction
from csenet.gateway.store import cases
from csenet.handlers.context import CaseRecord, CaseState
from csenet.handlers.kept import kept_facts
from csenet.handlers.matching import REQUESTS, same_person, variants
from csenet.handlers.matching import other_ids as ids_of

_LONGEST = 15
_SLICE = 500
_STAMPS = frozenset(
    {
        "transaction_serial_number",
        "transaction_date",
        "date_received",
        "time_received",
        "sent_date",
        "sent_time",
        "due_date",
        "response_date",
        "attachments_due_date",
    }
)
"""Header fields in which the same request differs when it is sent again."""


async def candidates(
    conn: AsyncConnection, transactions: Sequence[Transaction], knows: Callable[[str | None], bool]
) -> dict[int, tuple[str, ...]]:
    """Return the IDs of cases that might be meant, by the place of the transaction in the list."""
    asking = {
        place: tx
        for place, tx in enumerate(transactions)
        if tx.far.function != "LO1" and not knows(tx.header.case_id)
    }
    found = await _padded(conn, {n: tx for n, tx in asking.items() if tx.header.case_id is not None})
    blank = {n: tx for n, tx in asking.items() if tx.header.case_id is None and tx.header.other_fips_state}
    found.update(await _fitting(conn, blank))
    return {place: tuple(sorted(ids)) for place, ids in found.items() if ids}


async def _padded(conn: AsyncConnection, asking: Mapping[int, Transaction]) -> dict[int, set[str]]:
    forms = {place: set(variants(tx.header.case_id or "", _LONGEST)) for place, tx in asking.items()}
    known = await cases.with_ids(conn, set().union(*forms.values()))
    return {place: ids & known for place, ids in forms.items()}


async def _fitting(conn: AsyncConnection, asking: Mapping[int, Transaction]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {place: set() for place in asking}
    states, after = {tx.header.other_fips_state or "" for tx in asking.values()}, ""
    while states:
        ids = await cases.ids_with_states(conn, states, after=after, limit=_SLICE)
        for case_id, row in (await cases.load(conn, ids)).items():
            record = record_of(case_id, row)
            for place, tx in asking.items():
                if _may_fit(tx, record):
                    found[place].add(case_id)
        if len(ids) < _SLICE:
            break
        after = ids[-1]
    return found


def record_of(case_id: str, row: RowMapping | Mapping[str, Any]) -> CaseRecord:
    """Read a case from its row."""
    return CaseRecord(facts=kept_facts(case_id, row["facts"]), state=msgspec.convert(row["state"], CaseState))


def _may_fit(tx: Transaction, record: CaseRecord) -> bool:
    named, person = tx.header.other_case_id, tx.ncp_identification
    if named is not None and set(variants(named, _LONGEST)) & set(ids_of(record)):
        return True
    return person is not None and same_person(person, record.facts.ncp_identification)


def is_request(tx: Transaction) -> bool:
    """Tell whether a transaction asks to enforce or to establish, so that it may come twice."""
    return tx.far.action == "R" and tx.far.function in REQUESTS


def content_of(tx: Transaction) -> str:
    """Return what stays the same when a request is sent again under another serial number, as a digest."""
    plain = codec.to_json(tx)
    plain["header"] = {name: value for name, value in plain["header"].items() if name not in _STAMPS}
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
