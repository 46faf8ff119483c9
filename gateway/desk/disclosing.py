"""Keep what may not be told out of what the case side wrote by itself, and out of what has been waiting.

Transactions built from facts are filtered on the way; one given whole must not be a way around that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.errors import Problem
from csenet.codecs.transaction import Direction, Transaction
from csenet.gateway.desk.agency import Agency
from csenet.gateway.store import cases, releases
from csenet.gateway.store.outbox import OutboundRow
from csenet.handlers.context import CaseRecord
from csenet.handlers.disclosing import coded, objections
from csenet.handlers.facts import CaseFacts
from csenet.handlers.kept import anybody_at_risk, kept_facts
from csenet.handlers.policy.agreements import Permission, may_send
from csenet.handlers.policy.disclosure_review import Release, may_hold_tax_information, tax_review
from csenet.handlers.policy.rules import Why


def withheld(
    tx: Transaction, record: CaseRecord | None, today: date, release: Release | None = None
) -> list[Problem]:
    """Name all that a transaction tells and may not, because somebody of the case is at risk."""
    return objections(tx, record.facts if record is not None else None, today, release)


def may_leave(far: str, partner: str, raw: bytes, today: date, agency: Agency) -> Permission:
    """Ask policy one last time about a queued transaction, which agreements may have overtaken.

    The reason says what a person does instead where it may not leave.
    """
    allowed = may_send(far, partner, today, agency.profile, agency.agreements)
    if allowed.allowed and may_hold_tax_information(far):
        transaction = codec.read(raw, Direction.TO_SERVER).transaction
        allowed = tax_review(far, coded(transaction), partner, today, agency.agreements)
    if allowed.allowed:
        return allowed
    return msgspec.structs.replace(allowed, why=msgspec.structs.replace(allowed.why, text=allowed.told))


async def refused_now(
    conn: AsyncConnection, rows: Sequence[OutboundRow], today: date, agency: Agency
) -> dict[int, tuple[Why, ...]]:
    """Name what may not leave as agreements and the facts of its case are now, by the id of the row.

    Somebody may have come to be at risk since a transaction was queued; it then waits for a person.
    """
    known = await cases.facts_of(conn, {row.case_id for row in rows if row.case_id is not None})
    risky = {
        case_id: kept_facts(case_id, facts) for case_id, facts in known.items() if anybody_at_risk(facts)
    }
    released = await releases.approved(conn, [row.id for row in rows if row.case_id in risky])
    refused = {}
    for row in rows:
        said = may_leave(row.far, row.partner, row.raw, today, agency)
        facts = risky.get(row.case_id or "")
        why: tuple[Why, ...] = () if said.allowed else (said.why,)
        if said.allowed and facts is not None:
            why = told_too_much(row, facts, today, released.get(row.id))
        if why:
            refused[row.id] = why
    return refused


def told_too_much(
    row: OutboundRow, facts: CaseFacts, today: date, release: Release | None = None
) -> tuple[Why, ...]:
    """Say why a queued transaction tells more than the facts of a case with somebody at risk allow."""
    tx = codec.read(row.raw, Direction.TO_SERVER).transaction
    if tx is None:
        text = "Somebody of this case is at risk, and what the transaction tells cannot be read."
        return (Why(rule="family_violence_disclosure", text=text, citation="45 CFR 303.21(e)"),)
    found = objections(tx, facts, today, release)
    return tuple(dict.fromkeys(_reasons(found)))


def _reasons(found: Sequence[Problem]) -> Iterator[Why]:
    for each in found:
        yield Why(rule=each.code.removeprefix("policy."), text=each.message, citation=each.citation)
