"""Purge, a little to a commit: what is spent, what belongs to no case, and cases that have had their time.

Each step is one commit with its line in the audit and a row of what went, so that a run that is killed has
lost nothing: the next one goes on, and its certificate names what went before the kill as well.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, Table, and_, delete, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.retention import destroying
from csenet.gateway.retention.certificate import FORMER
from csenet.gateway.retention.choosing import UNDECIDED, UNDELIVERED, Rules, candidates, why_kept
from csenet.gateway.retention.destroying import Gone
from csenet.gateway.store import aliases, audit, holds, resealing
from csenet.gateway.store.keyring import FILES, SEARCH
from csenet.gateway.store.rows import add_row
from csenet.gateway.store.sealing import keys_of
from csenet.gateway.store.tables import (
    delivery_batch,
    idempotency,
    inbound,
    inbound_file,
    outbound,
    work_item,
)
from csenet.gateway.store.tables_retention import purged
from csenet.gateway.store.tables_sealing import data_key
from csenet.gateway.store.tables_work import work_change

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk

Hold = Callable[[AsyncConnection], Awaitable[None]]
Told = Callable[[str, int], None]
_AT_ONCE: Final = 50
_KEYS_STAY: Final = timedelta(days=62)
"""So long a month's data keys stay after they were made, however little is left that they seal."""


class Outcome(msgspec.Struct, kw_only=True):
    """Tell what a run destroyed, or would destroy."""

    cases: list[str] = []
    """Their IDs; told to whoever asked, kept nowhere."""
    records: dict[str, int] = {}
    kept: dict[str, int] = {}
    """Cases that have had their time and must stay all the same, by reason."""
    keys_destroyed: int = 0
    heads: set[bytes] = set()
    """How the sealed values that went began, to look for them."""
    digests: set[str] = set()
    """Digests of the transactions that went."""
    steps: int = 0


class Purge:
    """Go through the store once."""

    def __init__(
        self,
        desk: Desk,
        rules: Rules,
        *,
        actor: str,
        hold: Hold | None = None,
        told: Told = lambda what, done: None,
    ) -> None:
        """Take the rules; ``hold`` is asked in each commit whether it is still ours to do."""
        self._desk, self._store, self._rules, self._actor = desk, desk.store, rules, actor
        self._hold, self._told = hold, told
        self._records: Counter[str] = Counter()
        self._found = Outcome(cases=[], records={}, kept={}, heads=set(), digests=set())

    async def look(self) -> Outcome:
        """Say what a run would destroy, and change nothing."""
        async for case_id in candidates(self._store, self._rules):
            async with self._store.read() as conn:
                self._judge(case_id, await why_kept(conn, case_id, self._rules))
        for table, where in self._spent():
            async with self._store.read() as conn:
                query = select(table.c[next(iter(table.primary_key)).name]).where(where)
                self._records[str(table.name)] += len((await conn.execute(query)).all())
        return self._end()

    async def run(self) -> Outcome:
        """Destroy what has had its time; may be cut off at any moment and begun again."""
        for table, where in self._spent():
            await self._empty_all(table, where)
        await self._forget_requests()
        await self._loose()
        async for case_id in candidates(self._store, self._rules):
            async with self._step("case") as (conn, gone):
                why = await why_kept(conn, case_id, self._rules)
                self._judge(case_id, why)
                if why is None:
                    gone.subject = subject_of(conn, case_id)
                    former = await aliases.family(conn, [case_id]) - {case_id}
                    gone.formerly = [subject_of(conn, each) for each in sorted(former)]
                    gone.take(await destroying.destroy_case(conn, case_id, self._desk.clock.now()))
            self._told("cases", len(self._found.cases))
        self._found.keys_destroyed = await self._destroy_keys()
        return self._end()

    def _judge(self, case_id: str, why: str | None) -> None:
        if why is None:
            self._found.cases.append(case_id)
        else:
            self._found.kept[why] = self._found.kept.get(why, 0) + 1

    def _end(self) -> Outcome:
        self._found.records = {name: count for name, count in sorted(self._records.items()) if count}
        return self._found

    def _spent(self) -> list[tuple[Table, ColumnElement[bool]]]:
        """Name whole files and batches whose transactions are kept one by one; held cases keep theirs."""
        before = self._rules.spent_before
        in_force = holds.in_force()
        came = exists().where(inbound.c.file_id == inbound_file.c.id, inbound.c.case_id.in_(in_force))
        went = exists().where(outbound.c.batch_id == delivery_batch.c.id, outbound.c.case_id.in_(in_force))
        waits = exists().where(outbound.c.batch_id == delivery_batch.c.id, outbound.c.status.in_(UNDELIVERED))
        files = [inbound_file.c.state == "settled", inbound_file.c.settled_at < before, ~came]
        batches = [
            delivery_batch.c.state.in_(("delivered", "dead")),
            delivery_batch.c.created_at < before,
            ~waits,
            ~went,
        ]
        return [
            (table, and_(table.c.purged_at.is_(None), *conditions))
            for table, conditions in ((inbound_file, files), (delivery_batch, batches))
        ]

    async def _empty_all(self, table: Table, where: ColumnElement[bool]) -> None:
        while True:
            async with self._step("spent") as (conn, gone):
                ids = await _some(conn, select(table.c.id).where(where).order_by(table.c.id))
                these = Gone()
                now = self._desk.clock.now()
                more: dict[str, Any] = {"name": ""} if table is inbound_file else {}
                await destroying.empty(conn, table, table.c.id.in_(ids), these, purged_at=now, **more)
                gone.take(these)
            self._told(str(table.name), self._records[str(table.name)])
            if len(ids) < _AT_ONCE:
                return

    async def _forget_requests(self) -> None:
        """Forget what requests were answered, so that they could be repeated."""
        async with self._step("spent") as (conn, gone):
            these = Gone()
            await destroying.remove(
                conn, idempotency, idempotency.c.created_at < self._rules.spent_before, these
            )
            gone.take(these)

    async def _loose(self) -> None:
        """Destroy what came, went and was done on no case at all."""
        before = self._rules.quiet_before
        open_work = exists().where(work_item.c.inbound_id == inbound.c.id)
        came = select(inbound.c.id).where(
            inbound.c.case_id.is_(None),
            inbound.c.purged_at.is_(None),
            inbound.c.received_at < before,
            inbound.c.status.not_in(UNDECIDED),
            ~open_work,
        )
        went = select(outbound.c.id).where(
            outbound.c.case_id.is_(None),
            outbound.c.purged_at.is_(None),
            outbound.c.created_at < before,
            outbound.c.status.not_in(UNDELIVERED),
        )
        newest = select(work_item.c.id).order_by(work_item.c.id.desc()).limit(1).scalar_subquery()
        done = select(work_item.c.id).where(
            work_item.c.case_id.is_(None),
            work_item.c.status == "completed",
            work_item.c.completed_at < before,
            work_item.c.id != newest,
        )
        more = True
        while more:
            async with self._step("no case") as (conn, gone):
                these = Gone()
                items = await _some(conn, done)
                await destroying.remove(conn, work_change, work_change.c.item_id.in_(items), these)
                await destroying.remove(conn, work_item, work_item.c.id.in_(items), these)
                first, second = await _some(conn, came), await _some(conn, went)
                where = inbound.c.id.in_(first), outbound.c.id.in_(second)
                await destroying.destroy_traffic(conn, *where, self._desk.clock.now(), these)
                gone.take(these)
            more = len(items) + len(first) + len(second) > 0

    async def _destroy_keys(self) -> int:
        """Destroy the data keys of past months that seal nothing any more."""
        if self._store.keyring.provider is None or not self._records:
            return 0
        before = self._desk.clock.now() - _KEYS_STAY
        query = select(data_key.c.number).where(
            data_key.c.kind.not_in((SEARCH, FILES)),
            data_key.c.created_at < before,
            data_key.c.period < f"{before.year:04d}-{before.month:02d}",
        )
        async with self._step("keys") as (conn, gone):
            numbers = [int(each) for each in (await conn.execute(query)).scalars()]
            used = await resealing.keys_in_use(conn, numbers) if numbers else set()
            unused = sorted(set(numbers) - used)
            await conn.execute(delete(data_key).where(data_key.c.number.in_(unused)))
            if unused:
                these = Gone()
                these.records["data_key"] = len(unused)
                gone.take(these)
        return len(unused)

    @asynccontextmanager
    async def _step(self, kind: str) -> AsyncIterator[tuple[AsyncConnection, _Step]]:
        """Make one commit, with its row and its line in the audit if anything went."""
        step = _Step()
        async with self._store.begin() as conn:
            if self._hold is not None:
                await self._hold(conn)
            await destroying.overwrite(conn)
            try:
                yield conn, step
                if step.records:
                    await self._note(conn, kind, step)
            finally:
                await destroying.stop_overwriting(conn)
        self._records.update(step.records)
        self._found.heads |= step.heads
        self._found.digests |= step.digests
        self._found.steps += bool(step.records)

    async def _note(self, conn: AsyncConnection, kind: str, step: _Step) -> None:
        now, records = self._desk.clock.now(), dict(step.records)
        for each in step.formerly:
            known = {"at": now, "kind": FORMER, "subject": each, "records": {}}
            await conn.execute(insert(purged).values(**known))
        values = {"at": now, "kind": kind, "subject": step.subject, "records": records}
        about = f"purged {await add_row(conn, purged, values)}"
        line = {"at": now, "actor": self._actor, "action": "purge.step", "object": about}
        await audit.add(conn, [{**line, "detail": {"kind": kind, "records": records}}])


class _Step(Gone):
    """Gather what one commit destroys."""

    subject: str | None = None

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.formerly: list[str] = []
        """The case's former IDs, written like its own."""

    def take(self, gone: Gone) -> None:
        """Add what went."""
        self.records.update({name: count for name, count in gone.records.items() if count})
        self.heads |= gone.heads
        self.digests |= gone.digests


def subject_of(conn: AsyncConnection, case_id: str) -> str:
    """Write a case's ID so that only who has it, and the store's key, finds it again."""
    return hmac.digest(keys_of(conn).ring.search, f"purged\x1f{case_id}".encode(), "sha256").hex()


async def uncertified(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Return what went since the last certificate."""
    query = select(purged).where(purged.c.certificate.is_(None)).order_by(purged.c.id)
    return [dict(row) for row in (await conn.execute(query)).mappings()]


async def _some(conn: AsyncConnection, query: Select[Any]) -> list[int]:
    return [int(each) for each in (await conn.execute(query.limit(_AT_ONCE))).scalars()]
