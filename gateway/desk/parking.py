"""Take up again what had to be parked, in order of arrival within each case."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.transaction import Transaction
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.checking import reread
from csenet.gateway.desk.plan import Cause
from csenet.gateway.desk.settling import PARKED_WORK, Settler
from csenet.gateway.desk.workset import Arrival, WorkingSet
from csenet.gateway.store import journal, work
from csenet.gateway.store.sealing import Row

OPERATOR = "operator"
_CHANGED = ("correlation", "status", "decided_at", "decision", "case_id")


async def resume(
    conn: AsyncConnection, agency: Agency, workset: WorkingSet, rows: Sequence[Row], stuck: set[str]
) -> int:
    """Decide parked transactions again and return how many went through.

    ``stuck`` holds the cases whose first parked transaction failed again; it is added to.
    """
    settler = Settler(agency, workset)
    readable = {row["id"]: tx for row in rows if (tx := reread(row["raw"])) is not None}
    await settler.load(conn, list(readable.values()))
    settler.parked = stuck
    arrivals = [_again(settler, row, readable.get(row["id"])) for row in rows]
    await workset.flush(conn)
    resumed = 0
    for arrival in arrivals:
        number = arrival.cause.inbound_id
        if number is None or arrival.row["status"] == "parked":
            continue
        resumed += 1
        changed = {name: arrival.row[name] for name in _CHANGED}
        await journal.decide_parked(conn, number, {**changed, "replies": arrival.replies})
        await work.complete_of(conn, number, PARKED_WORK, workset.today, workset.now)
    return resumed


def _again(settler: Settler, row: Row, transaction: Transaction | None) -> Arrival:
    cause = Cause(row["correlation"], row["received_at"], OPERATOR, row["id"], row["sender"], row["far"])
    arrival = Arrival(cause, dict(row))
    settler.workset.arrivals.append(arrival)
    if transaction is not None:
        settler.decide(arrival, transaction)
    return arrival
