"""Hold what one commit works on: loaded with few queries, changed in memory, written back with few more.

A file's transactions are decided up to a hundred to a commit, and each must see what the one before it did to
the same case.  So the cases, their open work and our serial numbers are held here, and ``flush`` writes
everything at the end in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.codes import FarCode
from csenet.gateway.desk import taxing
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.assigning import assignment, due_of, given_to, office_of, same_thing
from csenet.gateway.desk.duties import DutyBook
from csenet.gateway.desk.indexing import record_of, words_of_case
from csenet.gateway.desk.names import Move, Names
from csenet.gateway.desk.plan import Cause, Plan, Queued, make_plan
from csenet.gateway.store import audit, cases, duties, journal, outgoing, search, work
from csenet.gateway.store.sealing import Row
from csenet.handlers.context import (
    CaseRecord,
    Context,
    SentTransaction,
    WorkView,
)
from csenet.handlers.decision import Decision, WorkItem
from csenet.handlers.facts import CaseFacts, facts_to_json
from csenet.handlers.joining import joined, known_as, renamed
from csenet.handlers.policy.work_kinds import kind_of
from csenet.handlers.policy.work_rules import WorkRule

BY_ITSELF = frozenset({"exchange", "gateway", "operator"})
"""Who acts when nobody does: what arrives, what runs out, and what is taken up again after a fault."""


@dataclass(slots=True)
class Opened:
    """Hold a work item not yet written; ``outbound_id`` names the transaction of ours it is about."""

    item: WorkItem
    cause: Cause
    outbound_id: int | None = None
    completed_on: date | None = None
    due: date | None = None
    rule: WorkRule | None = None


@dataclass(slots=True)
class Joined:
    """Hold a message that is about an open work item; a number below zero is that of one not yet written."""

    item_id: int
    title: str
    cause: Cause
    due: date | None = None
    """The day on which the item is due from now on, where that is sooner."""


@dataclass(slots=True)
class Event:
    """Hold a line for a case's timeline or for the audit."""

    name: str
    about: str
    detail: dict[str, Any]
    cause: Cause
    queued: Queued | None = None


@dataclass(slots=True)
class Arrival:
    """Hold a transaction that came in, with what becomes of it."""

    cause: Cause
    row: dict[str, Any]
    replies: int = 0
    words: Set[search.Word] = frozenset()
    """What it is found by."""


def work_view(row: Row) -> WorkView:
    """Read a work item the way handlers know it."""
    return WorkView(**{name: row[name] for name in WorkView.__struct_fields__})


@dataclass(slots=True)
class WorkingSet:
    """Hold the cases, work and counters of one commit."""

    agency: Agency
    now: datetime
    today: date
    next_serial: int = 0
    _first_serial: int = 0
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _records: dict[str, CaseRecord] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _created: set[str] = field(default_factory=set)
    _renamed: set[str] = field(default_factory=set)
    _work: dict[int, WorkView] = field(default_factory=dict)
    _words: dict[str, Set[search.Word]] = field(default_factory=dict)
    _closed: dict[int, tuple[date, str, str]] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    keys: list[tuple[Arrival, dict[str, Any]]] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    kept: list[tuple[int, Cause]] = field(default_factory=list)
    timeline: list[Event] = field(default_factory=list)
    audit: list[Event] = field(default_factory=list)
    duties: DutyBook = field(init=False)
    names: Names = field(default_factory=Names)

    def __post_init__(self) -> None:
        """Open an empty book of duties."""
        self.duties = DutyBook(self.agency, self.now, self.today)

    async def load(self, conn: AsyncConnection, case_ids: Collection[str]) -> None:
        """Read the serial counter, the cases and their open work; hold the counter."""
        self.next_serial = self._first_serial = await outgoing.next_serial(conn, self.agency.state)
        self._rows = await cases.load(conn, case_ids)
        meant = await self.names.load(conn, [each for each in case_ids if each not in self._rows])
        self._rows |= await cases.load(conn, meant)
        self._work = {row["id"]: work_view(row) for row in await work.open_of(conn, self._rows)}
        await self.duties.load(conn, {*case_ids, *meant})

    async def load_more(self, conn: AsyncConnection, case_ids: Collection[str]) -> None:
        """Read further cases and their open work."""
        more = await cases.load(conn, [each for each in case_ids if each not in self._rows])
        self._rows = {**self._rows, **more}
        self._work |= {row["id"]: work_view(row) for row in await work.open_of(conn, more)}
        await self.duties.load(conn, more)

    def case_of(self, case_id: str | None) -> str | None:
        """Give the ID in use of the case that an ID names."""
        return None if case_id is None else self.names.of(case_id)

    def knows(self, case_id: str | None) -> bool:
        """Tell whether the case is one of ours, by the ID in use or one that it had."""
        return self.case_of(case_id) in self._rows

    def record(self, case_id: str | None) -> CaseRecord | None:
        """Return the case as it is by now; read from its row only when first asked for."""
        case_id = self.case_of(case_id)
        if case_id is None or case_id not in self._rows:
            return None
        if case_id not in self._records:
            self._records[case_id] = record_of(case_id, self._rows[case_id])
        return self._records[case_id]

    def tell(self, record: CaseRecord) -> None:
        """Take new facts of a case in, with the state that follows from them."""
        self._records[record.case_id] = record
        self._changed.add(record.case_id)
        self._told.add(record.case_id)

    def put(self, record: CaseRecord) -> None:
        """Take in the facts of a case that may not have been known."""
        if record.case_id not in self._rows:
            self._rows[record.case_id] = {"case_id": record.case_id, "version": 0}
            self._created.add(record.case_id)
        self.tell(record)

    def version(self, case_id: str) -> int:
        """Say which version of a case this commit writes."""
        return int(self._rows[case_id]["version"]) + 1

    def rename(self, former: str, case_id: str, cause: Cause) -> None:
        """Give a case another ID, or join it to the one that has that ID; all that belongs to it follows.

        One of which we never had the facts is renamed as well: what came on it may wait for its case.
        """
        old = self.record(former)
        # An ID that the case had already is no other record.
        new = None if self.case_of(case_id) == former else self.record(case_id)
        row = self._rows.pop(former, None)
        self._records.pop(former, None)
        self._changed -= {former}
        self.names.add(Move(former, case_id, cause.actor, row, joins=old is not None and new is not None))
        self._work = {
            number: msgspec.structs.replace(view, case_id=self.case_of(view.case_id))
            for number, view in self._work.items()
        }
        self.duties.rename(former, case_id)
        if row is not None:
            self._rows.setdefault(case_id, row)
        if old is not None:
            self.tell(renamed(old, case_id) if new is None else joined(old, new))
        elif new is not None:
            self.tell(known_as(new, former))
        self.note(case_id, "case.id_changed", {"former": former}, cause)
        self.record_change("case.id_changed", f"case {case_id}", cause, {"former": former})

    def context(
        self,
        case_id: str | None,
        received_on: date,
        sent: SentTransaction | None = None,
        candidates: Collection[str] = (),
    ) -> Context:
        """Put together what a handler may know; ``candidates`` are cases that might be meant."""
        might = (self.record(each) for each in candidates)
        return Context(
            jurisdiction=self.agency.fips,
            profile=self.agency.profile,
            agreements=self.agency.agreements,
            calendar=self.agency.calendar,
            record=self.record(case_id),
            today=self.today,
            received_on=received_on,
            sent=sent,
            candidates=tuple(record for record in might if record is not None),
            open_work=self.open_work(case_id),
        )

    def open_work(self, case_id: str | None) -> tuple[WorkView, ...]:
        """Return the open work of a case, oldest first; numbers below zero are not written yet."""
        case_id = self.case_of(case_id)
        if case_id is None:
            return ()
        return tuple(view for view in self._work.values() if view.case_id == case_id)

    def plan(self, decision: Decision, cause: Cause) -> Plan:
        """Work a decision out; nothing here changes."""
        touched = {change.case_id for change in decision.case_changes}
        records = {case_id: record for case_id in touched if (record := self.record(case_id)) is not None}
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
        self._records.update(plan.records)
        self._changed.update(plan.records)
        for case_id, values, rule in plan.changes:
            if any("case_id" in name for name in values):
                # The other state's ID of the case is another one now: the case is found by both.
                self._renamed.add(case_id)
            self.note(case_id, "case.changed", {"set": values, "rule": rule}, plan.cause)
            self.record_change("case.changed", f"case {case_id}", plan.cause, {"fields": sorted(values)})
        self.next_serial += len(plan.queued)
        for queued in plan.queued:
            self.queued.append(queued)
            self.duties.sent(queued)
            detail = {"far": queued.far, "serial": f"{queued.serial:012d}"}
            self.note(queued.case_id, "transaction.queued", detail, plan.cause, queued)
            self.record_change(
                "transaction.queued", f"serial {queued.serial}", plan.cause, {"far": queued.far}
            )
        for item_id in plan.closes:
            self._close_by_itself(item_id, plan.cause)
        for item in plan.work:
            self.open_item(item, plan.cause)

    def open_item(self, item: WorkItem, cause: Cause, outbound_id: int | None = None) -> None:
        """Open a work item, numbered below zero until it is written; or add to one about the same thing."""
        item = msgspec.structs.replace(item, case_id=self.case_of(item.case_id))
        view = same_thing(item, self.open_work(item.case_id))
        due = due_of(self.agency, item, self.today, self.duties.owed_by(cause))
        if view is not None:
            self._join(view, item, due, cause)
            return
        record = self.record(item.case_id)
        rule = assignment(self.agency, record, item.details.get("from"), item.kind)
        self.opened.append(Opened(item, cause, outbound_id, due=due, rule=rule))
        number = -len(self.opened)
        self._work[number] = WorkView(
            id=number,
            kind=item.kind,
            case_id=item.case_id,
            group=item.group,
            due=due,
            duty=item.duty,
            details=item.details,
        )
        told = due.isoformat() if due else None
        self.note(item.case_id, "work.opened", {"kind": item.kind, "due": told}, cause)

    def open_or_join(self, item: WorkItem, cause: Cause, alike: Collection[str]) -> None:
        """Open a work item, or add to open work of its kind on its case with these details equal."""
        for view in self.open_work(item.case_id):
            if view.kind == item.kind and all(view.details.get(n) == item.details.get(n) for n in alike):
                self._join(view, item, item.due, cause)
                return
        self.open_item(item, cause)

    def _join(self, view: WorkView, item: WorkItem, due: date | None, cause: Cause) -> None:
        """Add a message to open work, which is due no later than the message wants it."""
        sooner = due if due is not None and (view.due is None or due < view.due) else None
        self.joined.append(Joined(view.id, item.title, cause, sooner))
        if sooner is not None:
            self._work[view.id] = msgspec.structs.replace(view, due=sooner)
        if sooner is not None and view.id < 0:
            self.opened[-view.id - 1].due = sooner
        self.note(item.case_id, "work.message", {"kind": item.kind}, cause)

    def _close_by_itself(self, item_id: int, cause: Cause) -> None:
        """Complete what a decision settles.

        What a person must do stays open and says what happened, unless it is a person who acts.
        """
        view = self._work.get(item_id)
        if view is None:
            return
        if kind_of(view.kind).person and cause.actor in BY_ITSELF:
            self.kept.append((item_id, cause))
            self.note(view.case_id, "work.answered", {"kind": view.kind}, cause)
        else:
            self.close_work(item_id, self.today, cause)

    def close_work(self, item_id: int, on: date, cause: Cause, outcome: str = "done") -> None:
        """Complete an open work item; one that is not open stays as it is."""
        view = self._work.pop(item_id, None)
        if view is None:
            return
        if item_id < 0:
            self.opened[-item_id - 1].completed_on = on
        else:
            self._closed[item_id] = (on, outcome, cause.actor)
            self.record_change("work.completed", f"work {item_id}", cause)
        self.note(view.case_id, "work.completed", {"kind": view.kind, "on": on.isoformat()}, cause)

    def hold_work(self, view: WorkView) -> None:
        """Take a work item in that was loaded apart from its case's."""
        self._work[view.id] = view

    def note(
        self,
        case_id: str | None,
        name: str,
        detail: dict[str, Any],
        cause: Cause,
        queued: Queued | None = None,
    ) -> None:
        """Write a line on the timeline of a case we know."""
        if case_id is not None and self.knows(case_id):
            self.timeline.append(Event(name, case_id, detail, cause, queued))

    def record_change(
        self, action: str, about: str, cause: Cause, detail: dict[str, Any] | None = None
    ) -> None:
        """Write a line for the audit."""
        self.audit.append(Event(action, about, detail or {}, cause))

    async def flush(self, conn: AsyncConnection) -> None:
        """Write everything; what refers to a new row comes after it."""
        moved = await self.names.flush(conn, self.now)
        await self._write_arrivals(conn)
        await self._write_cases(conn)
        await self._write_queued(conn)
        await self._write_work(conn)
        await self.duties.flush(conn, self._office_of)
        for case_id in sorted(moved):
            await duties.give_office(conn, case_id, self._office_of(case_id, ""))
        await cases.add_events(conn, [self._timeline_row(event) for event in self.timeline])
        await audit.add(conn, [self._audit_row(event) for event in self.audit])

    def _office_of(self, case_id: str | None, partner: str) -> str | None:
        return office_of(self.agency, self.record(case_id), partner)

    async def _write_arrivals(self, conn: AsyncConnection) -> None:
        fresh = [each for each in self.arrivals if each.cause.inbound_id is None]
        for each in fresh:
            each.row["case_id"] = self.case_of(each.row["case_id"])
        numbers = await journal.add_inbound(conn, [{**each.row, "replies": each.replies} for each in fresh])
        for each in fresh:
            each.cause.inbound_id = numbers[each.cause.correlation]
        own = [(each.cause.inbound_id or 0, self._own(each.row["case_id"], each.words)) for each in fresh]
        await search.add(conn, "in", own)
        await taxing.mark_arrivals(conn, ((each.cause.inbound_id or 0, each.row) for each in fresh), self.now)
        await journal.add_keys(
            conn, [{**key, "inbound_id": arrival.cause.inbound_id} for arrival, key in self.keys]
        )

    async def _write_cases(self, conn: AsyncConnection) -> None:
        rows = {case_id: self._case_row(case_id) for case_id in sorted(self._changed)}
        await cases.save(conn, [row for case_id, row in rows.items() if case_id not in self._told])
        told = [
            row | facts_row(self._records[case_id].facts)
            for case_id, row in rows.items()
            if case_id in self._told
        ]
        await cases.save(conn, [row for row in told if row["case_id"] not in self._created])
        for row in told:
            if row["case_id"] in self._created:
                await cases.add(conn, row)
        for case_id in sorted((self._told | self._renamed) & self._changed):
            await search.put_case(conn, case_id, words_of_case(self._records[case_id]))

    def _case_row(self, case_id: str) -> dict[str, Any]:
        return {
            "case_id": case_id,
            "state": self._records[case_id].state,
            "version": self.version(case_id),
            "updated_at": self.now,
        }

    async def _write_queued(self, conn: AsyncConnection) -> None:
        if not self.queued:
            return
        numbers = await outgoing.add(conn, [self._outbound_row(queued) for queued in self.queued])
        for queued in self.queued:
            queued.row_id = numbers[queued.serial]
        own = [(numbers[each.serial], self._own(each.case_id, each.words)) for each in self.queued]
        await search.add(conn, "out", own)
        await taxing.mark_queued(conn, self.queued, self.now)
        await outgoing.set_next_serial(conn, self.agency.state, self.next_serial)

    def _own(self, case_id: str | None, words: Set[search.Word]) -> Set[search.Word]:
        """Leave out of the words of a transaction by which its case is found already."""
        record = self.record(case_id)
        if record is None or not words:
            return words
        if record.case_id not in self._words:
            self._words[record.case_id] = words_of_case(record)
        return words - self._words[record.case_id]

    async def _write_work(self, conn: AsyncConnection) -> None:
        closed = [
            {"item": item, "on": on, "at": self.now, "outcome": outcome, "actor": actor}
            for item, (on, outcome, actor) in self._closed.items()
        ]
        await work.complete(conn, closed)
        rows = [self._work_row(opened) for opened in self.opened]
        made = await work.add(conn, rows, [opened.cause.actor for opened in self.opened])
        for (number, kind), opened in zip(made, self.opened, strict=True):
            self.record_change("work.opened", f"work {number}", opened.cause, {"kind": kind})
        await work.join(conn, [self._joined_row(each, made) for each in self.joined])
        for item_id, cause in self.kept:
            number = item_id if item_id > 0 else made[-item_id - 1][0]
            await work.change(conn, number, "answered", at=self.now, actor=cause.actor)

    def _joined_row(self, joined: Joined, made: Sequence[tuple[int, str]]) -> dict[str, Any]:
        return {
            "item": joined.item_id if joined.item_id > 0 else made[-joined.item_id - 1][0],
            "at": self.now,
            "actor": joined.cause.actor,
            "inbound_id": joined.cause.inbound_id,
            "text": joined.title,
            "due": joined.due,
        }

    def _outbound_row(self, queued: Queued) -> dict[str, Any]:
        return {
            "serial": queued.serial,
            "partner": queued.partner,
            "case_id": self.case_of(queued.case_id) or None,
            "far": queued.far,
            "status": "queued",
            "raw": queued.raw,
            "transaction_date": queued.day,
            "in_reply_to": queued.cause.inbound_id if queued.in_reply else None,
            "correlation": queued.cause.correlation,
            "intake_at": queued.cause.intake_at,
            "created_at": self.now,
        }

    def _work_row(self, opened: Opened) -> dict[str, Any]:
        item = opened.item
        office, worker = given_to(self.record(item.case_id), opened.rule)
        return {
            "kind": item.kind,
            "title": item.title,
            "case_id": self.case_of(item.case_id),
            "group": item.group,
            "duty": item.duty,
            "due": opened.due,
            "messages": 1,
            "outcome": None if opened.completed_on is None else "done",
            "priority": kind_of(item.kind).priority,
            "office": office,
            "worker": worker,
            "status": "open" if opened.completed_on is None else "completed",
            "reasons": msgspec.to_builtins(item.reasons),
            "details": item.details,
            "inbound_id": opened.cause.inbound_id,
            "outbound_id": opened.outbound_id,
            "opened_at": self.now,
            "completed_on": opened.completed_on,
            "completed_at": None if opened.completed_on is None else self.now,
        }

    def _timeline_row(self, event: Event) -> Mapping[str, Any]:
        return {
            "case_id": self.names.of(event.about),
            "at": self.now,
            "event": event.name,
            "detail": event.detail,
            "inbound_id": event.cause.inbound_id,
            "outbound_id": event.queued.row_id if event.queued else None,
        }

    def _audit_row(self, event: Event) -> Mapping[str, Any]:
        return {
            "at": self.now,
            "actor": event.cause.actor,
            "action": event.name,
            "object": event.about,
            "detail": event.detail or None,
        }


def facts_row(facts: CaseFacts) -> dict[str, Any]:
    """Write what a case's row holds of its facts."""
    return {
        "role": facts.role.value,
        "other_fips": facts.other_fips,
        "other_case_id": facts.other_case_id,
        "facts": facts_to_json(facts),
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
        if workset.names.of(queued.case_id) == case_id
    )
