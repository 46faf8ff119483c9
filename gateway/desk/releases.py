"""Release withheld data with two persons: one asks and says why, another one approves, and it leaves at once.

Each function works inside the caller's transaction and either does all of it or raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.gateway.desk.disclosing import withheld
from csenet.gateway.desk.plan import Cause, Plan
from csenet.gateway.desk.reasons import LONGEST_REASON, SHORTEST_REASON, is_reason
from csenet.gateway.desk.requests import Wish, addressed, planned, read_wish
from csenet.gateway.desk.results import Conflict, NotFound, Rejected
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import audit, outgoing, releases
from csenet.handlers.disclosing import withheld_places
from csenet.handlers.policy.disclosure_review import Release

EXPIRED = "expired"


class ReleaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a release; ``withheld`` names what stays back without it; ``state`` may be ``expired`` too."""

    id: int
    case_id: str | None
    far: str
    partner: str
    withheld: list[str]
    reason: str
    state: str
    asked_by: str
    asked_at: datetime
    until: datetime
    decided_by: str | None
    decided_at: datetime | None
    refusal: str | None
    transaction: str | None


def view_of(row: Mapping[str, Any], now: datetime) -> ReleaseView:
    """Describe a row without its content."""
    over = row["state"] == "asked" and row["until"] <= now
    sent = row["outbound_id"]
    plain = {
        name: row[name] for name in ReleaseView.__struct_fields__ if name not in ("state", "transaction")
    }
    return ReleaseView(
        **plain,
        state=EXPIRED if over else row["state"],
        transaction=None if sent is None else f"out-{sent}",
    )


async def ask(
    conn: AsyncConnection, workset: WorkingSet, obj: Any, reason: str, actor: str, lasts: timedelta
) -> ReleaseView:
    """Keep what somebody wants to send although it is withheld; raises Rejected."""
    if not is_reason(reason):
        raise Rejected([("reason", f"must have {SHORTEST_REASON} to {LONGEST_REASON} characters")])
    wish = read_wish(obj)
    if not wish.written:
        raise Rejected([("transaction", "must be the whole transaction, as it is to leave")])
    await workset.load(conn, {wish.case_id} if wish.case_id else set())
    record = workset.cases.record(wish.case_id)
    tx = addressed(wish.transaction, record)
    if not withheld(tx, record, workset.today):
        raise Rejected([("transaction", "tells nothing that is withheld: send it without a release")])
    case_id = workset.cases.case_of(wish.case_id)
    places = withheld_places(tx, None if record is None else record.facts)
    _try_out(workset, wish, reason, places, actor)
    values = {
        "case_id": case_id,
        "far": str(wish.far),
        "partner": tx.header.other_fips_state or "",
        "content": codec.to_json(tx),
        "withheld": sorted(places),
        "reason": reason.strip(),
        "asked_by": actor,
        "asked_at": workset.now,
        "until": workset.now + lasts,
    }
    number = await releases.add(conn, values)
    await _note(conn, workset, "release.asked", number, case_id, actor)
    return await shown(conn, number, workset.now)


def _try_out(workset: WorkingSet, wish: Wish, reason: str, places: frozenset[str], actor: str) -> None:
    """Raise Rejected for what could not leave even if it were approved: the second person cannot mend it."""
    release = Release(asked_by=actor, approved_by=f"another than {actor}", reason=reason, places=places)
    cause = Cause("rel-", workset.now, actor)
    planned(workset, wish.decide(workset.context(wish.case_id, workset.today), release), cause)


async def approve(
    conn: AsyncConnection, workset: WorkingSet, number: int, actor: str
) -> tuple[ReleaseView, Plan]:
    """Queue what was asked for, as the second person; raises NotFound, Conflict, Rejected."""
    row = await _open(conn, number, workset.now)
    release = releases.as_release(row, actor)
    problems = release.problems()
    if problems:
        raise Rejected([("", text) for text in problems])
    wish = read_wish(row["content"])
    await workset.load(conn, {wish.case_id} if wish.case_id else set())
    context = workset.context(wish.case_id, workset.today)
    cause = Cause(f"rel-{number}", workset.now, actor)
    plan = planned(workset, wish.decide(context, release), cause)
    workset.adopt(plan)
    await workset.flush(conn)
    rows = await outgoing.by_serial(conn, [queued.serial for queued in plan.queued])
    sent = min(each["id"] for each in rows.values())
    decided = {"decided_by": actor, "decided_at": workset.now, "outbound_id": sent}
    await _decide(conn, number, state="sent", **decided)
    await _note(conn, workset, "release.approved", number, row["case_id"], actor)
    return await shown(conn, number, workset.now), plan


async def refuse(
    conn: AsyncConnection, workset: WorkingSet, number: int, reason: str, actor: str
) -> ReleaseView:
    """Say as anybody who may approve that it stays back; raises NotFound, Conflict."""
    row = await _open(conn, number, workset.now)
    decided = {"decided_by": actor, "decided_at": workset.now, "refusal": reason.strip() or None}
    await _decide(conn, number, state="refused", **decided)
    await _note(conn, workset, "release.refused", number, row["case_id"], actor)
    return await shown(conn, number, workset.now)


async def _decide(conn: AsyncConnection, number: int, **values: Any) -> None:
    """Write the decision down unless another one came first, perhaps in another gateway."""
    if not await releases.decide(conn, number, **values):
        raise Conflict("this release was decided before")


async def _open(conn: AsyncConnection, number: int, now: datetime) -> dict[str, Any]:
    row = await releases.by_id(conn, number)
    if row is None:
        raise NotFound("no such release")
    if row["state"] != "asked":
        raise Conflict("this release was decided before")
    if row["until"] <= now:
        raise Conflict("nobody approved this release in time; ask for it again")
    return row


async def shown(conn: AsyncConnection, number: int, now: datetime) -> ReleaseView:
    """Describe a release; raises NotFound."""
    row = await releases.by_id(conn, number)
    if row is None:
        raise NotFound("no such release")
    return view_of(row, now)


async def _note(
    conn: AsyncConnection, workset: WorkingSet, action: str, number: int, case_id: str | None, actor: str
) -> None:
    line = {"at": workset.now, "actor": actor, "action": action, "object": f"release {number}"}
    cases = [case_id] if case_id else []
    await audit.add(conn, [{**line, "detail": {"cases": cases}, "cases": cases}])
