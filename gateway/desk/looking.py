"""Look things up at the desk: cases, transactions, work, duties, counts; nothing here changes the store."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk import duty_views, views, views_today
from csenet.gateway.desk.base import DeskBase
from csenet.gateway.desk.duty_views import Compliance, DutyPage
from csenet.gateway.desk.names import case_key
from csenet.gateway.desk.results import (
    CaseView,
    LedgerReport,
    Page,
    TransactionDetail,
    TransactionFilter,
    WorkFilter,
    WorkItemView,
)
from csenet.gateway.store import aliases, dead, ledger, timed_runs, work
from csenet.gateway.store.dead import DeadFilter, DeadRow
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.timed_runs import LEDGER_CHECK


class Looking(DeskBase):
    """Read from the store what people and programs ask to see."""

    async def get_case(self, case_id: str) -> CaseView | None:
        """Return a case with its timeline and work, or None."""
        async with self.store.read() as conn:
            return await views.case_view(conn, await aliases.named(conn, case_key(case_id)))

    async def list_transactions(self, wanted: TransactionFilter | None = None) -> Page:
        """List transactions without their content, oldest first."""
        chosen = wanted or TransactionFilter()
        async with self.store.read() as conn:
            chosen = await _with_key(conn, chosen)
            return await views.transactions(conn, chosen, self.agency.state)

    async def transaction(self, view_id: str) -> TransactionDetail | None:
        """Return one transaction (``in-12``, ``out-7``) with its content, or None."""
        async with self.store.read() as conn:
            return await views.transaction(conn, view_id, self.agency.state)

    async def list_work_items(self, wanted: WorkFilter | None = None) -> Page:
        """List work items, oldest first."""
        chosen = wanted or WorkFilter()
        async with self.store.read() as conn:
            chosen = await _with_key(conn, chosen)
            return await views.work_items(conn, chosen)

    async def work_item(self, item_id: int) -> WorkItemView | None:
        """Return one work item, or None."""
        async with self.store.read() as conn:
            row = await work.by_id(conn, item_id)
        return None if row is None else views.work_item_view(row)

    async def list_duties(self, wanted: DutyFilter | None = None) -> DutyPage:
        """List duties, first due first."""
        chosen = wanted or DutyFilter()
        async with self.store.read() as conn:
            chosen = await _with_key(conn, chosen)
            return await duty_views.listed(conn, chosen, self.clock.today())

    async def compliance(
        self, month: date, side: str = "we-owe", offices: frozenset[str] | None = None
    ) -> Compliance:
        """Return how well duties were kept in the month of a day, by these offices or all."""
        async with self.store.read() as conn:
            return await duty_views.compliance(conn, month, side, self.clock.today(), offices)

    async def today(self, since: datetime) -> views_today.Today:
        """Count what began at or after a moment, and what waits now."""
        async with self.store.read() as conn:
            return await views_today.today(conn, since, self.clock.today(), self.clock.now())

    async def ledger_check(self) -> LedgerReport:
        """Prove that nothing was lost or doubled; possible at any time."""
        async with self.store.read() as conn:
            return await ledger.check(conn)

    async def ledger_proved(self) -> tuple[datetime, bool] | None:
        """Return when the timed job last took the ledger's sums, and whether they added up; None if never."""
        async with self.store.read() as conn:
            run = await timed_runs.of(conn, LEDGER_CHECK)
        if run is None or run.result_at is None:
            return None
        return run.result_at, bool(run.result["balanced"])

    async def dead_list(self, wanted: DeadFilter | None = None, limit: int | None = 1000) -> list[DeadRow]:
        """List what was given up, all of it without a ``limit``."""
        async with self.store.read() as conn:
            return await dead.dead_rows(conn, wanted, limit)


_Filter = TypeVar("_Filter", TransactionFilter, WorkFilter, DutyFilter)


async def _with_key(conn: AsyncConnection, wanted: _Filter) -> _Filter:
    """Ask for the case by the ID in use."""
    if wanted.case_id is None:
        return wanted
    return msgspec.structs.replace(wanted, case_id=await aliases.named(conn, case_key(wanted.case_id)))
