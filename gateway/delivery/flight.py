"""Follow one batch through its tries, writing each step down before and after it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.typing import FilteringBoundLogger

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.compose import Refusals, withdraw
from csenet.gateway.delivery.gate import Gate, NextTry, Shut
from csenet.gateway.delivery.pace import Pace
from csenet.gateway.delivery.retry import NO_RECEIPT, Outcome, Schedule, Verdict, transient
from csenet.gateway.delivery.told import tell
from csenet.gateway.delivery.transports.base import Parcel, Transport
from csenet.gateway.delivery.waiting import Stopped, sleep_unless
from csenet.gateway.log import gathered
from csenet.gateway.store import outcomes, receipts, tries, withdrawn
from csenet.gateway.store.claims import BatchClaims
from csenet.gateway.store.outbox import OpenBatch
from csenet.gateway.store.outcomes import Departure


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what every flight of a courier needs."""

    claims: BatchClaims
    clock: Clock
    transport: Transport
    gate: Gate
    pace: Pace
    schedule: Schedule
    refusals: Refusals
    log: FilteringBoundLogger
    delivered: Callable[[], None]
    # In seconds: after how long what goes to a partner is given up, where that is sooner than for all.
    partners: Mapping[str, float] = {}
    # Seconds in which a receipt has to come for what was laid somewhere; None if none is expected.
    receipts_within: float | None = None


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a try that the commit which sealed its batch began as well."""

    attempt_id: int
    since: datetime
    serials: tuple[int, int]


class Withdrawn(Exception):  # noqa: N818 - tells what happened
    """Report that the batch must not be tried again, as facts have changed since it was sealed."""


class Flight:
    """Try one batch until it is settled, going on where an earlier run left off."""

    def __init__(
        self, crew: Crew, batch: OpenBatch, *, fresh: bool = False, begun: Begun | None = None
    ) -> None:
        """Take the batch; ``fresh`` says that it has just been sealed, all of it with permission."""
        self._crew = crew
        self.batch = batch
        self._log = crew.log.bind(batch=batch.name, count=batch.count)
        self._number = batch.attempts
        self._attempt_id = 0
        # What sets out together has the same one.
        self._ticket = crew.gate.ticket()
        self._spooled = batch.state == "spooled"
        self._fresh = fresh
        self._begun = begun
        self._serials = 0, 0
        self._since = crew.clock.now()

    async def fly(self, stop: asyncio.Event) -> None:
        """Try until the batch has arrived, is dead, or is taken back.

        Raises `Stopped` when ``stop`` is set during a wait, and `Shut` when no try may be made now; others
        may then have the batch.
        """
        try:
            await self._fly(stop)
        except (Stopped, Shut):
            await self._crew.claims.release(self.batch.id)
            raise

    async def _fly(self, stop: asyncio.Event) -> None:
        clock, schedule = self._crew.clock, self._crew.schedule
        if self.batch.next_attempt_at is not None:
            due = self.batch.next_attempt_at - clock.now()
            await sleep_unless(stop, clock, due.total_seconds())

        async def sleep(seconds: float) -> None:
            await sleep_unless(stop, clock, seconds)

        try:
            outcome = await self.attempt()
            if self._goes_on(outcome):
                # Only now: what arrives at once, as nearly everything does, needs no loop.
                wait = schedule.wait(self._number, outcome.retry_after, outcome.error)
                await self.settle_failed(self._number, outcome, wait)
                await sleep(wait)
                retrying = schedule.retrying(
                    done=self._number, sleep=sleep, before_sleep=self.settle_failed, age=self.age
                )
                outcome = await retrying(self.attempt)
        except Withdrawn:
            self._log.warning("delivery.withdrawn", attempt=self._number)
            await self._crew.claims.release(self.batch.id)
            return
        if outcome.verdict is Verdict.DELIVERED:
            await self.settle_delivered(outcome)
            self._crew.delivered()
        else:
            await self.settle_dead(outcome)

    def _goes_on(self, outcome: Outcome) -> bool:
        over = self._crew.schedule.exhausted(self._number, self.age(), outcome.error)
        return outcome.verdict is Verdict.TRANSIENT and not over

    def age(self) -> float:
        """Tell for how many seconds the batch has been tried."""
        return (self._crew.clock.now() - self._since).total_seconds()

    async def attempt(self) -> Outcome:
        """Try once; what the transport raises is a failure that may pass, whatever it is.

        A try that is cancelled has no outcome, and the next start repeats it under the same key.
        """
        if self._begun is None:
            await self._begin()
            self._ticket = self._crew.gate.ticket()
        else:
            begun, self._begun = self._begun, None
            self._attempt_id, self._since, self._serials = begun.attempt_id, begun.since, begun.serials
        self._number += 1
        self._log.debug("delivery.attempt", attempt=self._number)
        try:
            async with self._crew.claims.kept(self.batch.id):
                outcome = await self._crew.transport.deliver(self._parcel(), self._mark_spooled)
        except Exception as error:
            outcome = transient(type(error).__name__)
        return self._crew.schedule.judge(outcome)

    async def _begin(self) -> None:
        """Write down that a try begins; raises `Shut`, or `Withdrawn`."""
        if await self._withdrawn():
            raise Withdrawn
        self._crew.pace.take(1)
        async with self._crew.claims.holding(self.batch.id) as conn:
            if not await withdrawn.is_open(conn, self.batch.id):
                raise Withdrawn
            await self._crew.gate.enter(conn)
            self._attempt_id = await outcomes.begin_attempt(conn, self.batch.id, self._crew.clock.now())
            self._since = await tries.tried_since(conn, self.batch.id)
            self._serials = await tries.serials(conn, self.batch.id)

    async def _withdrawn(self) -> bool:
        """Ask before each try whether all of the batch may leave, unless it has just been sealed."""
        fresh, self._fresh = self._fresh, False
        if fresh or self._spooled:
            return False
        async with self._crew.claims.holding(self.batch.id) as conn:
            given_up = await self._given_up(conn)
            now = self._crew.clock.now()
            return await withdraw(conn, self.batch, self._crew.refusals, now, given_up=given_up)

    async def _given_up(self, conn: AsyncConnection) -> set[str]:
        """Name the partners for whom this batch has been tried long enough."""
        patience = self._crew.partners
        if not patience or self._number == 0:
            return set()
        begun = await tries.tried_since(conn, self.batch.id)
        tried = (self._crew.clock.now() - begun).total_seconds()
        return {partner for partner, seconds in patience.items() if tried >= seconds}

    async def settle_failed(self, number: int, outcome: Outcome, wait: float) -> None:
        """Write a failed try down before waiting for the next."""
        due = self._crew.clock.now() + timedelta(seconds=wait)
        async with self._crew.claims.holding(self.batch.id, wait=wait) as conn:
            await outcomes.settle_failed(
                conn, self.batch.id, self._attempt_id, error=outcome.error, next_attempt_at=due
            )
            await self._crew.gate.note(conn, outcome, self._ticket)
            meaning = await self._note_receipt(conn, outcome)
            following = await self._crew.gate.next_try(conn, due)
        self._tell_receipt(meaning)
        self._tell_failed(number, outcome.error, wait, following)

    def _tell_failed(self, number: int, error: str, wait: float, following: NextTry) -> None:
        """Log a failed try with the delay that really comes next, which the gate may make longer."""
        told: dict[str, Any] = {}
        if following.at is not None:
            # The batch's own wait begins now, however long it took to write the failure down.
            ahead = (following.at - self._crew.clock.now()).total_seconds()
            told["delay_seconds"] = round(max(wait, ahead), 3)
        if following.waits_for is not None:
            told["waits_for"] = following.waits_for
        self._log.warning("delivery.failed", attempt=number, error_type=error, **told)

    async def settle_delivered(self, outcome: Outcome) -> None:
        """Write down that the batch has arrived, and what its receipt means."""
        now = self._crew.clock.now()

        async def settle(conn: AsyncConnection) -> tuple[list[Departure], str | None]:
            found = await outcomes.settle_delivered(conn, self.batch, self._attempt_id, now)
            await self._crew.gate.note_answer(conn)
            return found, await self._note_receipt(conn, outcome, arrived=True)

        departures, meaning = await self._crew.claims.within(self.batch.id, settle, settled=True)
        with gathered():
            self._log.info("delivery.delivered", attempt=self._number)
            self._tell_receipt(meaning)
            for each in departures:
                self._crew.log.info(
                    "transaction.delivered",
                    batch=self.batch.name,
                    correlation_id=each.correlation,
                    outbound_id=each.id,
                    serial=each.serial,
                    far=each.far,
                    milliseconds=int((now - each.intake_at).total_seconds() * 1000),
                )

    async def settle_dead(self, outcome: Outcome) -> None:
        """Give the batch up and leave its rows to a person."""
        async with self._crew.claims.holding(self.batch.id, settled=True) as conn:
            await outcomes.settle_dead(
                conn,
                self.batch.id,
                self._attempt_id,
                outcome=outcome.verdict.value,
                error=outcome.error,
                at=self._crew.clock.now(),
            )
            if outcome.verdict is Verdict.PERMANENT and not outcome.by_rule:
                await self._crew.gate.note_answer(conn)
            else:
                await self._crew.gate.note(conn, outcome, self._ticket)
            meaning = await self._note_receipt(conn, outcome)
        self._tell_receipt(meaning)
        self._log.error("delivery.dead", attempt=self._number, error_type=outcome.error)

    async def _note_receipt(
        self, conn: AsyncConnection, outcome: Outcome, *, arrived: bool = False
    ) -> str | None:
        """Keep the receipt that came with a try, or note that one has to come; say what it means."""
        now, within = self._crew.clock.now(), self._crew.receipts_within
        if outcome.receipt is not None:
            return await receipts.take(conn, self.batch, outcome.receipt, now)
        if outcome.error in NO_RECEIPT:
            # It should have come with the answer: it is missing from now on.
            await receipts.expect(conn, self.batch.id, now)
        elif arrived and within is not None:
            await receipts.expect(conn, self.batch.id, now + timedelta(seconds=within))
        return None

    def _tell_receipt(self, meaning: str | None) -> None:
        if meaning is not None:
            tell(self._crew.log, meaning, self.batch.name)

    async def _mark_spooled(self) -> None:
        async with self._crew.claims.holding(self.batch.id) as conn:
            await outcomes.mark_spooled(conn, self.batch.id)
        self._spooled = True

    def _parcel(self) -> Parcel:
        return Parcel(
            key=PurePath(self.batch.name).stem,
            name=self.batch.name,
            payload=self.batch.payload,
            sha256=self.batch.sha256,
            count=self.batch.count,
            spooled=self._spooled,
            first_serial=self._serials[0],
            last_serial=self._serials[1],
        )
