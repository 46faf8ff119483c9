"""Give out anew what is open, by the rules of work that hold today.

Rules of work count when an item or a duty opens.  When they change, what is open stays where it is until
somebody asks for this.  What a person gave to somebody stays there, and so does what no rule speaks of today.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.assigning import assignment, given_to, office_of
from csenet.gateway.desk.base import CHUNK, DeskBase
from csenet.gateway.desk.indexing import record_of
from csenet.gateway.store import audit, cases, duties, work
from csenet.gateway.store.sealing import Row
from csenet.handlers.context import CaseRecord

CHANGE: Final = "reassigned"
"""What the list of changes calls it; ``assigned`` is what a person does."""
MOST_SHOWN: Final = 1000

_Told = Callable[[int, int], None]
_Whose = tuple[str | None, str | None]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Say what goes from whom to whom."""

    what: Literal["work", "duty"]
    id: int
    kind: str
    case_id: str | None
    office_before: str | None
    worker_before: str | None
    office: str | None
    worker: str | None


class Reassignment(msgspec.Struct, kw_only=True):
    """Tell what was given out anew, or would be; ``given`` lists the first thousand."""

    dry_run: bool
    looked: int = 0
    work_items: int = 0
    duties: int = 0
    kept_by_hand: int = 0
    without_rule: int = 0
    given: list[Given] = []

    def add(self, each: Given) -> None:
        """Count one."""
        if each.what == "work":
            self.work_items += 1
        else:
            self.duties += 1
        if len(self.given) < MOST_SHOWN:
            self.given.append(each)


class Reassigning(DeskBase):
    """Apply the rules of work to what is open; a hundred to a commit, so that it may be broken off."""

    async def reassign(
        self,
        *,
        dry_run: bool = False,
        by_hand: bool = False,
        actor: str,
        told: _Told = lambda done, total: None,
    ) -> Reassignment:
        """Give open work and open duties to whom today's rules give them; doing it again changes nothing.

        ``by_hand`` gives away also what a person gave to somebody.  A dry run changes nothing.
        """
        found = Reassignment(dry_run=dry_run, given=[])
        async with self.store.read() as conn:
            total = await work.count_open(conn) + await duties.count_open(conn)
        for step in (self._work_step, self._duty_step):
            after: int | None = 0
            while after is not None:
                after = await step(found, after, by_hand, actor)
                told(found.looked, total)
                await asyncio.sleep(0)
        if not dry_run:
            self.log.info("work.reassigned", work_items=found.work_items, count=found.duties)
        return found

    async def _work_step(self, found: Reassignment, after: int, by_hand: bool, actor: str) -> int | None:
        async def step(conn: AsyncConnection) -> tuple[list[Row], list[Given], int, int]:
            rows = await work.open_after(conn, after, CHUNK)
            held = set() if by_hand else await work.given_by_hand(conn, [row["id"] for row in rows])
            records = await _records(conn, rows)
            given, silent = [], 0
            for row in rows:
                record = records.get(row["case_id"] or "")
                whose = self._whose(row, record)
                silent += whose is None and row["id"] not in held
                if whose is None or row["id"] in held or whose == (row["office"], row["worker"]):
                    continue
                one = _given("work", row, whose)
                if found.dry_run or await self._give(conn, row, whose, record is not None, actor):
                    given.append(one)
            return rows, given, len(held), silent

        rows, given, held, silent = await self.store.together(step)
        found.looked += len(rows)
        found.kept_by_hand += held
        found.without_rule += silent
        for each in given:
            found.add(each)
        return None if len(rows) < CHUNK else int(rows[-1]["id"])

    def _whose(self, row: Row, record: CaseRecord | None) -> _Whose | None:
        """Say who gets an item by today's rules; None where they do not say."""
        rule = assignment(self.agency, record, row["details"].get("from"), row["kind"])
        whose = given_to(record, rule)
        return None if whose == (None, None) else whose

    async def _give(self, conn: AsyncConnection, row: Row, whose: _Whose, known: bool, actor: str) -> bool:
        """Give an item away, unless somebody was quicker."""
        office, worker = whose
        if not await work.give(conn, row, office=office, worker=worker):
            return False
        now = self.clock.now()
        text = f"office {office or 'nobody'}, worker {worker or 'nobody'}, by the rules of work"
        await work.change(conn, row["id"], CHANGE, at=now, actor=actor, text=text)
        line = {"at": now, "actor": actor, "action": f"work.{CHANGE}", "object": f"work {row['id']}"}
        await audit.add(conn, [line])
        if known:
            event = {"case_id": row["case_id"], "at": now, "event": f"work.{CHANGE}", "inbound_id": None}
            detail = {"kind": row["kind"], "item": row["id"]}
            await cases.add_events(conn, [{**event, "detail": detail, "outbound_id": None}])
        return True

    async def _duty_step(self, found: Reassignment, after: int, by_hand: bool, actor: str) -> int | None:
        async def step(conn: AsyncConnection) -> tuple[Sequence[Row], list[Given], int]:
            rows = await duties.open_after(conn, after, CHUNK)
            records = await _records(conn, rows)
            given, silent = [], 0
            for row in rows:
                office = office_of(self.agency, records.get(row["case_id"] or ""), row["partner"])
                silent += office is None
                if office in (None, row["office"]):
                    continue
                given.append(_given("duty", row, (office, None)))
                if not found.dry_run:
                    await duties.give(conn, row["id"], office)
                    line = {"at": self.clock.now(), "actor": actor, "action": f"duty.{CHANGE}"}
                    await audit.add(conn, [{**line, "object": f"duty {row['id']}"}])
            return rows, given, silent

        rows, given, silent = await self.store.together(step)
        found.looked += len(rows)
        found.without_rule += silent
        for each in given:
            found.add(each)
        return None if len(rows) < CHUNK else int(rows[-1]["id"])


async def _records(conn: AsyncConnection, rows: Sequence[Row]) -> Mapping[str, CaseRecord]:
    known = await cases.load(conn, {row["case_id"] for row in rows if row["case_id"]})
    return {case_id: record_of(case_id, row) for case_id, row in known.items()}


def _given(what: Literal["work", "duty"], row: Any, whose: _Whose) -> Given:
    return Given(
        what=what,
        id=row["id"],
        kind=row["kind"],
        case_id=row["case_id"],
        office_before=row["office"],
        worker_before=row["worker"] if what == "work" else None,
        office=whose[0],
        worker=whose[1],
    )
