"""Choose what leaves next and seal it into a batch, asking policy one last time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.flatfile import Encoding, Framing, encode
from csenet.codecs.model import Direction
from csenet.gateway.store import outbox
from csenet.gateway.store.claims import Window
from csenet.gateway.store.outbox import OpenBatch, OutboundRow


class Permission(Protocol):
    """Read what policy answers: whether, and the rule with its words."""

    @property
    def allowed(self) -> bool:
        """Say whether the transaction may leave."""
        ...

    @property
    def why(self) -> Any:
        """Name the rule, its text and citation."""
        ...


MayLeave = Callable[[OutboundRow], Permission | None]


class Composer(msgspec.Struct, frozen=True, kw_only=True):
    """Seal batches for one state (two digits), of at most ``batch_size`` transactions.

    ``may_leave`` is asked about each row just before it leaves, because facts and agreements may have changed
    since it was decided; None means that there is nothing to object.
    """

    jurisdiction: str
    framing: Framing
    encoding: Encoding
    batch_size: int
    may_leave: MayLeave
    window: Window = msgspec.field(default_factory=Window)

    async def next_batch(self, conn: AsyncConnection, at: datetime) -> OpenBatch | None:
        """Seal the next batch inside the caller's transaction; None if nothing can leave."""
        while rows := await self.window.claim(conn, self.batch_size):
            leaving = await self._permitted(conn, rows, at)
            if leaving:
                return await self._seal(conn, leaving, at)
        return None

    async def _permitted(
        self, conn: AsyncConnection, rows: Sequence[OutboundRow], at: datetime
    ) -> list[OutboundRow]:
        """Hold what may not leave; what follows it in the same case stays queued behind it."""
        leaving: list[OutboundRow] = []
        waiting: set[str] = set()
        for row in rows:
            if row.case_id in waiting:
                continue
            permission = self.may_leave(row)
            if permission is None or permission.allowed:
                leaving.append(row)
                continue
            why = permission.why
            await outbox.hold(conn, row, reason=str(why.text), reasons=[msgspec.to_builtins(why)], at=at)
            if row.case_id is not None:
                waiting.add(row.case_id)
        return leaving

    async def _seal(
        self, conn: AsyncConnection, leaving: Sequence[OutboundRow], at: datetime
    ) -> OpenBatch | None:
        whole = await _whole_batches(conn, leaving)
        first = leaving[0].batch_id
        if first in whole:
            return await outbox.reopen_batch(conn, first)
        rows = list(takewhile(lambda row: row.batch_id not in whole, leaving))
        return await outbox.add_batch(
            conn,
            jurisdiction=self.jurisdiction,
            framing=self.framing.value,
            payload=encode([row.raw for row in rows], self.framing, Direction.TO_SERVER, self.encoding),
            rows=rows,
            at=at,
        )


async def _whole_batches(conn: AsyncConnection, leaving: Sequence[OutboundRow]) -> set[int]:
    """Find the dead batches of which everything leaves again, so that they can go as they were."""
    ids = {row.id for row in leaving}
    whole = set()
    for batch_id in {row.batch_id for row in leaving if row.batch_id is not None}:
        carried = await outbox.rows_of(conn, batch_id)
        if all(status == "refused" or (status == "queued" and row.id in ids) for status, row in carried):
            whole.add(batch_id)
    return whole
