"""Remember how the destination fares, and what an operator ordered, for all gateways that share the store.

*Closed*: tries are made.  *Open*: too many failed in a row, none is made before ``probe_at``.  *Half-open*:
one of the gateways is probing; if that one dies, the next probe is due at ``probe_at`` all the same.  Every
function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit, outbox, work
from csenet.gateway.store.prepared import Prepared
from csenet.gateway.store.tables import outbound, work_item
from csenet.gateway.store.tables_delivery import destination

EXCHANGE: Final = "exchange"
"""A gateway has one way out; the name stays when its address changes, and so does an operator's hold."""

REFUSED_WORK: Final = "delivery_refused"
_TITLE: Final = "The exchange refuses this gateway; check address, secret and certificates in [delivery]"


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Hold how things stand."""

    state: str = "closed"
    failures: int = 0
    changed_at: datetime | None = None
    probe_at: datetime | None = None
    last_error: str | None = None
    held_at: datetime | None = None
    held_reason: str | None = None
    released_at: datetime | None = None
    flush_serial: int | None = None

    def lets_pass(self, at: datetime) -> bool:
        """Say whether a try may be made at that moment."""
        if self.held_at is not None:
            return False
        return self.state == "closed" or self.probe_at is None or self.probe_at <= at


_QUERY: Final = select(*(destination.c[name] for name in Destination.__struct_fields__)).where(
    destination.c.name == EXCHANGE
)
_LOAD: Final = Prepared(_QUERY)
_LOCK: Final = Prepared(_QUERY.with_for_update())


async def load(conn: AsyncConnection, *, lock: bool = False) -> Destination:
    """Return how things stand; ``lock`` keeps other gateways from changing it meanwhile."""
    found = await (_LOCK if lock else _LOAD).structs(conn, Destination)
    return found[0] if found else Destination()


async def enter(conn: AsyncConnection, at: datetime, probe_interval: float) -> bool:
    """Say whether a try may be made now; while the breaker is open, one gateway an interval is told so."""
    known = await load(conn)
    if known.state == "closed" or not known.lets_pass(at):
        return known.lets_pass(at)
    mine = update(destination).where(
        destination.c.name == EXCHANGE,
        destination.c.state != "closed",
        destination.c.held_at.is_(None),
        destination.c.probe_at == known.probe_at,
    )
    done = await conn.execute(mine.values(state="half-open", probe_at=at + timedelta(seconds=probe_interval)))
    return done.rowcount == 1


async def note_failure(
    conn: AsyncConnection, error: str, *, at: datetime, limit: int, probe_interval: float
) -> bool:
    """Count a failure; say whether it opened the breaker."""
    await _make(conn, at)
    known = await load(conn, lock=True)
    failures = known.failures + 1
    values: dict[str, Any] = {"failures": failures, "last_error": error}
    opens = known.state == "half-open" or failures >= limit
    if opens:
        values |= {"state": "open", "probe_at": at + timedelta(seconds=probe_interval)}
    if opens and known.state == "closed":
        values["changed_at"] = at
    await _set(conn, **values)
    return opens and known.state == "closed"


async def note_answer(conn: AsyncConnection, *, at: datetime, today: date) -> bool:
    """Forget the failures, as the destination works again; say whether that closed the breaker."""
    known = await load(conn)
    if known.failures == 0 and known.state == "closed":
        return False
    await _set(conn, state="closed", failures=0, probe_at=None, changed_at=at)
    await work.complete_where(conn, work_item.c.kind == REFUSED_WORK, on=today, at=at)
    return known.state != "closed"


async def ask_operator(conn: AsyncConnection, error: str, at: datetime) -> bool:
    """Open a work item about a wrong setting or certificate, unless one is open; say whether it is new."""
    # The row is locked by the failure that was counted before, so no other gateway opens one as well.
    is_open = exists().where(work_item.c.kind == REFUSED_WORK, work_item.c.status == "open")
    if (await conn.execute(select(is_open))).scalar_one():
        return False
    item: dict[str, Any] = {
        "kind": REFUSED_WORK,
        "title": _TITLE,
        "group": REFUSED_WORK,
        "case_id": None,
        "inbound_id": None,
        "outbound_id": None,
        "status": "open",
        "reasons": [],
        "details": {"error": error},
        "opened_at": at,
    }
    await work.add(conn, [item], ["courier"])
    return True


async def hold(conn: AsyncConnection, reason: str, *, actor: str, at: datetime) -> None:
    """Let nothing leave until `release`, whoever restarts in between."""
    await _make(conn, at)
    await _set(conn, held_at=at, held_reason=reason)
    await _by_hand(conn, "hold", actor, at, {"reason": reason})


async def release(conn: AsyncConnection, *, actor: str, at: datetime) -> bool:
    """End a hold, and have a failing destination probed at once; say whether there was a hold."""
    known = await load(conn, lock=True)
    if known.changed_at is None:
        return False
    due = None if known.state == "closed" else at
    await _set(conn, held_at=None, held_reason=None, released_at=at, probe_at=due)
    await _by_hand(conn, "release", actor, at, {})
    return known.held_at is not None


async def flush(conn: AsyncConnection, *, actor: str, at: datetime) -> int:
    """Let what is queued now leave without waiting for a window; return how many transactions that are."""
    queued = (outbox.IN_INDEX, outbox.status_is("queued"))
    query = select(func.count(), func.max(outbound.c.serial)).where(*queued)
    count, last = (await conn.execute(query)).one()
    sending = select(func.max(outbound.c.serial)).where(outbox.IN_INDEX, outbox.status_is("sending"))
    under_way = (await conn.execute(sending)).scalar_one()
    await _make(conn, at)
    await _set(conn, flush_serial=max(last or 0, under_way or 0) or None)
    await _by_hand(conn, "flush", actor, at, {"count": count})
    return int(count)


async def flushed(conn: AsyncConnection) -> None:
    """Note that nothing is left of what was to leave outside the windows."""
    await _set(conn, flush_serial=None)


async def _make(conn: AsyncConnection, at: datetime) -> None:
    insert_new: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = {"name": EXCHANGE, "state": "closed", "failures": 0, "changed_at": at}
    await conn.execute(insert_new(destination).values(**row).on_conflict_do_nothing())


async def _set(conn: AsyncConnection, **values: Any) -> None:
    await conn.execute(update(destination).where(destination.c.name == EXCHANGE).values(**values))


async def _by_hand(
    conn: AsyncConnection, action: str, actor: str, at: datetime, detail: dict[str, Any]
) -> None:
    row = {"at": at, "actor": actor, "action": f"delivery.{action}", "object": EXCHANGE, "detail": detail}
    await audit.add(conn, [row])
