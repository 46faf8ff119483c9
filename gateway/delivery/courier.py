"""Carry the outbox to one destination: first in, first out, one batch in flight, nothing lost or doubled.

Whatever a try may do to the outside is written down before it happens and its outcome after, so a kill at any
moment leaves a state from which the next start goes on to the same end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import PurePath
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from csenet.codecs.flatfile import Encoding, Framing
from csenet.gateway.clock import Clock
from csenet.gateway.delivery import patience
from csenet.gateway.delivery.compose import Composer, Refusals, nothing_refused, withdraw
from csenet.gateway.delivery.gate import Gate, Shut
from csenet.gateway.delivery.retry import Outcome, Schedule, Verdict, transient
from csenet.gateway.delivery.transports.base import Parcel, Transport
from csenet.gateway.delivery.waiting import Stopped, first_of, sleep_unless, until_stopped
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.store import outbox, tries
from csenet.gateway.store.claims import BatchClaims
from csenet.gateway.store.engine import Store
from csenet.gateway.store.leases import Fenced
from csenet.gateway.store.outbox import OpenBatch

# Another process (an operator's resend) cannot set our event; this is how late it is noticed, in seconds.
_LOOK_AGAIN: Final = 2.0
# How long a try in flight may hold up a stop, in seconds.
_GRACE: Final = 5.0


class CourierSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what an operator sets: the state (two digits), sizes, and delays in seconds."""

    jurisdiction: str
    batch_size: int = 100
    first_delay_seconds: float = patience.FIRST_DELAY
    max_delay_seconds: float = patience.MAX_DELAY
    give_up_after_seconds: float = patience.GIVE_UP_AFTER
    attempt_limit: int | None = None
    breaker_after: int = patience.BREAKER_AFTER
    probe_seconds: float = patience.PROBE_INTERVAL
    framing: str = "lines"
    encoding: str = "ascii"
    windows: Windows = msgspec.field(default_factory=Windows)
    # How long a batch stays with a gateway that is gone, where several share a database.
    lease_seconds: float = 15.0


class Courier:
    """Deliver what is queued until told to stop."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        clock: Clock,
        settings: CourierSettings,
        log: FilteringBoundLogger,
        *,
        refusals: Refusals = nothing_refused,
        ready: asyncio.Event | None = None,
        delivered: Callable[[], None] = lambda: None,
    ) -> None:
        """Wire the courier.

        ``ready`` is set by whoever queues rows; ``delivered`` is called after each settled batch.
        """
        self._store = store
        self._transport = transport
        self._clock = clock
        self._log = log
        self._ready = ready or asyncio.Event()
        self._delivered = delivered
        self._claims = BatchClaims(store, clock, settings.lease_seconds)
        self._composer = Composer(
            jurisdiction=settings.jurisdiction,
            framing=Framing(settings.framing),
            encoding=Encoding(settings.encoding),
            batch_size=settings.batch_size,
            refusals=refusals,
        )
        self._schedule = Schedule(
            first_delay=settings.first_delay_seconds,
            max_delay=settings.max_delay_seconds,
            give_up_after=settings.give_up_after_seconds,
            attempt_limit=settings.attempt_limit,
        )
        self._gate = Gate(
            clock,
            log,
            windows=settings.windows,
            breaker_after=settings.breaker_after,
            probe_interval=settings.probe_seconds,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set: a try in flight is finished and settled, a wait is given up."""
        failures, opened = 0, False
        try:
            while not stop.is_set():
                try:
                    if not opened:
                        await self._transport.open()
                    opened = True
                    await self._work(stop)
                except Stopped:
                    break
                except Exception as error:
                    # The store or the disk failed, not the destination: nothing may be assumed, all is kept.
                    failures, opened = failures + 1, False
                    await self._stalled(error, failures, stop)
                else:
                    failures = 0
        finally:
            await self._transport.close()

    async def deliver_waiting(self, stop: asyncio.Event | None = None) -> int:
        """Deliver all that may leave now and return how many batches were settled.

        Raises `Stopped` if ``stop`` is set while a batch waits for its next try.
        """
        stop = stop or asyncio.Event()
        settled = 0
        while not stop.is_set():
            batch, fresh = await self._next_batch()
            if batch is None:
                break
            try:
                await self._deliver(batch, stop, fresh=fresh)
            except Fenced:
                self._log.warning("delivery.taken_over", batch=batch.name)
            except Shut:
                await self._claims.release(batch.id)
                break
            except Stopped:
                await self._claims.release(batch.id)
                raise
            settled += 1
        return settled

    async def _work(self, stop: asyncio.Event) -> None:
        self._ready.clear()
        if await self.deliver_waiting(stop) == 0 and not stop.is_set():
            await first_of(self._ready.wait(), stop.wait(), self._clock.sleep(_LOOK_AGAIN))

    async def _stalled(self, error: Exception, failures: int, stop: asyncio.Event) -> None:
        wait = self._schedule.wait(failures)
        self._log.error("delivery.stalled", error_type=type(error).__name__, delay_seconds=round(wait, 3))
        try:
            await sleep_unless(stop, self._clock, wait)
        except Stopped:
            return

    async def _next_batch(self) -> tuple[OpenBatch | None, bool]:
        """Return a batch under way, or seal one and say so; nothing while the gate is shut."""
        async with self._store.begin() as conn:
            passage = await self._gate.look(conn)
            if passage is None:
                return None, False
            if (batch := await self._claims.oldest(conn)) is not None:
                return batch, False
            sealed = await self._composer.next_batch(conn, self._clock.now(), passage.up_to)
            if sealed is None:
                await self._gate.emptied(conn, passage)
            return await self._claims.take(conn, sealed), True

    async def _deliver(self, batch: OpenBatch, stop: asyncio.Event, *, fresh: bool) -> None:
        """Try until the batch is settled, going on where an earlier run left off.

        ``fresh`` says that it has just been sealed, all of it with permission.
        """
        flight = _Flight(self, batch, fresh=fresh)
        if batch.next_attempt_at is not None:
            due = batch.next_attempt_at - self._clock.now()
            await sleep_unless(stop, self._clock, due.total_seconds())

        async def sleep(seconds: float) -> None:
            await sleep_unless(stop, self._clock, seconds)

        retrying = self._schedule.retrying(
            done=batch.attempts, sleep=sleep, before_sleep=flight.settle_failed, age=flight.age
        )
        try:
            outcome: Outcome = await retrying(flight.attempt, stop)
        except Withdrawn:
            return
        if outcome.verdict is Verdict.DELIVERED:
            await flight.settle_delivered()
            self._delivered()
        else:
            await flight.settle_dead(outcome)


class Withdrawn(Exception):  # noqa: N818 - tells what happened
    """Report that the batch must not be tried again, as facts have changed since it was sealed."""


class _Flight:
    """Follow one batch through its tries, writing each step down."""

    def __init__(self, courier: Courier, batch: OpenBatch, *, fresh: bool) -> None:
        self._claims = courier._claims
        self._clock = courier._clock
        self._transport = courier._transport
        self._gate = courier._gate
        self._refusals = courier._composer.refusals
        self._log = courier._log.bind(batch=batch.name, count=batch.count)
        self._batch = batch
        self._number = batch.attempts
        self._attempt_id = 0
        self._spooled = batch.state == "spooled"
        self._fresh = fresh
        self._serials = 0, 0
        self._since = self._clock.now()

    def age(self) -> float:
        """Tell for how many seconds the batch has been tried."""
        return (self._clock.now() - self._since).total_seconds()

    async def attempt(self, stop: asyncio.Event) -> Outcome:
        """Try once; what the transport raises is a failure that may pass, whatever it is.

        Raises `Stopped` when the service stops and the destination does not answer soon: the try then has no
        outcome, and the next start repeats it under the same key.  Raises `Shut` when no try may be made now,
        and `Withdrawn` when this batch may not leave at all any more.
        """
        if await self._withdrawn():
            raise Withdrawn
        async with self._claims.holding(self._batch.id) as conn:
            await self._gate.enter(conn)
            self._attempt_id = await outbox.begin_attempt(conn, self._batch.id, self._clock.now())
            self._since = await tries.tried_since(conn, self._batch.id)
            self._serials = await tries.serials(conn, self._batch.id)
        self._number += 1
        self._log.info("delivery.attempt", attempt=self._number)
        flight = asyncio.ensure_future(self._transport.deliver(self._parcel(), self._mark_spooled))
        async with self._claims.kept(self._batch.id):
            await until_stopped(flight, stop, _GRACE)
        try:
            return await flight
        except Exception as error:
            return transient(type(error).__name__)

    async def _withdrawn(self) -> bool:
        """Ask before each try whether all of the batch may leave, unless it has just been sealed."""
        fresh, self._fresh = self._fresh, False
        if fresh or self._spooled:
            return False
        async with self._claims.holding(self._batch.id) as conn:
            gone = await withdraw(conn, self._batch, self._refusals, self._clock.now())
        if gone:
            self._log.warning("delivery.withdrawn", attempt=self._number)
            await self._claims.release(self._batch.id)
        return gone

    async def settle_failed(self, number: int, outcome: Outcome, wait: float) -> None:
        """Write a failed try down before waiting for the next."""
        due = self._clock.now() + timedelta(seconds=wait)
        async with self._claims.holding(self._batch.id, wait=wait) as conn:
            await outbox.settle_failed(
                conn, self._batch.id, self._attempt_id, error=outcome.error, next_attempt_at=due
            )
            await self._gate.note(conn, outcome)
        self._log.warning(
            "delivery.failed", attempt=number, delay_seconds=round(wait, 3), error_type=outcome.error
        )

    async def settle_delivered(self) -> None:
        """Write down that the batch has arrived."""
        now = self._clock.now()
        async with self._claims.holding(self._batch.id, settled=True) as conn:
            departures = await outbox.settle_delivered(conn, self._batch.id, self._attempt_id, now)
            await self._gate.note_answer(conn)
        self._log.info("delivery.delivered", attempt=self._number)
        for each in departures:
            self._log.info(
                "transaction.delivered",
                correlation_id=each.correlation,
                outbound_id=each.id,
                serial=each.serial,
                far=each.far,
                milliseconds=int((now - each.intake_at).total_seconds() * 1000),
            )

    async def settle_dead(self, outcome: Outcome) -> None:
        """Give the batch up and leave its rows to a person."""
        async with self._claims.holding(self._batch.id, settled=True) as conn:
            await outbox.settle_dead(
                conn,
                self._batch.id,
                self._attempt_id,
                outcome=outcome.verdict.value,
                error=outcome.error,
                at=self._clock.now(),
            )
            if outcome.verdict is Verdict.PERMANENT:
                await self._gate.note_answer(conn)
            else:
                await self._gate.note(conn, outcome)
        self._log.error("delivery.dead", attempt=self._number, error_type=outcome.error)

    async def _mark_spooled(self) -> None:
        async with self._claims.holding(self._batch.id) as conn:
            await outbox.mark_spooled(conn, self._batch.id)
        self._spooled = True

    def _parcel(self) -> Parcel:
        return Parcel(
            key=PurePath(self._batch.name).stem,
            name=self._batch.name,
            payload=self._batch.payload,
            sha256=self._batch.sha256,
            count=self._batch.count,
            spooled=self._spooled,
            first_serial=self._serials[0],
            last_serial=self._serials[1],
        )
