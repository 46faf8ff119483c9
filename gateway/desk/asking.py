"""Do what the case system asks: keep facts, send a transaction, act on an event, complete work, correct."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk import annual, correcting, events, facts_in, instead, requests
from csenet.gateway.desk.annual import AnnualPage
from csenet.gateway.desk.base import CHUNK, DeskBase
from csenet.gateway.desk.event_results import EventResult
from csenet.gateway.desk.events import Told
from csenet.gateway.desk.results import (
    CaseView,
    SubmitResult,
    TransactionRejected,
    WorkItemView,
)
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.errors import GatewayError, NotFound
from csenet.gateway.wording import is_number
from csenet.handlers.decision import WorkItem


class Asking(DeskBase):
    """Answer the case system; each request is one commit, and what it queued leaves at once."""

    async def put_case(self, case_id: str, obj: Any, *, actor: str = "case system") -> CaseView:
        """Take a snapshot of a case's facts; raises ``Rejected`` naming every wrong field."""

        async def put(conn: AsyncConnection) -> tuple[CaseView, WorkingSet]:
            workset = self._workset()
            return await facts_in.put_case(conn, workset, case_id, obj, actor), workset

        view, workset = await self.store.together(put)
        self._told(workset)
        self.log.info("case.put", version=view.version)
        return view

    async def submit(
        self, obj: Any, idempotency_key: str | None = None, *, actor: str = "case system"
    ) -> SubmitResult:
        """Queue a transaction, given whole or as ``{"case_id", "far"[, "information", "header"]}``.

        Raises ``Rejected`` with every problem, ``Conflict`` for a key used for another request.  What only a
        person can tell the other state has then become work, in a commit of its own.
        """

        async def queue(conn: AsyncConnection) -> tuple[SubmitResult, WorkingSet | None]:
            workset = self._workset()
            result, plan = await requests.submit(conn, workset, obj, idempotency_key, actor)
            return result, None if plan is None else workset

        try:
            result, workset = await self.store.together(queue)
        except TransactionRejected as refused:
            if refused.work is not None:
                refused.work_item = await self._told_instead(refused.work, actor)
            raise
        if workset is not None:
            self._told(workset)
        return self._with_window(result)

    async def _told_instead(self, item: WorkItem, actor: str) -> int:
        async def keep(conn: AsyncConnection) -> tuple[int, WorkingSet]:
            workset = self._workset()
            return await instead.open_work(conn, workset, item, actor), workset

        number, workset = await self.store.together(keep)
        self._told(workset)
        return number

    def _with_window(self, result: SubmitResult) -> SubmitResult:
        """Say when it may leave, by the moment at which it was queued: a repetition is told the same."""
        first = result.transactions[0].received_at if result.transactions else None
        leaves = None if first is None else self._leaves(first)
        return msgspec.structs.replace(result, next_window=leaves)

    async def happened(
        self, case_id: str, obj: Any, *, dry_run: bool = False, actor: str = "case system"
    ) -> EventResult:
        """Take in an event on a case: facts change and transactions leave as the table of events says.

        Its id makes it count once.  Raises ``Rejected``, ``NotFound``, or ``Conflict`` for an id used before.
        """
        answer = (await self.happened_all([Told(case_id, obj)], dry_run=dry_run, actor=actor))[0]
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    async def happened_all(
        self,
        told: Sequence[Told],
        *,
        dry_run: bool = False,
        actor: str = "case system",
        stuck: Collection[str] = (),
    ) -> list[EventResult | GatewayError]:
        """Take in events in order, in one commit; each is answered by itself, and a dry run keeps nothing.

        Cases of ``stuck`` wait for an event refused before.
        """

        async def take(conn: AsyncConnection) -> tuple[list[EventResult | GatewayError], WorkingSet]:
            workset = self._workset()
            found = await events.happen(conn, workset, told, actor, dry_run=dry_run, stuck=stuck)
            return found, workset

        answers, workset = await self.store.together(take)
        if not dry_run:
            self._told(workset)
        return answers

    async def annual_count(self) -> int:
        """Count the cases that the yearly run of interest looks at."""
        async with self.store.read() as conn:
            return await annual.count(conn)

    async def annual_interest(
        self,
        year: int,
        after: str = "",
        *,
        limit: int = CHUNK,
        dry_run: bool = False,
        actor: str = "case system",
        hold: Callable[[AsyncConnection], Awaitable[None]] | None = None,
    ) -> AnnualPage:
        """Tell the yearly interest of the next cases, in one commit; ``hold`` proves that it is our turn."""

        async def tell(conn: AsyncConnection) -> tuple[AnnualPage, WorkingSet]:
            if hold is not None:
                await hold(conn)
            workset = self._workset()
            page = await annual.step(conn, workset, year, after, limit, actor, dry_run=dry_run)
            return page, workset

        page, workset = await self.store.together(tell)
        if not dry_run:
            self._told(workset)
        return page

    async def complete_work(
        self,
        item_id: int,
        on: date,
        outcome: str | None = None,
        *,
        actor: str = "case system",
        case_id: str | None = None,
        text: str | None = None,
    ) -> WorkItemView:
        """Say that a work item was done on a day, or ``declined`` where that is a choice.

        ``case_id`` is the case to which a request was put, ``text`` what the other state is told.

        Repeating it changes nothing.  Raises ``NotFound``, ``Rejected``, or ``Conflict`` for another day.
        """

        async def complete(conn: AsyncConnection) -> tuple[WorkItemView, WorkingSet | None]:
            workset = self._workset()
            view, plan = await requests.complete_work(
                conn, workset, item_id, on, outcome, actor, case_id=case_id, text=text
            )
            return view, None if plan is None else workset

        view, workset = await self.store.together(complete)
        if workset is not None:
            self.log.info("work.completed", item_id=item_id, kind=view.kind)
            self._told(workset)
        return view

    async def correct(
        self, view_id: str, obj: Any, idempotency_key: str | None = None, *, actor: str = "case system"
    ) -> SubmitResult:
        """Send what the exchange refused (``out-7``), or the other state rejected, again as it is corrected.

        Raises ``NotFound``, ``Rejected`` with every problem, or ``Conflict`` for what is not to be corrected.
        """
        way, _, number = view_id.partition("-")
        if way != "out" or not is_number(number):
            raise NotFound("no such transaction of ours")

        async def again(conn: AsyncConnection) -> tuple[SubmitResult, WorkingSet]:
            workset = self._workset()
            args = (int(number), obj, idempotency_key, actor)
            return await correcting.correct(conn, workset, *args), workset

        result, workset = await self.store.together(again)
        if not result.repeated:
            self.log.info("transaction.corrected", serial=result.transactions[0].serial)
            self._told(workset)
            self.outbox_ready.set()
        return self._with_window(result)
