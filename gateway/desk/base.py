"""Hold what every act at the desk needs: store, agency, clock, and what is said after a commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.names import case_key
from csenet.gateway.desk.results import SettleCount
from csenet.gateway.desk.settling import EXCHANGE
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.log import gathered
from csenet.gateway.store import aliases
from csenet.gateway.store.engine import Store

CHUNK: Final = 100
"""How many records, or cases, one commit takes."""


class DeskBase:
    """Lend the acts of the desk its store, its agency and its clock."""

    store: Store
    agency: Agency
    clock: Clock
    log: Any
    windows: Windows | None = None
    """When batches leave; None where that is always."""
    outbox_ready: asyncio.Event
    """Set after a commit that queued something to send."""

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[tuple[AsyncConnection, WorkingSet]]:
        async with self.store.begin() as conn:
            yield conn, self._workset()

    def _leaves(self, at: datetime) -> datetime | None:
        """Say when what was taken in or queued at a moment may leave; None where there are no hours."""
        return None if self.windows is None else self.windows.leaves(at)

    async def case_named(self, case_id: str) -> str:
        """Give the ID in use of the case that an ID names, however it is written."""
        async with self.store.read() as conn:
            return await aliases.named(conn, case_key(case_id))

    def _workset(self) -> WorkingSet:
        return WorkingSet(self.agency, self.clock.now(), self.clock.today())

    def _told(self, workset: WorkingSet, *, left: bool = False) -> SettleCount:
        """Log what a commit did, count it, and wake the courier; only called when it is on disk.

        Where all that was queued has ``left`` already the courier need not look.
        """
        with gathered():
            count = self._logged(workset)
        if workset.queued and not left:
            self.outbox_ready.set()
        return count

    def _logged(self, workset: WorkingSet) -> SettleCount:
        count = SettleCount(replies=len(workset.queued), work_items=len(workset.work.opened))
        for arrival in workset.arrivals:
            status = arrival.row["status"]
            setattr(count, status, getattr(count, status) + 1)
            self.log.info(
                f"transaction.{status}",
                correlation_id=arrival.cause.correlation,
                far=arrival.row["far"],
                sender=arrival.row["sender"] or EXCHANGE,
                serial=arrival.row["serial"],
                replies=arrival.replies,
                milliseconds=_milliseconds(workset.now - arrival.row["received_at"]),
            )
        for event in workset.chronicle.acts:
            if event.name == "transaction.refused":
                self.log.warning(event.name, correlation_id=event.cause.correlation, **event.detail)
        for queued in workset.queued:
            # The line before says how many answers there are, the courier's what left under which number.
            self.log.debug(
                "transaction.queued",
                correlation_id=queued.cause.correlation,
                far=queued.far,
                partner=queued.partner,
                serial=queued.serial,
            )
        for opened in workset.work.opened:
            due = opened.item.due
            self.log.info(
                "work.opened", correlation_id=opened.cause.correlation, kind=opened.item.kind, due=due
            )
        return count


def _milliseconds(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)
