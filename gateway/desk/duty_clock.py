"""Look after the clocks of duties: warn, mark what is overdue, act at limits, remind partners.

Each duty is looked at again inside the commit that changes it, so that one answered meanwhile is left alone,
and a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk import requests
from csenet.gateway.desk.checking import reread
from csenet.gateway.desk.plan import Cause
from csenet.gateway.desk.results import Rejected
from csenet.gateway.desk.workbook import work_view
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import audit, cases, duties, journal, work
from csenet.handlers import limits
from csenet.handlers.decision import Decision, WorkItem
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.kept_duties import kept, kept_duties
from csenet.handlers.policy.rules import reason

if TYPE_CHECKING:
    from csenet.gateway.desk.service import Desk

ACTOR: Final = "gateway"
CHASE: Final = "chase_answer"
LOCATE: Final = "locate"
_REMINDER: Final = "MSC R GRUPD"
_AT_ONCE: Final = 200
_FOREVER: Final = 10**6
_AT_ONCE_PRIORITY: Final = 1
_SOON: Final = 2


class Wishes(Protocol):
    """What the agency set about duties."""

    @property
    def warn_days(self) -> int:
        """Calendar days before the due date."""
        ...

    @property
    def reminders(self) -> bool:
        """Whether partners are reminded at all."""
        ...

    @property
    def remind_again_days(self) -> int:
        """Days within which a case's partner is not reminded twice."""
        ...


Hold = Callable[[AsyncConnection], Awaitable[None]]


class DutyClock:
    """Do what is due today about all open duties."""

    def __init__(self, desk: Desk, wishes: Wishes, hold: Hold | None = None) -> None:
        """Take the desk; ``hold`` shows inside each commit that this gateway's turn still runs."""
        self._desk, self._wishes, self._hold = desk, wishes, hold
        self._today = desk.clock.today()

    async def run(self) -> dict[str, int]:
        """Do everything and count it."""
        acted = await self._act()
        warned = await self._warn()
        overdue = await self._overdue()
        reminded = await self._remind() if self._wishes.reminders else 0
        return {"warned": warned, "overdue": overdue, "acted": acted, "reminded": reminded}

    async def _warn(self) -> int:
        by = self._today + timedelta(days=self._wishes.warn_days)
        return await self._mark(
            lambda conn: duties.to_warn(conn, by, self._today, _AT_ONCE), "warned_at", "duty.due_soon"
        )

    async def _overdue(self) -> int:
        return await self._mark(
            lambda conn: duties.to_mark_overdue(conn, self._today, _AT_ONCE), "overdue_at", "duty.overdue"
        )

    async def _mark(
        self, pick: Callable[[AsyncConnection], Awaitable[list[RowMapping]]], column: str, event: str
    ) -> int:
        """Mark duties, a few hundred to a commit, with a line on each timeline and in the log."""
        count = 0
        while True:
            async with self._desk.store.begin() as conn:
                await self._show_turn(conn)
                rows = await pick(conn)
                workset = self._workset()
                await workset.load(conn, {row["case_id"] for row in rows if row["case_id"]})
                await duties.mark(conn, [row["id"] for row in rows], **{column: workset.now})
                for row in rows:
                    self._note(workset, row, event)
                await workset.flush(conn)
                for row in rows:
                    await self._urge(conn, row, workset, event)
            for row in rows:
                level = self._desk.log.warning if column == "overdue_at" else self._desk.log.info
                level(event, duty=row["kind"], partner=row["partner"], due=row["due"], id=row["id"])
            count += len(rows)
            if len(rows) < _AT_ONCE:
                return count

    async def _urge(self, conn: AsyncConnection, row: RowMapping, workset: WorkingSet, event: str) -> None:
        """Make the work of a duty of ours more urgent: soon when it falls due, at once when it is overdue."""
        if row["side"] != "we-owe":
            return
        numbers = [] if row["inbound_id"] is None else [row["inbound_id"]]
        by_case = {row["case_id"]: row["kind"]} if row["case_id"] else {}
        priority = _AT_ONCE_PRIORITY if event == "duty.overdue" else _SOON
        await work.urge(conn, numbers, by_case, at=workset.now, to=priority)

    def _note(self, workset: WorkingSet, row: RowMapping, event: str) -> None:
        opened = row["inbound_id"], row["partner"], row["opened_by"]
        cause = Cause(f"duty-{row['id']}", workset.now, ACTOR, *opened)
        detail = {"duty": row["kind"], "side": row["side"], "due": row["due"].isoformat()}
        workset.chronicle.note(row["case_id"], event, detail, cause)
        if event == "duty.overdue" and row["side"] == "they-owe" and _is_deadline(row["kind"]):
            workset.work.open(chasing(row), cause)

    async def _act(self) -> int:
        """Do at the limit what the gateway does by itself; each duty has a commit of its own."""
        async with self._desk.store.read() as conn:
            rows = await duties.to_act_on(conn, self._today, _FOREVER)
        return sum([await self._acted(row["id"]) for row in rows])

    async def _acted(self, number: int) -> bool:
        async with self._desk.store.begin() as conn:
            await self._show_turn(conn)
            row = await duties.by_id(conn, number)
            if row is None or row["closed_on"] is not None or row["acted_at"] is not None:
                return False
            workset = self._workset()
            await workset.load(conn, {row["case_id"]} if row["case_id"] else set())
            if row["inbound_id"] is not None:
                await workset.duties.load(conn, (), [row["inbound_id"]])
            cause = Cause(
                await journal.correlation_of(conn, row["inbound_id"]) or f"duty-{number}",
                workset.now,
                ACTOR,
                row["inbound_id"],
                row["partner"],
                row["opened_by"],
            )
            plan = workset.plan(await self._decision(conn, workset, row), cause)
            workset.adopt(plan)
            workset.chronicle.record("duty.limit", f"duty {number}", cause, {"duty": row["kind"]})
            await duties.mark(conn, [number], acted_at=workset.now)
            await workset.flush(conn)
            if row["inbound_id"] is not None:
                replies = sum(queued.in_reply for queued in plan.queued)
                await journal.count_replies(conn, row["inbound_id"], replies)
        self._desk.log.info("duty.limit", duty=row["kind"], partner=row["partner"], id=number)
        if plan.queued:
            self._desk.outbox_ready.set()
        return True

    async def _decision(self, conn: AsyncConnection, workset: WorkingSet, row: RowMapping) -> Decision:
        rule = kept(row["kind"], row["side"])
        if rule is not None and rule.limit == "may_close":
            return limits.may_close(row["case_id"], row["started_on"], row["due"])
        raw = await journal.raw_of(conn, row["inbound_id"])
        tx = reread(raw) if raw is not None else None
        if rule is None or tx is None:
            return Decision()
        searches = tuple(
            work_view(each) for each in await work.open_for(conn, row["inbound_id"]) if each["kind"] == LOCATE
        )
        for each in searches:
            workset.work.hold(each)
        context = workset.context(row["case_id"], row["started_on"])
        return limits.locate_not_found(tx, context, row["due"], searches)

    async def _remind(self) -> int:
        kinds = {each.duty for each in kept_duties() if each.remind}
        since = self._remembered()
        async with self._desk.store.read() as conn:
            rows = await duties.overdue_at_partners(conn, kinds, since, _FOREVER)
        case_ids = dict.fromkeys(row["case_id"] for row in rows if row["case_id"])
        return sum([await self._reminded(case_id) for case_id in case_ids])

    async def _reminded(self, case_id: str) -> bool:
        """Ask a case's partner how it stands, unless that was done not long ago or may not be."""
        since = self._remembered()
        kinds = {each.duty for each in kept_duties() if each.remind}
        try:
            async with self._desk.store.begin() as conn:
                await self._show_turn(conn)
                rows = [each for each in await duties.open_of(conn, [case_id]) if _is_late(each, kinds)]
                known = await cases.load(conn, [case_id])
                if not rows or not known or await duties.reminded_since(conn, case_id, _REMINDER, since):
                    return False
                await duties.mark(conn, [row["id"] for row in rows], reminded_at=self._desk.clock.now())
                await requests.submit(
                    conn, self._workset(), {"case_id": case_id, "far": _REMINDER}, None, ACTOR
                )
        except Rejected as refused:
            await self._not_reminded(case_id, kinds, refused)
            return False
        self._desk.log.info("duty.reminded", partner=rows[0]["partner"], far=_REMINDER)
        self._desk.outbox_ready.set()
        return True

    def _remembered(self) -> datetime:
        """Give the moment after which a reminder still holds."""
        return self._desk.clock.now() - timedelta(days=self._wishes.remind_again_days)

    async def _not_reminded(self, case_id: str, kinds: set[str], refused: Rejected) -> None:
        """Remember that a reminder may not go, so that it is not tried each hour; a person has the item."""
        async with self._desk.store.begin() as conn:
            rows = [each for each in await duties.open_of(conn, [case_id]) if _is_late(each, kinds)]
            now = self._desk.clock.now()
            await duties.mark(conn, [row["id"] for row in rows], reminded_at=now)
            codes = [getattr(problem, "code", "") for problem in refused.problems]
            line = {"at": now, "actor": ACTOR, "action": "duty.not_reminded", "object": f"case {case_id}"}
            await audit.add(conn, [{**line, "detail": {"problems": codes}}])

    async def _show_turn(self, conn: AsyncConnection) -> None:
        if self._hold is not None:
            await self._hold(conn)

    def _workset(self) -> WorkingSet:
        return WorkingSet(self._desk.agency, self._desk.clock.now(), self._desk.clock.today())


def _is_late(row: Any, kinds: set[str]) -> bool:
    return row["side"] == "they-owe" and row["overdue_at"] is not None and row["kind"] in kinds


def _is_deadline(kind: str) -> bool:
    return deadlines.duty_of(kind).clock == "deadline"


def chasing(row: RowMapping) -> WorkItem:
    """Have a person go after an answer that another state owes us."""
    text = deadlines.duty_of(row["kind"])
    why = reason("duty.overdue_at_partner")
    return WorkItem(
        kind=CHASE,
        title=f"The other state has not answered our {row['opened_by']} of {row['started_on']}, "
        f"due on {row['due']}: ask for it, or go on without",
        case_id=row["case_id"],
        duty=row["kind"],
        reasons=(why,),
        details={"far": row["opened_by"], "to": row["partner"], "citation": text.citation},
    )
