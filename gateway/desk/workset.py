"""Hold what one commit works on: loaded with few queries, changed in memory, written back with few more.

A file's transactions are decided up to a hundred to a commit, and each must see what the one before it did to
the same case.  So the cases, their open work and our serial numbers are held here, and ``flush`` writes
everything at the end in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.codes import FarCode
from csenet.gateway.desk import taxing
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.assigning import office_of
from csenet.gateway.desk.casebook import CaseBook
from csenet.gateway.desk.chronicle import Chronicle
from csenet.gateway.desk.duties import DutyBook
from csenet.gateway.desk.plan import Cause, Plan, Queued, make_plan
from csenet.gateway.desk.workbook import WorkBook
from csenet.gateway.store import duties, journal, outgoing, search
from csenet.gateway.store.sealing import Row
from csenet.handlers.context import (
    Context,
    SentTransaction,
)
from csenet.handlers.decision import Decision


@dataclass(slots=True)
class Arrival:
    """Hold a transaction that came in, with what becomes of it."""

    cause: Cause
    row: dict[str, Any]
    replies: int = 0
    words: Set[search.Word] = frozenset()
    """What it is found by."""


@dataclass(slots=True)
class WorkingSet:
    """Hold the cases, work and counters of one commit."""

    agency: Agency
    now: datetime
    today: date
    next_serial: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    keys: list[tuple[Arrival, dict[str, Any]]] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)
    cases: CaseBook = field(init=False)
    chronicle: Chronicle = field(init=False)
    duties: DutyBook = field(init=False)
    work: WorkBook = field(init=False)

    def __post_init__(self) -> None:
        """Open empty books."""
        about = (self.agency, self.now, self.today)
        self.cases = CaseBook(self.now)
        self.chronicle = Chronicle(self.now, self.cases)
        self.duties = DutyBook(*about)
        self.work = WorkBook(*about, self.cases, self.chronicle, self.duties.owed_by)

    async def load(self, conn: AsyncConnection, case_ids: Collection[str]) -> None:
        """Read the serial counter, the cases and their open work; hold the counter."""
        self.next_serial = await outgoing.next_serial(conn, self.agency.state)
        found = await self.cases.load(conn, case_ids)
        await self.work.load(conn, found)
        await self.duties.load(conn, found.union(case_ids))

    async def load_more(self, conn: AsyncConnection, case_ids: Collection[str]) -> None:
        """Read further cases and their open work."""
        found = await self.cases.load_more(conn, case_ids)
        await self.work.load(conn, found)
        await self.duties.load(conn, found)

    def rename(self, former: str, case_id: str, cause: Cause) -> None:
        """Give a case another ID, or join it to the one that has that ID; all that belongs to it follows.

        One of which we never had the facts is renamed as well: what came on it may wait for its case.
        """
        self.cases.rename(former, case_id, cause)
        self.work.rename()
        self.duties.rename(former, case_id)
        self.chronicle.note(case_id, "case.id_changed", {"former": former}, cause)
        self.chronicle.record("case.id_changed", f"case {case_id}", cause, {"former": former})

    def context(
        self,
        case_id: str | None,
        received_on: date,
        sent: SentTransaction | None = None,
        candidates: Collection[str] = (),
    ) -> Context:
        """Put together what a handler may know; ``candidates`` are cases that might be meant."""
        might = (self.cases.record(each) for each in candidates)
        return Context(
            jurisdiction=self.agency.fips,
            profile=self.agency.profile,
            agreements=self.agency.agreements,
            calendar=self.agency.calendar,
            record=self.cases.record(case_id),
            today=self.today,
            received_on=received_on,
            sent=sent,
            candidates=tuple(record for record in might if record is not None),
            open_work=self.work.of(case_id),
        )

    def plan(self, decision: Decision, cause: Cause) -> Plan:
        """Work a decision out; nothing here changes."""
        touched = {change.case_id for change in decision.case_changes}
        known = ((case_id, self.cases.record(case_id)) for case_id in touched)
        records = {case_id: record for case_id, record in known if record is not None}
        return make_plan(
            decision,
            cause,
            agency=self.agency,
            records=records,
            next_serial=self.next_serial,
            today=self.today,
        )

    def adopt(self, plan: Plan) -> None:
        """Let a plan take effect in memory."""
        self.cases.adopt(plan.records)
        for case_id, values, rule in plan.changes:
            if any("case_id" in name for name in values):
                # The other state's ID of the case is another one now: the case is found by both.
                self.cases.find_anew(case_id)
            self.chronicle.note(case_id, "case.changed", {"set": values, "rule": rule}, plan.cause)
            self.chronicle.record("case.changed", f"case {case_id}", plan.cause, {"fields": sorted(values)})
        self.next_serial += len(plan.queued)
        for queued in plan.queued:
            self.queued.append(queued)
            self.duties.sent(queued)
            detail = {"far": queued.far, "serial": f"{queued.serial:012d}"}
            self.chronicle.note(queued.case_id, "transaction.queued", detail, plan.cause, queued)
            self.chronicle.record(
                "transaction.queued", f"serial {queued.serial}", plan.cause, {"far": queued.far}
            )
        for item_id in plan.closes:
            self.work.settle(item_id, plan.cause)
        for item in plan.work:
            self.work.open(item, plan.cause)

    async def flush(self, conn: AsyncConnection) -> None:
        """Write everything; what refers to a new row comes after it."""
        moved = await self.cases.names.flush(conn, self.now)
        await self._write_arrivals(conn)
        await self.cases.flush(conn)
        await self._write_queued(conn)
        await self.work.flush(conn)
        await self.duties.flush(conn, self._office_of)
        for case_id in sorted(moved):
            await duties.give_office(conn, case_id, self._office_of(case_id, ""))
        await self.chronicle.flush(conn)

    def _office_of(self, case_id: str | None, partner: str) -> str | None:
        return office_of(self.agency, self.cases.record(case_id), partner)

    async def _write_arrivals(self, conn: AsyncConnection) -> None:
        fresh = [each for each in self.arrivals if each.cause.inbound_id is None]
        for each in fresh:
            each.row["case_id"] = self.cases.case_of(each.row["case_id"])
        numbers = await journal.add_inbound(conn, [{**each.row, "replies": each.replies} for each in fresh])
        for each in fresh:
            each.cause.inbound_id = numbers[each.cause.correlation]
        own = [
            (each.cause.inbound_id or 0, self.cases.own_words(each.row["case_id"], each.words))
            for each in fresh
        ]
        await search.add(conn, "in", own)
        await taxing.mark_arrivals(conn, ((each.cause.inbound_id or 0, each.row) for each in fresh), self.now)
        await journal.add_keys(
            conn, [{**key, "inbound_id": arrival.cause.inbound_id} for arrival, key in self.keys]
        )

    async def _write_queued(self, conn: AsyncConnection) -> None:
        if not self.queued:
            return
        numbers = await outgoing.add(conn, [self._outbound_row(queued) for queued in self.queued])
        for queued in self.queued:
            queued.row_id = numbers[queued.serial]
        own = [(numbers[each.serial], self.cases.own_words(each.case_id, each.words)) for each in self.queued]
        await search.add(conn, "out", own)
        await taxing.mark_queued(conn, self.queued, self.now)
        await outgoing.set_next_serial(conn, self.agency.state, self.next_serial)

    def _outbound_row(self, queued: Queued) -> dict[str, Any]:
        return {
            "serial": queued.serial,
            "partner": queued.partner,
            "case_id": self.cases.case_of(queued.case_id) or None,
            "far": queued.far,
            "status": "queued",
            "raw": queued.raw,
            "transaction_date": queued.day,
            "in_reply_to": queued.cause.inbound_id if queued.in_reply else None,
            "correlation": queued.cause.correlation,
            "intake_at": queued.cause.intake_at,
            "created_at": self.now,
        }


def sent_transaction(row: Row, agency: Agency) -> SentTransaction:
    """Read one of our own transactions the way handlers know it."""
    return SentTransaction(
        serial=f"{row['serial']:012d}",
        far=FarCode.parse(row["far"]),
        case_id=row["case_id"] or "",
        partner=row["partner"],
        transaction_date=row["transaction_date"] or agency.date_of(row["created_at"]),
        status=row["status"],
    )


def queued_before(workset: WorkingSet, case_id: str) -> tuple[SentTransaction, ...]:
    """List what this commit queued on a case, the way handlers know what was sent."""
    return tuple(
        SentTransaction(
            serial=f"{queued.serial:012d}",
            far=FarCode.parse(queued.far),
            case_id=case_id,
            partner=queued.partner,
            transaction_date=queued.day,
            status="queued",
        )
        for queued in workset.queued
        if workset.cases.names.of(queued.case_id) == case_id
    )
