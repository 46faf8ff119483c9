"""The desk: every way into the gateway's work, each one commit or a row of them that can be resumed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import errorfile
from csenet.gateway.clock import Clock
from csenet.gateway.desk import annual, correcting, duty_views, events, parking, requests, views, views_today
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.annual import AnnualPage
from csenet.gateway.desk.duty_views import Compliance, DutyPage
from csenet.gateway.desk.event_results import EventResult
from csenet.gateway.desk.events import Told
from csenet.gateway.desk.files import Departing, FileSettling
from csenet.gateway.desk.operating import Operating
from csenet.gateway.desk.results import (
    CaseView,
    LedgerReport,
    Page,
    Receipt,
    SettleCount,
    SubmitResult,
    TransactionDetail,
    TransactionFilter,
    WorkFilter,
    WorkItemView,
)
from csenet.gateway.desk.settling import EXCHANGE
from csenet.gateway.desk.work_acts import WorkActs
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.errors import GatewayError, NotFound
from csenet.gateway.store import audit, dead, duties, journal, ledger, work
from csenet.gateway.store.dead import DeadFilter, DeadRow
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store

CHUNK = 100
"""How many records one commit settles."""

_LONGEST_NAME = 255
_LOOK_AGAIN = 2.0


class Desk(Operating, WorkActs):
    """Do the gateway's work for one agency."""

    def __init__(self, store: Store, agency: Agency, clock: Clock, log: Any = None) -> None:
        """Sit down at a store; ``log`` takes structlog events and gets keys only, never content."""
        self.store = store
        self.agency = agency
        self.clock = clock
        self.log = (log if log is not None else structlog.get_logger()).bind()
        self.outbox_ready = asyncio.Event()
        """Set after a commit that queued something to send."""
        self.arrived = asyncio.Event()
        """Set after a commit that accepted something to settle."""
        self._settling = asyncio.Lock()
        self.at_once = False
        """Lets a small file that comes alone be decided by the commit that keeps it, as in service."""
        self.departing: Departing = _nothing_departs
        """Asked inside a commit that queued something; what it returns is called after the commit."""
        self._files = FileSettling(
            store, lambda: self.agency, clock, self.log, self._told, lambda conn: self.departing(conn)
        )

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        """Keep bytes as they came and return the receipt once they are on disk.

        The same bytes again change nothing and get the first receipt, marked as a duplicate.
        """
        sha256 = hashlib.sha256(raw).hexdigest()
        empty = not raw.strip()
        kind = "errors" if not empty and errorfile.is_error_file(raw) else "transactions"

        async def keep(conn: AsyncConnection) -> tuple[Receipt, Callable[[], object] | None]:
            known = await journal.file_by_digest(conn, sha256)
            if known is not None:
                return _receipt(known, duplicate=True), None
            now = self.clock.now()
            values: dict[str, Any] = {
                "name": _readable(name),
                "source": source,
                "kind": kind,
                "sha256": sha256,
                "size": len(raw),
                "raw": raw,
                "received_at": now,
                "state": "settled" if empty else "received",
                "count": 0 if empty else None,
                "settled_at": now if empty else None,
            }
            file_id = await journal.add_file(conn, values)
            about = {"at": now, "actor": source, "action": "file.accepted", "object": f"file {file_id}"}
            await audit.add(conn, [{**about, "detail": {"sha256": sha256, "size": len(raw)}}])
            file = {**values, "id": file_id}
            settled = None if busy or empty else await self._files.settle_at_once(conn, file, CHUNK)
            return _receipt(file), settled

        # Alone, a file is decided by the commit that keeps it; in a crowd it must not keep others waiting.
        busy = not self.at_once or self._settling.locked() or self.store.busy
        if busy:
            receipt, settled = await self.store.together(keep)
        else:
            async with self._settling:
                receipt, settled = await self.store.together(keep)
        if not receipt.duplicate:
            self.log.info("file.accepted", file_id=receipt.file_id, kind=kind, sha256=sha256, size=len(raw))
        if settled is not None:
            settled()
        elif not receipt.duplicate:
            self.arrived.set()
        return receipt

    async def wait_for_arrival(self) -> None:
        """Return when there may be something to settle.

        What another gateway took in and could not settle any more tells nobody: on a shared database this
        returns every few seconds as well.
        """
        if not self.store.shared:
            await self.arrived.wait()
            return
        waits = [
            asyncio.ensure_future(self.arrived.wait()),
            asyncio.ensure_future(self.clock.sleep(_LOOK_AGAIN)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def settle(self, file_id: int) -> SettleCount:
        """Decide each transaction of a file, after those of files that came before it.

        May be called again at any time, also after a crash: what is settled stays as it is.
        """
        return await self._settle(up_to=file_id)

    async def settle_pending(self) -> SettleCount:
        """Decide everything accepted so far, in order of arrival, but for what another gateway is at."""
        return await self._settle(up_to=None)

    async def _settle(self, up_to: int | None) -> SettleCount:
        async with self._settling:
            return await self._files.settle(up_to, CHUNK)

    async def resume_parked(self, case_id: str | None = None) -> int:
        """Decide parked transactions again, of one case or all, in order; return how many went through.

        One that fails again stays parked and keeps the later ones of its case waiting.
        """
        key = None if case_id is None else requests.case_key(case_id)
        resumed, after = 0, 0
        async with self._settling:
            stuck: set[str] = set()
            while True:
                async with self._working() as (conn, workset):
                    rows = await journal.parked(conn, key, after=after, limit=CHUNK)
                    resumed += await parking.resume(conn, self.agency, workset, rows, stuck)
                self._told(workset)
                if len(rows) < CHUNK:
                    return resumed
                after = rows[-1]["id"]

    async def put_case(self, case_id: str, obj: Any, *, actor: str = "case system") -> CaseView:
        """Take a snapshot of a case's facts; raises ``Rejected`` naming every wrong field."""

        async def put(conn: AsyncConnection) -> CaseView:
            return await requests.put_case(conn, self._workset(), case_id, obj, actor)

        view = await self.store.together(put)
        self.log.info("case.put", version=view.version)
        return view

    async def get_case(self, case_id: str) -> CaseView | None:
        """Return a case with its timeline and work, or None."""
        async with self.store.read() as conn:
            return await views.case_view(conn, requests.case_key(case_id))

    async def submit(
        self, obj: Any, idempotency_key: str | None = None, *, actor: str = "case system"
    ) -> SubmitResult:
        """Queue a transaction, given whole or as ``{"case_id", "far"[, "information", "header"]}``.

        Raises ``Rejected`` with every problem, ``Conflict`` for a key used for another request.
        """

        async def queue(conn: AsyncConnection) -> tuple[SubmitResult, WorkingSet | None]:
            workset = self._workset()
            result, plan = await requests.submit(conn, workset, obj, idempotency_key, actor)
            return result, None if plan is None else workset

        result, workset = await self.store.together(queue)
        if workset is not None:
            self._told(workset)
        return result

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
        if way != "out" or not number.isdigit():
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
        return result

    async def list_transactions(self, wanted: TransactionFilter | None = None) -> Page:
        """List transactions without their content, oldest first."""
        chosen = wanted or TransactionFilter()
        if chosen.case_id is not None:
            chosen = _with_key(chosen)
        async with self.store.read() as conn:
            return await views.transactions(conn, chosen, self.agency.state)

    async def transaction(self, view_id: str) -> TransactionDetail | None:
        """Return one transaction (``in-12``, ``out-7``) with its content, or None."""
        async with self.store.read() as conn:
            return await views.transaction(conn, view_id, self.agency.state)

    async def list_work_items(self, wanted: WorkFilter | None = None) -> Page:
        """List work items, oldest first."""
        chosen = wanted or WorkFilter()
        if chosen.case_id is not None:
            chosen = _with_key(chosen)
        async with self.store.read() as conn:
            return await views.work_items(conn, chosen)

    async def work_item(self, item_id: int) -> WorkItemView | None:
        """Return one work item, or None."""
        async with self.store.read() as conn:
            row = await work.by_id(conn, item_id)
        return None if row is None else views.work_item_view(row)

    async def list_duties(self, wanted: DutyFilter | None = None) -> DutyPage:
        """List duties, first due first."""
        chosen = wanted or DutyFilter()
        if chosen.case_id is not None:
            chosen = _with_key(chosen)
        async with self.store.read() as conn:
            return await duty_views.listed(conn, chosen, self.clock.today())

    async def compliance(self, month: date, side: str = "we-owe") -> Compliance:
        """Return how well duties were kept in the month of a day."""
        async with self.store.read() as conn:
            return await duty_views.compliance(conn, month, side, self.clock.today())

    async def today(self, since: datetime) -> views_today.Today:
        """Count what began at or after a moment, and what waits now."""
        async with self.store.read() as conn:
            return await views_today.today(conn, since, self.clock.today())

    async def ledger_check(self) -> LedgerReport:
        """Prove that nothing was lost or doubled; possible at any time."""
        async with self.store.read() as conn:
            return await ledger.check(conn)

    async def dead_list(self, wanted: DeadFilter | None = None, limit: int | None = 1000) -> list[DeadRow]:
        """List what was given up, all of it without a ``limit``."""
        async with self.store.read() as conn:
            return await dead.dead_rows(conn, wanted, limit)

    async def dead_resend(self, ids: Sequence[int] | None = None, *, actor: str = "operator") -> int:
        """Queue dead transactions again, all if ``ids`` is None; those not dead are left as they are."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await dead.resend_dead(conn, ids, at=now, today=self.clock.today())
            await audit.add(conn, [self._by_hand("dead.resend", actor, ids, count)])
        self.log.info("dead.resend", count=count)
        self.outbox_ready.set()
        return count

    async def dead_cancel(self, ids: Sequence[int], reason: str, *, actor: str = "operator") -> int:
        """Withdraw dead transactions for good, which lets later ones of their cases go."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await dead.cancel_dead(conn, ids, reason=reason, at=now, today=self.clock.today())
            await duties.taken_back(conn, ids, self.clock.today())
            await audit.add(conn, [self._by_hand("dead.cancel", actor, ids, count)])
        self.log.info("dead.cancel", count=count)
        self.outbox_ready.set()
        return count

    async def release_held(self, ids: Sequence[int] | None = None, *, actor: str = "operator") -> int:
        """Have policy asked again about transactions kept back, all if ``ids`` is None."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await dead.release_held(conn, ids, at=now, today=self.clock.today())
            await audit.add(conn, [self._by_hand("held.release", actor, ids, count)])
        self.log.info("held.release", count=count)
        self.outbox_ready.set()
        return count

    def _by_hand(self, action: str, actor: str, ids: Sequence[int] | None, count: int) -> dict[str, Any]:
        chosen = "all" if ids is None else list(ids)
        return {
            "at": self.clock.now(),
            "actor": actor,
            "action": action,
            "object": "outbox",
            "detail": {"chosen": chosen, "count": count},
        }

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[tuple[AsyncConnection, WorkingSet]]:
        async with self.store.begin() as conn:
            yield conn, self._workset()

    def _workset(self) -> WorkingSet:
        return WorkingSet(self.agency, self.clock.now(), self.clock.today())

    def _told(self, workset: WorkingSet) -> SettleCount:
        """Log what a commit did, count it, and wake the courier; only called when it is on disk."""
        count = SettleCount(replies=len(workset.queued), work_items=len(workset.opened))
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
        for event in workset.audit:
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
        for opened in workset.opened:
            due = opened.item.due
            self.log.info(
                "work.opened", correlation_id=opened.cause.correlation, kind=opened.item.kind, due=due
            )
        if workset.queued:
            self.outbox_ready.set()
        return count


async def _nothing_departs(_conn: AsyncConnection) -> Callable[[], None]:
    return lambda: None


_Filter = TypeVar("_Filter", TransactionFilter, WorkFilter, DutyFilter)


def _with_key(wanted: _Filter) -> _Filter:
    return msgspec.structs.replace(wanted, case_id=requests.case_key(wanted.case_id or ""))


def _milliseconds(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)


def _readable(name: str) -> str:
    """Write a file's name so that every store and screen can hold it; systems allow any byte but two."""
    return "".join(each if each.isprintable() else "?" for each in name)[:_LONGEST_NAME]


def _receipt(row: Any, *, duplicate: bool = False) -> Receipt:
    return Receipt(
        receipt_id=f"R{row['id']:08d}",
        file_id=row["id"],
        name=row["name"],
        source=row["source"],
        kind=row["kind"],
        sha256=row["sha256"],
        bytes=row["size"],
        received_at=row["received_at"],
        duplicate=duplicate,
    )
