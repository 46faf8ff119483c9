"""Tell all about one dead letter, and send dead ones again at a pace that can be paused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.base import DeskBase
from csenet.gateway.errors import NotFound
from csenet.gateway.store import audit, cases, resends
from csenet.gateway.store.dead import DeadFilter
from csenet.gateway.store.resends import ResendRun
from csenet.gateway.store.tables import attempt, delivery_batch, outbound, work_item
from csenet.gateway.store.tables_corrections import correction
from csenet.gateway.wording import is_number

_AT_ONCE: Final = 500
_ASK: Final = (
    "Ask the exchange whether it has the batch; it knows it by its name. Send it again, or withdraw it."
)
_FIND: Final = (
    "The exchange refuses the batch for what is in it: find the transaction, withdraw or correct it."
)
# What a person does about a reason, by its beginning; the longest that fits counts.
_TO_DO: Final = {
    "http_4": _FIND,
    "http_413": "The batch is too large for the exchange: lower delivery.batch_size, then send it again.",
    "http_422": _FIND,
    "receipt_": "The exchange's receipt does not prove what was sent. " + _ASK,
    "name_taken": "Another file lies under the batch's name, as after a restore from a backup. " + _ASK,
    "withdrawn": "Something in the batch may not leave any more, and it may have arrived. " + _ASK,
    "": "No try got through in all the time allowed: see that the exchange can be reached (csenet "
    "partners test), then send it again.",
}


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """Tell of one try: when it began, how it ended, and the class of failure."""

    at: datetime
    outcome: str
    error: str | None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Tell all about one dead transaction, without its content.

    ``reply_to`` is the incoming transaction that it answers, ``earlier`` the batches in which it had left
    before it was corrected, ``work`` the open items about it, ``behind`` how many of its case wait behind it.
    """

    id: str
    serial: str
    far: str
    partner: str
    case_id: str | None
    status: str
    reason: str | None
    what_to_do: str
    created_at: datetime
    correlation: str
    reply_to: str | None
    batch: str | None
    batch_count: int | None
    sha256: str | None
    tries: Sequence[Tried]
    earlier: Sequence[str]
    work: Sequence[int]
    behind: int


class DeadLetters(DeskBase):
    """Give the desk its dealings with dead letters."""

    async def dead_letter(self, key: str, offices: Collection[str] | None = None) -> DeadLetter:
        """Tell all about one, by its id (``out-7``) or serial number.

        ``offices`` are those whose cases may be seen, all if None.  Raises ``NotFound`` for what is not dead.
        """
        number, by_id = key.removeprefix("out-"), key.startswith("out-")
        if not is_number(number):
            raise NotFound("no such dead letter; it reads like out-7")
        column = outbound.c.id if by_id else outbound.c.serial
        async with self.store.read() as conn:
            scope = [] if offices is None else [cases.in_scope(outbound.c.case_id, offices)]
            return await _letter(conn, column == int(number), *scope)

    async def begin_resend(
        self, wanted: DeadFilter, ids: Sequence[int] | None, per_minute: int | None, *, actor: str
    ) -> ResendRun:
        """Write a resend down; ``go_on_resending`` does it."""
        async with self.store.begin() as conn:
            run = await resends.begin(conn, wanted, ids, per_minute, actor=actor, at=self.clock.now())
            detail = {"chosen": run.total, "per_minute": per_minute}
            about = {"at": self.clock.now(), "actor": actor, "action": "dead.resend_begun"}
            await audit.add(conn, [{**about, "object": f"resend {run.id}", "detail": detail}])
        return run

    async def go_on_resending(self, number: int) -> ResendRun:
        """Queue a resend's rows at its pace until it is done or somebody pauses it.

        Killed at any moment, it goes on where it was when this is called again.
        """
        while True:
            async with self.store.begin() as conn:
                now, today = self.clock.now(), self.clock.today()
                known = await resends.by_id(conn, number)
                rate = known.per_minute
                limit = _AT_ONCE if rate is None else max(1, rate // 60)
                run, count = await resends.step(conn, number, limit, at=now, today=today)
            if count:
                self.log.info("dead.resend", count=count)
                self.outbox_ready.set()
            if run.state != "running":
                return run
            if rate is not None:
                await self.clock.sleep(60 * max(limit, count) / rate)

    async def unfinished_resend(self) -> ResendRun | None:
        """Return the newest resend that has not come to its end."""
        async with self.store.read() as conn:
            return await resends.newest(conn, unfinished=True)

    async def set_resend(self, state: str, *, actor: str) -> ResendRun:
        """Pause the newest unfinished resend (``paused``), or let it go on (``running``).

        Raises ``NotFound`` where there is none.
        """
        async with self.store.begin() as conn:
            run = await resends.newest(conn, unfinished=True)
            if run is None:
                raise NotFound("no resend is under way")
            if run.state != state:
                await resends.set_state(conn, run.id, state, actor=actor, at=self.clock.now())
            return msgspec.structs.replace(run, state=state)


async def _letter(conn: AsyncConnection, *which: ColumnElement[bool]) -> DeadLetter:
    names = ("id", "serial", "far", "partner", "case_id", "status", "reason", "created_at")
    columns = [outbound.c[name] for name in (*names, "correlation", "in_reply_to", "batch_id")]
    row = (await conn.execute(select(*columns).where(*which))).mappings().first()
    if row is None or row["status"] != "dead":
        raise NotFound("no such dead letter; csenet dead list shows them")
    batch = None
    if row["batch_id"] is not None:
        of_batch = select(delivery_batch.c.name, delivery_batch.c.count, delivery_batch.c.sha256)
        batch = (await conn.execute(of_batch.where(delivery_batch.c.id == row["batch_id"]))).one()
    tries = select(attempt.c.at, attempt.c.outcome, attempt.c.detail)
    tries = tries.where(attempt.c.batch_id == row["batch_id"]).order_by(attempt.c.id)
    before = select(delivery_batch.c.name).join(correction, correction.c.batch_id == delivery_batch.c.id)
    before = before.where(correction.c.outbound_id == row["id"]).order_by(correction.c.id)
    items = select(work_item.c.id).where(work_item.c.outbound_id == row["id"], work_item.c.status == "open")
    waiting = select(outbound.c.id).where(
        outbound.c.case_id == row["case_id"],
        outbound.c.serial > row["serial"],
        outbound.c.status == "queued",
    )
    behind = [] if row["case_id"] is None else (await conn.execute(waiting)).all()
    return DeadLetter(
        id=f"out-{row['id']}",
        serial=f"{row['serial']:012d}",
        far=row["far"],
        partner=row["partner"],
        case_id=row["case_id"],
        status=row["status"],
        reason=row["reason"],
        what_to_do=what_to_do(row["reason"] or ""),
        created_at=row["created_at"],
        correlation=row["correlation"],
        reply_to=None if row["in_reply_to"] is None else f"in-{row['in_reply_to']}",
        batch=None if batch is None else batch.name,
        batch_count=None if batch is None else batch[1],
        sha256=None if batch is None else batch.sha256,
        tries=[
            Tried(at=each.at, outcome=each.outcome, error=each.detail) for each in await conn.execute(tries)
        ],
        earlier=list((await conn.execute(before)).scalars()),
        work=list((await conn.execute(items)).scalars()),
        behind=len(behind),
    )


def what_to_do(reason: str) -> str:
    """Say what a person does about a class of failure."""
    return _TO_DO[max((each for each in _TO_DO if reason.startswith(each)), key=len)]
