"""Mark what holds federal tax information, and keep the record of each time it was handled.

IRS Publication 1075 wants to know of each receipt, access, disclosure and destruction: what, from whom, to
whom, when, by whom, why.  These are records of the audit like all others, so they are chained and never
change; a partial index finds them.  Functions work inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit as records
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.tables_audit import audit
from csenet.gateway.store.tables_tax import tax_mark
from csenet.handlers.policy.disclosure_review import may_hold_tax_information

RECEIVED: Final = "tax.received"
ACCESSED: Final = "tax.accessed"
DISCLOSED: Final = "tax.disclosed"
DESTROYED: Final = "tax.destroyed"
KINDS: Final[Mapping[str, str]] = {
    RECEIVED: "receipt",
    ACCESSED: "access",
    DISCLOSED: "disclosure",
    DESTROYED: "destruction",
}
# Word for word the condition of the index.
_IS_ABOUT_TAX: Final = text("action IN ('tax.received', 'tax.accessed', 'tax.disclosed', 'tax.destroyed')")
_MOST: Final = 500


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Say which blocks of a transaction hold federal tax information, and whose it is besides ours."""

    subject: str
    far: str
    partner: str
    blocks: tuple[str, ...]
    case_id: str | None = None


def line(
    at: datetime,
    actor: str,
    action: str,
    mark: Mark,
    *,
    source: str,
    receiver: str,
    reason: str,
    disposition: str,
    **more: Any,
) -> dict[str, Any]:
    """Write one record; ``source`` and ``receiver`` are from whom and to whom it went."""
    detail = {
        "far": mark.far,
        "blocks": list(mark.blocks),
        "from": source,
        "to": receiver,
        "reason": reason,
        "disposition": disposition,
        **more,
    }
    cases = () if mark.case_id is None else (mark.case_id,)
    if mark.case_id is not None:
        detail["case"] = mark.case_id
    return {
        "at": at,
        "actor": actor,
        "action": action,
        "object": f"transaction {mark.subject}",
        "detail": detail,
        "cases": cases,
    }


async def add(
    conn: AsyncConnection, marks: Sequence[Mark], at: datetime, *, actor: str, ours: bool, late: bool = False
) -> None:
    """Mark transactions and record their receipt: from another state, or with ``ours`` from the agency."""
    if not marks:
        return
    rows = [
        {
            "subject": each.subject,
            "far": each.far,
            "partner": each.partner,
            "case_id": each.case_id,
            "blocks": " ".join(each.blocks),
            "marked_at": at,
        }
        for each in marks
    ]
    await conn.execute(insert(tax_mark), rows)
    lines = [
        line(
            at,
            actor,
            RECEIVED,
            each,
            source="case system" if ours else f"state {each.partner}",
            receiver="gateway",
            reason=f"to be sent to state {each.partner}" if ours else "sent to us through the exchange",
            disposition="kept sealed; marked when an older store was gone through" if late else "kept sealed",
        )
        for each in marks
    ]
    await records.add(conn, lines)


async def of(conn: AsyncConnection, subjects: Collection[str]) -> list[Mark]:
    """Return the marks of transactions; one that is not marked is left out."""
    if not subjects:
        return []
    query = select(tax_mark).where(tax_mark.c.subject.in_(sorted(subjects))).order_by(tax_mark.c.subject)
    return [_mark(row) for row in (await conn.execute(query)).mappings()]


def _mark(row: RowMapping) -> Mark:
    return Mark(
        subject=row["subject"],
        far=row["far"],
        partner=row["partner"],
        blocks=tuple(row["blocks"].split()),
        case_id=row["case_id"],
    )


async def disclosed(conn: AsyncConnection, sent: Iterable[tuple[int, str]], batch: str, at: datetime) -> None:
    """Record that transactions of ours, by row number and code, have reached the other state's exchange."""
    subjects = [f"out-{number}" for number, far in sent if may_hold_tax_information(far)]
    lines = [
        line(
            at,
            "courier",
            DISCLOSED,
            each,
            source="gateway",
            receiver=f"state {each.partner}",
            reason="agreement with the state allows it",
            disposition=f"sent through the exchange in batch {batch}",
        )
        for each in await of(conn, subjects)
    ]
    await records.add(conn, lines)


async def record_destruction(
    conn: AsyncConnection,
    subjects: Collection[str],
    *,
    actor: str,
    reason: str,
    method: str,
    at: datetime,
    certificate: str | None = None,
) -> int:
    """Record that what was marked is destroyed, and take the marks away; return how many there were.

    For the commit that destroys it: `subjects` are ``in-12`` or ``out-7``, marked or not.  ``method`` says
    how, ``certificate`` names the proof.  The case is not named again.
    """
    named, count = sorted(subjects), 0
    for start in range(0, len(named), _MOST):
        some = named[start : start + _MOST]
        found = await of(conn, some)
        told: dict[str, Any] = {} if certificate is None else {"certificate": certificate}
        lines = [
            line(
                at,
                actor,
                DESTROYED,
                msgspec.structs.replace(each, case_id=None),
                source="gateway",
                receiver="nobody",
                reason=reason,
                disposition=method,
                **told,
            )
            for each in found
        ]
        await records.add(conn, lines)
        await conn.execute(delete(tax_mark).where(tax_mark.c.subject.in_(some)))
        count += len(found)
    return count


async def log(
    conn: AsyncConnection, *, since: datetime | None = None, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the records about federal tax information of some time, oldest first."""
    query = select(audit).where(_IS_ABOUT_TAX).order_by(audit.c.id)
    if since is not None:
        query = query.where(audit.c.at >= since)
    if until is not None:
        query = query.where(audit.c.at < until)
    return await opened(conn, audit, (await conn.execute(query)).mappings())
