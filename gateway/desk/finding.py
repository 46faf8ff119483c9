"""Look up the cases that transactions may be about where they name none of ours as we write it.

What is found here are candidates only: `csenet.handlers.matching` decides among them by exact rules. They
come from the keyed search, so that a store of any size is asked for a few cases and none is looked through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Transaction
from csenet.gateway.desk.indexing import record_of
from csenet.gateway.store import cases, search
from csenet.handlers.context import CaseRecord
from csenet.handlers.matching import (
    REQUESTS,
    asks_by_id_alone,
    bare,
    is_ours,
    is_theirs,
    other_ids,
    same_person,
    variants,
)
from csenet.handlers.sought import views_of

_LONGEST = 15
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
    padded: dict[int, set[str]] = {}
    wanted: dict[int, set[search.Word]] = {}
    for place, tx in enumerate(transactions):
        named = tx.header.case_id
        if _asks_where(tx):
            # Whoever is protected in one case is protected in all, so all cases of the person count.
            wanted[place] = search.words_of_parent(tx)
        elif named is None:
            wanted[place] = _words(tx)
        elif not knows(named):
            padded[place] = set(variants(named, _LONGEST))
            wanted[place] = _words(tx)
            wanted[place].add(("case_id", named))
    known = await cases.with_ids(conn, set().union(*padded.values()))
    found = await _fitting(conn, transactions, wanted)
    for place, ids in padded.items():
        found[place] |= ids & known
    return {place: tuple(sorted(ids)) for place, ids in found.items() if ids}


def _asks_where(tx: Transaction) -> bool:
    return (tx.header.functional_type_code, tx.header.action_code) == ("LO1", "R")


def _words(tx: Transaction) -> set[search.Word]:
    """List what a case that is meant has: the other state's case ID, or the parent of a new request."""
    if not tx.header.other_fips_state or tx.far.function == "LO1" or asks_by_id_alone(tx):
        return set()
    other = tx.header.other_case_id
    named: set[search.Word] = {("case_id", other)} if other is not None else set()
    return named | (search.words_of_parent(tx) if tx.far.function in REQUESTS else set())


async def _fitting(
    conn: AsyncConnection, transactions: Sequence[Transaction], wanted: Mapping[int, set[search.Word]]
) -> dict[int, set[str]]:
    having: dict[search.Word, set[str]] = {}
    for case_id, words in (await search.cases_with(conn, set().union(*wanted.values()))).items():
        for word in words:
            having.setdefault(word, set()).add(case_id)
    might = {place: set().union(*(having.get(word, ()) for word in words)) for place, words in wanted.items()}
    rows = await cases.load(conn, set().union(*might.values()))
    records = {case_id: record_of(case_id, row) for case_id, row in rows.items()}
    return {
        place: {each for each in ids if each in records and _may_fit(transactions[place], records[each])}
        for place, ids in might.items()
    }


def _may_fit(tx: Transaction, record: CaseRecord) -> bool:
    """Tell whether a case found by its words fits exactly; a new request is about cases with its sender."""
    asked = tx.ncp_identification
    if _asks_where(tx):
        return asked is not None and any(views_of(asked, record))
    of_person = asked is not None and same_person(asked, record.facts.ncp_identification)
    with_sender = record.facts.other_state == tx.header.other_fips_state
    if tx.header.case_id is not None:
        return is_ours(record, tx.header.case_id) or (with_sender and is_theirs(tx, record))
    named = tx.header.other_case_id
    by_id = named is not None and bare(named) in map(bare, other_ids(record))
    return with_sender and (by_id or of_person)


def is_request(tx: Transaction) -> bool:
    """Tell whether a transaction asks to enforce or to establish, so that it may come twice."""
    return tx.header.action_code == "R" and tx.header.functional_type_code in REQUESTS


def content_of(tx: Transaction) -> str:
    """Return what stays the same when a request is sent again under another serial number, as a digest."""
    plain = codec.to_json(tx)
    plain["header"] = {name: value for name, value in plain["header"].items() if name not in _STAMPS}
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
