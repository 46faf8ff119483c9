"""The desk: every way into the gateway's work, each one commit or a row of them that can be resumed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from itertools import islice
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import errorfile, flatfile
from csenet.gateway.clock import Clock
from csenet.gateway.desk import parking, requests, views
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.refusals import ErrorLine, RefusalSettler, error_lines
from csenet.gateway.desk.results import (
    CaseView,
    LedgerReport,
    NotFound,
    Page,
    Receipt,
    SettleCount,
    SubmitResult,
    TransactionDetail,
    TransactionFilter,
    WorkFilter,
    WorkItemView,
)
from csenet.gateway.desk.settling import EXCHANGE, Settler
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import audit, journal, ledger, outbox, work
from csenet.gateway.store.engine import Store
from csenet.gateway.store.outbox import DeadRow

CHUNK = 100
"""How many records one commit settles."""

T = TypeVar("T")


class Desk:
    """Do the gateway's work for one agency."""

    def __init__(self, store: Store, agency: Agency, clock: Clock, log: Any = None) -> None:
        """Sit down at a store; ``log`` takes structlog events and gets keys only, never content."""
        self.store = store
        self.agency = agency
        self.clock = clock
        self.log = log if log is not None else structlog.get_logger()
        self.outbox_ready = asyncio.Event()
        """Set after a commit that queued something to send."""
        self.arrived = asyncio.Event()
        """Set after a commit that accepted something to settle."""
        self._settling = asyncio.Lock()

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        """Keep bytes as they came and return the receipt once they are on disk.

        The same bytes again change nothing and get the first receipt, marked as a duplicate.
        """
        sha256 = hashlib.sha256(raw).hexdigest()
        now = self.clock.now()
        async with self.store.begin() as conn:
            known = await journal.file_by_digest(conn, sha256)
            if known is not None:
                return _receipt(known, duplicate=True)
            empty = not raw.strip()
            values: dict[str, Any] = {
                "name": name,
                "source": source,
                "kind": "errors" if not empty and errorfile.is_error_file(raw) else "transactions",
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
        self.log.info("file.accepted", file_id=file_id, kind=values["kind"], sha256=sha256, size=len(raw))
        self.arrived.set()
        return _receipt({**values, "id": file_id})

    async def settle(self, file_id: int) -> SettleCount:
        """Decide each transaction of a file, after those of files that came before it.

        May be called again at any time, also after a crash: what is settled stays as it is.
        """
        return await self._settle(up_to=file_id)

    async def settle_pending(self) -> SettleCount:
        """Decide everything accepted so far, in order of arrival."""
        return await self._settle(up_to=None)

    async def _settle(self, up_to: int | None) -> SettleCount:
        total = SettleCount()
        async with self._settling:
            async with self.store.read() as conn:
                if up_to is not None and not await journal.knows_file(conn, up_to):
                    raise NotFound("no such file")
                waiting = await journal.pending_files(conn, up_to)
            for file_id in waiting:
                total.add(await self._settle_file(file_id))
        return total

    async def _settle_file(self, file_id: int) -> SettleCount:
        async with self.store.read() as conn:
            file = await journal.file_by_id(conn, file_id)
            done = await journal.last_position(conn, file_id)
        total = SettleCount(files=1)
        if file is None or file["state"] == "settled":
            return total
        errors = file["kind"] == "errors"
        records: Iterator[Any] = error_lines(file["raw"]) if errors else flatfile.read_all(file["raw"])
        step = self._settle_errors if errors else self._settle_chunk
        for chunk, last in _chunks((record for record in records if record.position > done), CHUNK):
            total.add(await step(file, chunk, last))
            # The courier and the API get their turn between two chunks of a large file.
            await asyncio.sleep(0)
        self.log.info("file.settled", file_id=file_id, transactions=total.transactions)
        return total

    async def _settle_chunk(
        self, file: RowMapping, records: Sequence[flatfile.Record], last: bool
    ) -> SettleCount:
        async with self._working() as (conn, workset):
            settler = Settler(self.agency, workset)
            fresh = await _not_settled(conn, file, records)
            await settler.load(conn, [each.transaction for each in fresh if each.transaction is not None])
            for record in fresh:
                settler.take(file, record)
            await workset.flush(conn)
            await _close(conn, file, workset, records, last)
        return self._told(workset)

    async def _settle_errors(self, file: RowMapping, records: Sequence[ErrorLine], last: bool) -> SettleCount:
        async with self._working() as (conn, workset):
            settler = RefusalSettler(workset)
            fresh = await _not_settled(conn, file, records)
            await settler.load(conn, fresh)
            for line in fresh:
                await settler.take(conn, file, line)
            await workset.flush(conn)
            await _close(conn, file, workset, records, last)
        return self._told(workset)

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
        async with self._working() as (conn, workset):
            view = await requests.put_case(conn, workset, case_id, obj, actor)
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
        async with self._working() as (conn, workset):
            result, plan = await requests.submit(conn, workset, obj, idempotency_key, actor)
        if plan is not None:
            self._told(workset)
        return result

    async def complete_work(
        self, item_id: int, on: date, outcome: str | None = None, *, actor: str = "case system"
    ) -> WorkItemView:
        """Say that a work item was done on a day, or ``declined`` where that is a choice.

        Repeating it changes nothing.  Raises ``NotFound``, ``Rejected``, or ``Conflict`` for another day.
        """
        async with self._working() as (conn, workset):
            view, plan = await requests.complete_work(conn, workset, item_id, on, outcome, actor)
        if plan is not None:
            self.log.info("work.completed", item_id=item_id, kind=view.kind)
            self._told(workset)
        return view

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

    async def counts(self) -> views.Counts:
        """Return the numbers of the status page."""
        async with self.store.read() as conn:
            return await views.counts(conn)

    async def ledger_check(self) -> LedgerReport:
        """Prove that nothing was lost or doubled; possible at any time."""
        async with self.store.read() as conn:
            return await ledger.check(conn)

    async def dead_list(self) -> list[DeadRow]:
        """List what was given up after the limit of attempts."""
        async with self.store.read() as conn:
            return await outbox.dead_rows(conn)

    async def dead_resend(self, ids: Sequence[int] | None = None, *, actor: str = "operator") -> int:
        """Queue dead transactions again, all if ``ids`` is None; those not dead are left as they are."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await outbox.resend_dead(conn, ids, at=now, today=self.clock.today())
            await audit.add(conn, [self._by_hand("dead.resend", actor, ids, count)])
        self.log.info("dead.resend", count=count)
        self.outbox_ready.set()
        return count

    async def dead_cancel(self, ids: Sequence[int], reason: str, *, actor: str = "operator") -> int:
        """Withdraw dead transactions for good, which lets later ones of their cases go."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await outbox.cancel_dead(conn, ids, reason=reason, at=now, today=self.clock.today())
            await audit.add(conn, [self._by_hand("dead.cancel", actor, ids, count)])
        self.log.info("dead.cancel", count=count)
        self.outbox_ready.set()
        return count

    async def release_held(self, ids: Sequence[int] | None = None, *, actor: str = "operator") -> int:
        """Have policy asked again about transactions kept back, all if ``ids`` is None."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await outbox.release_held(conn, ids, at=now, today=self.clock.today())
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
            yield conn, WorkingSet(self.agency, self.clock.now(), self.clock.today())

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
            )
        for queued in workset.queued:
            self.log.info(
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


_Filter = TypeVar("_Filter", TransactionFilter, WorkFilter)


def _with_key(wanted: _Filter) -> _Filter:
    return msgspec.structs.replace(wanted, case_id=requests.case_key(wanted.case_id or ""))


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


def _chunks(records: Iterable[T], size: int) -> Iterator[tuple[list[T], bool]]:
    """Cut records into lists of ``size`` and tell which is the last; one empty list when there are none."""
    rest = iter(records)
    chunk = list(islice(rest, size))
    while True:
        following = list(islice(rest, size))
        yield chunk, not following
        if not following:
            return
        chunk = following


async def _not_settled(conn: AsyncConnection, file: RowMapping, records: Sequence[T]) -> list[T]:
    """Leave out what another process settled in the meantime."""
    done = await journal.last_position(conn, file["id"])
    return [record for record in records if getattr(record, "position", 0) > done]


async def _close(
    conn: AsyncConnection, file: RowMapping, workset: WorkingSet, records: Sequence[Any], last: bool
) -> None:
    if last:
        count = records[-1].position if records else await journal.last_position(conn, file["id"])
        await journal.close_file(conn, file["id"], count, workset.now)
