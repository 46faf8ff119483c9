"""Hold the open work of one commit's cases, with what is opened, added to and completed in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.assigning import assignment, due_of, given_to, same_thing
from csenet.gateway.desk.casebook import CaseBook
from csenet.gateway.desk.chronicle import Chronicle
from csenet.gateway.desk.plan import Cause
from csenet.gateway.store import work
from csenet.gateway.store.sealing import Row
from csenet.handlers.context import WorkView
from csenet.handlers.decision import WorkItem
from csenet.handlers.policy.work_kinds import kind_of
from csenet.handlers.policy.work_rules import WorkRule

# Who acts when nobody does: what arrives, what runs out, and what is taken up again after a fault.
_BY_ITSELF: Final = frozenset({"exchange", "gateway", "operator"})


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


def work_view(row: Row) -> WorkView:
    """Read a work item the way handlers know it."""
    return WorkView(**{name: row[name] for name in WorkView.__struct_fields__})


@dataclass(slots=True)
class WorkBook:
    """Hold work by its number; that of an item not yet written is below zero."""

    agency: Agency
    now: datetime
    today: date
    cases: CaseBook
    chronicle: Chronicle
    owed_by: Callable[[Cause], date | None]
    opened: list[Opened] = field(default_factory=list)
    _open: dict[int, WorkView] = field(default_factory=dict)
    _joined: list[Joined] = field(default_factory=list)
    _closed: dict[int, tuple[date, str, str]] = field(default_factory=dict)
    _kept: list[tuple[int, Cause]] = field(default_factory=list)

    async def load(self, conn: AsyncConnection, case_ids: Collection[str]) -> None:
        """Read the open work of cases."""
        for row in await work.open_of(conn, case_ids):
            self.hold(work_view(row))

    def hold(self, view: WorkView) -> None:
        """Take a work item in that was loaded apart from its case's."""
        self._open[view.id] = view

    def rename(self) -> None:
        """Put all work under the IDs that its cases have by now."""
        for view in self._open.values():
            self._open[view.id] = msgspec.structs.replace(view, case_id=self.cases.case_of(view.case_id))

    def of(self, case_id: str | None) -> tuple[WorkView, ...]:
        """Return the open work of a case, oldest first."""
        if case_id is None:
            return ()
        case_id = self.cases.case_of(case_id)
        return tuple(view for view in self._open.values() if view.case_id == case_id)

    def open(self, item: WorkItem, cause: Cause, outbound_id: int | None = None) -> None:
        """Open a work item, or add to one about the same thing."""
        item = msgspec.structs.replace(item, case_id=self.cases.case_of(item.case_id))
        view = same_thing(item, self.of(item.case_id))
        due = due_of(self.agency, item, self.today, self.owed_by(cause))
        if view is not None:
            self._join(view, item, due, cause)
            return
        rule = assignment(self.agency, self.cases.record(item.case_id), item.details.get("from"), item.kind)
        self.opened.append(Opened(item, cause, outbound_id, due=due, rule=rule))
        self.hold(
            WorkView(
                id=-len(self.opened),
                kind=item.kind,
                case_id=item.case_id,
                group=item.group,
                due=due,
                duty=item.duty,
                details=item.details,
            )
        )
        told = due.isoformat() if due else None
        self.chronicle.note(item.case_id, "work.opened", {"kind": item.kind, "due": told}, cause)

    def open_or_join(self, item: WorkItem, cause: Cause, alike: Collection[str]) -> None:
        """Open a work item, or add to open work of its kind on its case with these details equal."""
        for view in self.of(item.case_id):
            if view.kind == item.kind and all(view.details.get(n) == item.details.get(n) for n in alike):
                self._join(view, item, item.due, cause)
                return
        self.open(item, cause)

    def add_to(self, place: int, title: str, cause: Cause) -> None:
        """Add a message to the item that this commit opened as the n-th, from 1."""
        self._joined.append(Joined(-place, title, cause))

    def settle(self, item_id: int, cause: Cause) -> None:
        """Complete what a decision settles.

        What a person must do stays open and says what happened, unless it is a person who acts.
        """
        view = self._open.get(item_id)
        if view is None:
            return
        if kind_of(view.kind).person and cause.actor in _BY_ITSELF:
            self._kept.append((item_id, cause))
            self.chronicle.note(view.case_id, "work.answered", {"kind": view.kind}, cause)
        else:
            self.close(item_id, self.today, cause)

    def close(self, item_id: int, on: date, cause: Cause, outcome: str = "done") -> None:
        """Complete an open work item; one that is not open stays as it is."""
        view = self._open.pop(item_id, None)
        if view is None:
            return
        if item_id < 0:
            self.opened[-item_id - 1].completed_on = on
        else:
            self._closed[item_id] = (on, outcome, cause.actor)
            self.chronicle.record("work.completed", f"work {item_id}", cause)
        told = {"kind": view.kind, "on": on.isoformat()}
        self.chronicle.note(view.case_id, "work.completed", told, cause)

    async def flush(self, conn: AsyncConnection) -> None:
        """Write what was opened, added to and completed."""
        closed = [
            {"item": item, "on": on, "at": self.now, "outcome": outcome, "actor": actor}
            for item, (on, outcome, actor) in self._closed.items()
        ]
        await work.complete(conn, closed)
        rows = [self._row(opened) for opened in self.opened]
        made = await work.add(conn, rows, [opened.cause.actor for opened in self.opened])
        for (number, kind), opened in zip(made, self.opened, strict=True):
            self.chronicle.record("work.opened", f"work {number}", opened.cause, {"kind": kind})
        await work.join(conn, [self._joined_row(each, made) for each in self._joined])
        for item_id, cause in self._kept:
            await work.change(conn, _number(item_id, made), "answered", at=self.now, actor=cause.actor)

    def _join(self, view: WorkView, item: WorkItem, due: date | None, cause: Cause) -> None:
        """Add a message to open work, which is due no later than the message wants it."""
        sooner = due if due is not None and (view.due is None or due < view.due) else None
        self._joined.append(Joined(view.id, item.title, cause, sooner))
        if sooner is not None:
            self._open[view.id] = msgspec.structs.replace(view, due=sooner)
        if sooner is not None and view.id < 0:
            self.opened[-view.id - 1].due = sooner
        self.chronicle.note(item.case_id, "work.message", {"kind": item.kind}, cause)

    def _row(self, opened: Opened) -> dict[str, Any]:
        item = opened.item
        record = self.cases.record(item.case_id)
        office, worker = given_to(record, opened.rule)
        with_whom = opened.cause.partner or (record.facts.other_fips if record is not None else "")
        return {
            "kind": item.kind,
            "title": item.title,
            "case_id": self.cases.case_of(item.case_id),
            "group": item.group,
            "partner": with_whom[:2] or None,
            "function": (opened.cause.far or item.details.get("far") or "")[:3] or None,
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

    def _joined_row(self, joined: Joined, made: Sequence[tuple[int, str]]) -> dict[str, Any]:
        return {
            "item": _number(joined.item_id, made),
            "at": self.now,
            "actor": joined.cause.actor,
            "inbound_id": joined.cause.inbound_id,
            "text": joined.title,
            "due": joined.due,
        }


def _number(item_id: int, made: Sequence[tuple[int, str]]) -> int:
    """Give the number that an item has now that it is written."""
    return item_id if item_id > 0 else made[-item_id - 1][0]
