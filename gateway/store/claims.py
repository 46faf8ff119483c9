"""Share the outbox among the couriers of several gateways: each batch is one courier's until it is settled.

A courier holds a lease on its batch and shows the fencing token in each commit about it.  When a courier is
gone its lease runs out and another takes the batch over as it is, under the same name and with the same
bytes, which the destination recognises.  On an embedded database there is one courier and nothing of this.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Select, and_, bindparam, exists, literal_column, or_, select, text, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import leases, outbox, partner_holds
from csenet.gateway.store.committer import T, Work
from csenet.gateway.store.engine import Store
from csenet.gateway.store.outbox import OpenBatch, OutboundRow
from csenet.gateway.store.prepared import Prepared
from csenet.gateway.store.tables import delivery_batch, lease, outbound

# An open question about a row keeps every later row of its case waiting.
_BLOCKING: Final = text("before.status IN ('held', 'sending', 'dead')")
# How often the rows below the mark are looked at while there are enough above it.
_LOOK_BELOW: Final = 100


class _Now(Protocol):
    def now(self) -> datetime:
        """Return the moment."""
        ...


def _claim() -> Select[Any]:
    before = outbound.alias("before")
    overtakes = exists(
        select(literal_column("1")).where(
            before.c.case_id == outbound.c.case_id, before.c.serial < outbound.c.serial, _BLOCKING
        )
    )
    return (
        select(*outbox.row_columns())
        .where(
            outbox.IN_INDEX,
            outbox.status_is("queued"),
            outbound.c.serial > bindparam("above"),
            outbound.c.serial <= bindparam("until"),
            outbound.c.partner.not_in(partner_holds.held()),
            ~overtakes,
        )
        .order_by(outbound.c.serial)
        .limit(bindparam("number"))
        .with_for_update(of=outbound, skip_locked=True)
    )


_CLAIM: Final = Prepared(_claim())
_NO_END: Final = 2**62


async def claimable(
    conn: AsyncConnection, limit: int, above: int = 0, up_to: int | None = None
) -> list[OutboundRow]:
    """Return up to ``limit`` queued rows in order of serial, none that would overtake one of its case.

    What goes to a partner on hold is left here.

    Rows up to the serial number ``above``, or beyond ``up_to``, are left for another time.  On a shared
    database the rows stay locked until the caller's transaction ends, and rows that another one has locked
    are passed over.
    """
    until = _NO_END if up_to is None else up_to
    rows = await _CLAIM.structs(conn, OutboundRow, above=above, until=until, number=limit)
    return rows if not above and conn.dialect.name == "sqlite" else await _in_order(conn, rows)


async def _in_order(conn: AsyncConnection, rows: list[OutboundRow]) -> list[OutboundRow]:
    """Leave out rows that would overtake one passed over: it was locked, or lies below the mark."""
    mine = {row.id for row in rows}
    cases = sorted({row.case_id for row in rows if row.case_id is not None})
    first: dict[str, int] = {}
    for part in outbox.chunks(cases):
        query = select(outbound.c.id, outbound.c.case_id, outbound.c.serial).where(
            outbox.IN_INDEX, outbound.c.case_id.in_(part)
        )
        for number, case_id, serial in await conn.execute(query):
            if number not in mine:
                first[case_id] = min(serial, first.get(case_id, serial))
    return [row for row in rows if row.case_id is None or row.serial < first.get(row.case_id, row.serial + 1)]


class Window:
    """Remember up to where the queue was handed out.

    While any old snapshot is open, PostgreSQL must walk past every row that has left since; starting above
    them keeps a claim as quick as the first one.  Rows that stayed behind, or were queued again, are found
    when nothing is left above the mark, and every now and then.
    """

    def __init__(self) -> None:
        """Start at the bottom."""
        self._above = 0
        self._looks = 0

    async def claim(self, conn: AsyncConnection, limit: int, up_to: int | None = None) -> list[OutboundRow]:
        """Return up to ``limit`` rows that may leave, as ``claimable`` does."""
        self._looks += 1
        rows: list[OutboundRow] = []
        if self._above and self._looks % _LOOK_BELOW:
            rows = await claimable(conn, limit, self._above, up_to)
        if not rows:
            rows = await claimable(conn, limit, up_to=up_to)
        if rows and conn.dialect.name != "sqlite":
            self._above = max(self._above, rows[-1].serial)
        return rows


class BatchClaims:
    """Hold the leases of one courier, each for ``seconds`` at a time."""

    def __init__(self, store: Store, clock: _Now, seconds: float) -> None:
        """Remember for whom."""
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._fences: dict[int, int] = {}
        # In real time whatever the clock says: the others' patience is real as well.
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def oldest(self, conn: AsyncConnection, besides: Collection[int] = ()) -> OpenBatch | None:
        """Take over the oldest open batch that nobody works at, or return None.

        ``besides`` names those that this courier is at already.
        """
        others = delivery_batch.c.id.not_in(besides) if besides else true()
        if not self._store.shared:
            return await outbox.read_batch(conn, outbox.open_batches().where(others).limit(1))
        free = or_(
            lease.c.until.is_(None),
            lease.c.until <= self._clock.now(),
            lease.c.holder == self._store.holder,
        )
        query = (
            outbox.open_batches()
            .where(others)
            .outerjoin(lease, and_(lease.c.kind == leases.BATCH, lease.c.number == delivery_batch.c.id))
            .where(free)
            .limit(1)
        )
        batch = await self.take(conn, await outbox.read_batch(conn, query))
        if batch is None:
            return None
        # The lease comes first and the batch second, as for whoever settles it: perhaps just before us.
        still_open = outbox.open_batches().where(delivery_batch.c.id == batch.id)
        found = await outbox.read_batch(conn, still_open.with_for_update(of=delivery_batch))
        if found is None:
            await leases.finish(conn, *self._named(batch.id))
        return found

    async def take(self, conn: AsyncConnection, batch: OpenBatch | None) -> OpenBatch | None:
        """Make a batch this courier's; None if there is none, or another was quicker."""
        if batch is None or not self._store.shared:
            return batch
        named = (leases.BATCH, batch.id, self._store.holder)
        fence = await leases.take(conn, *named, now=self._clock.now(), seconds=self._seconds)
        if fence is None:
            return None
        self._fences[batch.id] = fence
        return batch

    @asynccontextmanager
    async def holding(
        self, batch_id: int, *, wait: float = 0.0, settled: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """Open a transaction about a batch; raises ``Fenced`` when it is not this courier's any more.

        The lease runs on for its time and ``wait`` more seconds, or ends when the batch is ``settled``.
        """
        async with self._store.begin(alone=False) as conn:
            if self._store.shared:
                await leases.prolong(
                    conn, *self._named(batch_id), now=self._clock.now(), seconds=self._seconds + wait
                )
            yield conn
            if settled and self._store.shared:
                await leases.finish(conn, *self._named(batch_id))

    async def within(self, batch_id: int, work: Work[T], *, wait: float = 0.0, settled: bool = False) -> T:
        """Do a piece of work about a batch in a transaction like that of ``holding``.

        On an embedded database it shares its commit with all else that waits.
        """
        if not self._store.shared:
            return await self._store.together(work)
        async with self.holding(batch_id, wait=wait, settled=settled) as conn:
            return await work(conn)

    @asynccontextmanager
    async def kept(self, batch_id: int) -> AsyncIterator[None]:
        """Prolong the lease again and again while the block runs, however long a try takes."""
        if not self._store.shared:
            yield
            return
        keeping = asyncio.create_task(self._keep(batch_id), name=f"lease of batch {batch_id}")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self, batch_id: int) -> None:
        while True:
            await self.sleep(self._seconds / 3)
            try:
                async with self.holding(batch_id):
                    pass
            except leases.Fenced:
                return
            except (OSError, SQLAlchemyError):
                # The next time may do; a lease that is lost meanwhile is noticed when the try is settled.
                continue

    async def release(self, batch_id: int) -> None:
        """Leave a batch to others before it is settled."""
        if self._store.shared:
            async with self._store.begin(alone=False) as conn:
                await leases.release(conn, *self._named(batch_id))

    def _named(self, batch_id: int) -> tuple[str, int, str, int]:
        return leases.BATCH, batch_id, self._store.holder, self._fences.get(batch_id, 0)
