"""Choose what leaves next and seal it into a batch, asking policy one last time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.flatfile import Encoding, Framing, encode
from csenet.codecs.model import Direction
from csenet.gateway.store import outbox, outcomes, partner_holds, withdrawn
from csenet.gateway.store.claims import Window, claimable
from csenet.gateway.store.outbox import Draft, OpenBatch, OutboundRow


class Reason(Protocol):
    """Read why a transaction may not leave."""

    @property
    def text(self) -> str:
        """Say it in words for a person, without anything personal."""
        ...


# Asked inside the commit, so that what it reads of agreements and cases is as true as what is decided on it.
Refusals = Callable[[AsyncConnection, Sequence[OutboundRow]], Awaitable[Mapping[int, Sequence[Reason]]]]


async def nothing_refused(
    conn: AsyncConnection, rows: Sequence[OutboundRow]
) -> Mapping[int, Sequence[Reason]]:
    """Have nothing to object."""
    return {}


class Sealed(msgspec.Struct, frozen=True):
    """Hold a batch just sealed and its first and last serial numbers; none for one opened once more."""

    batch: OpenBatch
    serials: tuple[int, int] | None = None


class Composer(msgspec.Struct, frozen=True, kw_only=True):
    """Seal batches for one state (two digits), of at most ``batch_size`` transactions.

    ``refusals`` is asked about the rows just before they leave, because facts and agreements may have changed
    since they were decided; it names, by row, why one may not leave.
    """

    jurisdiction: str
    framing: Framing
    encoding: Encoding
    batch_size: int
    refusals: Refusals
    window: Window = msgspec.field(default_factory=Window)

    async def next_batches(
        self,
        conn: AsyncConnection,
        at: datetime,
        room: int,
        up_to: int | None = None,
        *,
        begun: bool = False,
    ) -> list[Sealed]:
        """Seal up to ``room`` batches inside the caller's transaction; none if nothing can leave.

        ``up_to`` leaves later serial numbers for another time.  ``begun`` counts a try of each new one.
        """
        while rows := await self.window.claim(conn, self.batch_size * room, up_to):
            leaving = await self._permitted(conn, rows, at)
            if leaving:
                return await self._seal(conn, leaving, at, begun=begun)
        return []

    async def something_waits(self, conn: AsyncConnection, up_to: int | None = None) -> bool:
        """Say whether a batch could be sealed."""
        return bool(await claimable(conn, 1, up_to=up_to))

    async def _permitted(
        self, conn: AsyncConnection, rows: Sequence[OutboundRow], at: datetime
    ) -> list[OutboundRow]:
        """Hold what may not leave; what follows it in the same case stays queued behind it."""
        leaving: list[OutboundRow] = []
        waiting: set[str] = set()
        refused = await self.refusals(conn, rows)
        for row in rows:
            if row.case_id in waiting:
                continue
            if row.id not in refused:
                leaving.append(row)
                continue
            await hold(conn, row, refused[row.id], at)
            if row.case_id is not None:
                waiting.add(row.case_id)
        return leaving

    async def _seal(
        self, conn: AsyncConnection, leaving: Sequence[OutboundRow], at: datetime, *, begun: bool
    ) -> list[Sealed]:
        whole = await _whole_batches(conn, leaving)
        first = leaving[0].batch_id
        if first in whole:
            again = await outbox.reopen_batch(conn, first)
            return [] if again is None else [Sealed(again)]
        rows = list(takewhile(lambda row: row.batch_id not in whole, leaving))
        drafts = [Draft(self._encoded(part), part) for part in self._parts(rows)]
        made = await outbox.add_batches(
            conn, drafts, jurisdiction=self.jurisdiction, framing=self.framing.value, at=at, begun=begun
        )
        return [
            Sealed(batch, (draft.rows[0].serial, draft.rows[-1].serial))
            for batch, draft in zip(made, drafts, strict=True)
        ]

    def _encoded(self, rows: Sequence[OutboundRow]) -> bytes:
        return encode([row.raw for row in rows], self.framing, Direction.TO_SERVER, self.encoding)

    def _parts(self, rows: Sequence[OutboundRow]) -> list[list[OutboundRow]]:
        """Cut rows into batches; the rows of a case go into one of them, or wait for another time."""
        elsewhere: set[str] = set()
        parts = []
        for start in range(0, len(rows), self.batch_size):
            wanted = rows[start : start + self.batch_size]
            part = [row for row in wanted if row.case_id is None or row.case_id not in elsewhere]
            elsewhere.update(row.case_id for row in part if row.case_id is not None)
            if part:
                parts.append(part)
        return parts


async def hold(conn: AsyncConnection, row: OutboundRow, why: Sequence[Reason], at: datetime) -> None:
    """Keep a row back for the reasons given; the first is the one that lists show."""
    reasons = [msgspec.to_builtins(each) for each in why]
    await outbox.hold(conn, row, reason=why[0].text, reasons=reasons, at=at)


async def withdraw(
    conn: AsyncConnection,
    batch: OpenBatch,
    refusals: Refusals,
    at: datetime,
    *,
    given_up: Collection[str] = (),
) -> bool:
    """Take a sealed batch back when something in it may not leave any more; say whether that was so.

    What goes to a partner on hold waits for its release, and what goes to partners ``given_up`` is dead;
    unless the batch may have arrived already: then it is past both, and goes on under its name.  What is
    refused is held.  The rest goes anew, in another batch, if no try of this one can have arrived; otherwise
    it is dead, for a person to ask what the destination has.  A batch whose bytes are at the destination
    already, short of their last rename, is past taking back.
    """
    if batch.state != "composed":
        return False
    rows = [row for status, row in await outbox.rows_of(conn, batch.id) if status == "sending"]
    refused = await refusals(conn, rows)
    on_hold = {each.partner for each in await partner_holds.load(conn)}
    over = {row.id for row in rows if row.partner in given_up and row.partner not in on_hold} - set(refused)
    if not refused and not over and not any(row.partner in on_hold for row in rows):
        return False
    arrived = await withdrawn.may_have_arrived(conn, batch.id)
    if arrived and not refused:
        return False
    why = await withdrawn.why(conn, batch.id)
    await withdrawn.close(conn, batch.id, at, apart=not arrived)
    if arrived:
        rest = [row for row in rows if row.id not in refused]
        await outbox.bury(conn, rest, error=withdrawn.WITHDRAWN, batch_id=batch.id, at=at)
    else:
        await outbox.queue_again(conn, [row for row in rows if row.id not in over])
        await _give_up(conn, batch, [row for row in rows if row.id in over], why, at)
    for row in rows:
        if row.id in refused:
            await hold(conn, row, refused[row.id], at)
    return True


async def _give_up(
    conn: AsyncConnection, batch: OpenBatch, rows: Sequence[OutboundRow], why: str, at: datetime
) -> None:
    """Leave to persons what is left in a batch that was taken apart."""
    if rows:
        await outcomes.note_rows(conn, batch.id, "transaction.dead", at)
        await outbox.bury(conn, rows, error=why, batch_id=batch.id, at=at)


async def _whole_batches(conn: AsyncConnection, leaving: Sequence[OutboundRow]) -> set[int]:
    """Find the dead batches of which everything leaves again, so that they can go as they were."""
    ids = {row.id for row in leaving}
    whole = set()
    for batch_id in {row.batch_id for row in leaving if row.batch_id is not None}:
        if await withdrawn.was_taken_apart(conn, batch_id):
            continue
        carried = await outbox.rows_of(conn, batch_id)
        if len(carried) < await outbox.count_in(conn, batch_id):
            # Some went on in another batch: as it was, this one would carry them once more.
            continue
        if all(status == "refused" or (status == "queued" and row.id in ids) for status, row in carried):
            whole.add(batch_id)
    return whole
