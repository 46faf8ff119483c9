"""Have a person tell the other state what a refused transaction would have told.

Works inside the caller's transaction: the one in which the transaction was refused has kept nothing.
"""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.plan import Cause
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import work
from csenet.handlers.decision import WorkItem


async def open_work(conn: AsyncConnection, workset: WorkingSet, item: WorkItem, actor: str) -> int:
    """Keep the work that takes the place of a refused transaction, and return its number.

    It is due when the duty is that the transaction would have answered. While it is open, another refusal of
    the same on the same case is one more message to it.
    """
    case_id, far = item.case_id or "", item.details["far"]
    await workset.load(conn, {case_id})
    cause = Cause(f"sub-{workset.next_serial}", workset.now, actor)
    owed = workset.duties.answered_by(far, case_id)
    days = [day for day in (item.due, owed) if day is not None]
    item = msgspec.structs.replace(item, due=min(days, default=None))
    workset.work.open_or_join(item, cause, [name for name in item.details if name != "instead"])
    workset.chronicle.record("transaction.withheld", f"case {case_id}", cause, {"far": far})
    await workset.flush(conn)
    rows = await work.open_of(conn, [case_id])
    return max(int(row["id"]) for row in rows if (row["kind"], row["details"].get("far")) == (item.kind, far))
