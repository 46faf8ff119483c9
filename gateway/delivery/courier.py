"""Carry the outbox to one destination, in order within a case: nothing lost, nothing doubled.

Whatever a try may do to the outside is written down before it happens and its outcome after, so a kill at any
moment leaves a state from which the next start goes on to the same end.  Several batches may be under way at
once, none with a transaction of a case of which another has one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.typing import FilteringBoundLogger

from csenet.codecs.flatfile import Encoding, Framing
from csenet.gateway.clock import Clock
from csenet.gateway.delivery import patience
from csenet.gateway.delivery.compose import Composer, Refusals, nothing_refused
from csenet.gateway.delivery.flight import Begun, Crew, Flight
from csenet.gateway.delivery.gate import Gate, Passage, Shut
from csenet.gateway.delivery.pace import Pace
from csenet.gateway.delivery.retry import Schedule
from csenet.gateway.delivery.transports.base import Transport
from csenet.gateway.delivery.waiting import Stopped, first_of, sleep_unless
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.store import outcomes
from csenet.gateway.store.claims import BatchClaims
from csenet.gateway.store.engine import Store
from csenet.gateway.store.leases import Fenced

# Another process (an operator's resend) cannot set our event; this is how late it is noticed, in seconds.
_LOOK_AGAIN: Final = 2.0
# How long a try in flight may hold up a stop, in seconds.
_GRACE: Final = 5.0


class CourierSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what an operator sets: the state (two digits), sizes, and delays in seconds."""

    jurisdiction: str
    batch_size: int = 100
    # How many batches may be under way at once, and how many may set out in a minute.
    parallel: int = 1
    per_minute: float | None = None
    first_delay_seconds: float = patience.FIRST_DELAY
    max_delay_seconds: float = patience.MAX_DELAY
    give_up_after_seconds: float = patience.GIVE_UP_AFTER
    attempt_limit: int | None = None
    # What is otherwise for one class of failures.
    retry: Mapping[str, patience.Patience] = {}
    # After how many seconds what goes to a partner is given up, where that is sooner.
    partners: Mapping[str, float] = {}
    breaker_after: int = patience.BREAKER_AFTER
    probe_seconds: float = patience.PROBE_INTERVAL
    framing: str = "lines"
    encoding: str = "ascii"
    windows: Windows = msgspec.field(default_factory=Windows)
    # How long a batch stays with a gateway that is gone, where several share a database.
    lease_seconds: float = 15.0
    # In which a receipt has to come by itself; None where none does.
    receipts_within_seconds: float | None = None


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
        self._ready = ready or asyncio.Event()
        self._parallel = settings.parallel
        self._composer = Composer(
            jurisdiction=settings.jurisdiction,
            framing=Framing(settings.framing),
            encoding=Encoding(settings.encoding),
            batch_size=settings.batch_size,
            refusals=refusals,
        )
        self._crew = Crew(
            claims=BatchClaims(store, clock, settings.lease_seconds),
            clock=clock,
            transport=transport,
            gate=Gate(
                clock,
                log,
                windows=settings.windows,
                breaker_after=settings.breaker_after,
                probe_interval=settings.probe_seconds,
            ),
            pace=Pace(clock, settings.per_minute),
            schedule=Schedule(
                first_delay=settings.first_delay_seconds,
                max_delay=settings.max_delay_seconds,
                give_up_after=settings.give_up_after_seconds,
                attempt_limit=settings.attempt_limit,
                classes=settings.retry,
            ),
            refusals=refusals,
            log=log.bind(),
            delivered=delivered,
            receipts_within=settings.receipts_within_seconds,
            partners=settings.partners,
        )
        self._flights: dict[asyncio.Task[None], Flight] = {}
        self._stop = asyncio.Event()
        self._settled = 0
        self._errors: list[BaseException] = []
        # A batch may lie open from an earlier run, or after a failure of the store.
        self._look = True
        self._running = False

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set: a try in flight is finished and settled, a wait is given up."""
        failures, opened = 0, False
        try:
            while not stop.is_set():
                try:
                    if not opened:
                        await self._crew.transport.open()
                    opened = self._running = True
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
            self._running = False
            await self.close()

    async def deliver_waiting(self, stop: asyncio.Event | None = None) -> int:
        """Deliver all that may leave now and return how many batches were settled.

        Raises `Stopped` if ``stop`` is set while a batch waits for its next try.
        """
        self._stop = stop = stop or asyncio.Event()
        before = self._settled
        waking = asyncio.create_task(self._wake_at(stop))
        try:
            while not stop.is_set():
                self._ready.clear()
                self._raise_failure()
                held_up = await self._set_out()
                # What landed while we looked may have let something go that we saw waiting.
                if not (self._flights or held_up or self._ready.is_set()):
                    break
                await self._something_happens(held_up)
            if self._flights:
                await self._last_landings()
        except asyncio.CancelledError:
            await self._abandon()
            raise
        finally:
            waking.cancel()
        self._raise_failure()
        return self._settled - before

    async def close(self) -> None:
        """Give up what is in flight, and let go of the transport."""
        await self._abandon()
        await self._crew.transport.close()

    async def embark(self, conn: AsyncConnection) -> Callable[[], bool]:
        """Seal what may leave now inside the caller's transaction, tries begun; nothing while at rest.

        What is returned lets it set out, to be called once that transaction is on disk, and says whether
        nobody need look for more: whoever lands first does.
        """
        if not self._running or self._stop.is_set():
            return lambda: False
        flights, held_up = await self._board(conn)

        def depart() -> bool:
            self._launch(flights)
            return bool(flights) and not held_up

        return depart

    async def _work(self, stop: asyncio.Event) -> None:
        if await self.deliver_waiting(stop) == 0 and not stop.is_set():
            await first_of(self._ready.wait(), stop.wait(), self._crew.clock.sleep(_LOOK_AGAIN))

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._ready.set()

    async def _something_happens(self, held_up: bool) -> None:
        """Wait until something was queued, has landed, or may set out after having been held up.

        What a gateway that is gone leaves on a shared database tells nobody, so it is looked for meanwhile.
        """
        if held_up:
            await first_of(self._ready.wait(), self._crew.clock.sleep(self._crew.pace.wait()))
        elif self._store.shared and len(self._flights) < self._parallel:
            await first_of(self._ready.wait(), self._crew.clock.sleep(_LOOK_AGAIN))
        else:
            await self._ready.wait()

    async def _stalled(self, error: Exception, failures: int, stop: asyncio.Event) -> None:
        wait = self._crew.schedule.wait(failures)
        self._crew.log.error(
            "delivery.stalled", error_type=type(error).__name__, delay_seconds=round(wait, 3)
        )
        with contextlib.suppress(Stopped):
            await sleep_unless(stop, self._crew.clock, wait)

    async def _set_out(self) -> bool:
        """Let as many batches set out as may; say whether the rate alone keeps some."""
        if len(self._flights) >= self._parallel:
            return False
        async with self._store.begin() as conn:
            flights, held_up = await self._board(conn)
        self._launch(flights)
        return held_up

    async def _board(self, conn: AsyncConnection) -> tuple[list[Flight], bool]:
        """Take over batches that lie open, then seal new ones, as far as there is room."""
        room = self._parallel - len(self._flights)
        passage = await self._crew.gate.look(conn) if room > 0 else None
        if passage is None:
            return [], False
        if passage.probing:
            room = 0 if self._flights else 1
        allowed = self._crew.pace.free(room)
        flights = [] if allowed == 0 else await self._taken_over(conn, allowed)
        room, allowed = room - len(flights), allowed - len(flights)
        if room <= 0:
            return flights, False
        if allowed <= 0:
            return flights, await self._composer.something_waits(conn, passage.up_to)
        return flights + await self._sealed(conn, passage, allowed), False

    async def _taken_over(self, conn: AsyncConnection, room: int) -> list[Flight]:
        if not self._look and not self._store.shared:
            return []
        mine = {flight.batch.id for flight in self._flights.values()}
        found: list[Flight] = []
        while len(found) < room:
            batch = await self._crew.claims.oldest(conn, mine)
            if batch is None:
                self._look = False
                break
            mine.add(batch.id)
            found.append(Flight(self._crew, batch))
        return found

    async def _sealed(self, conn: AsyncConnection, passage: Passage, room: int) -> list[Flight]:
        now = self._crew.clock.now()
        sealed = await self._composer.next_batches(conn, now, room, passage.up_to, begun=not passage.probing)
        if not sealed:
            await self._crew.gate.emptied(conn, passage)
            return []
        mine = [each for each in sealed if await self._crew.claims.take(conn, each.batch) is not None]
        anew = [each for each in mine if each.serials is None or passage.probing]
        begun = [each for each in mine if each not in anew]
        tries = await outcomes.add_attempts(conn, [each.batch.id for each in begun], now)
        self._crew.pace.take(len(begun))
        flights = [
            Flight(
                self._crew,
                each.batch,
                begun=Begun(attempt_id=number, since=now, serials=each.serials or (0, 0)),
            )
            for each, number in zip(begun, tries, strict=True)
        ]
        return flights + [Flight(self._crew, each.batch, fresh=True) for each in anew]

    def _launch(self, flights: list[Flight]) -> None:
        for flight in flights:
            task = asyncio.create_task(flight.fly(self._stop), name=flight.batch.name)
            self._flights[task] = flight
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        flight = self._flights.pop(task)
        self._ready.set()
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None or isinstance(error, Fenced):
            self._settled += 1
            if error is not None:
                self._crew.log.warning("delivery.taken_over", batch=flight.batch.name)
            return
        self._look = True
        if not isinstance(error, Shut):
            self._errors.append(error)

    def _raise_failure(self) -> None:
        """Raise what a flight met, a stop last: whatever else happened must not be hidden by it."""
        errors, self._errors = self._errors, []
        for error in sorted(errors, key=lambda each: isinstance(each, Stopped)):
            raise error

    async def _last_landings(self) -> None:
        """Give tries in flight time to end; what is given up then has no outcome."""
        leaving = dict(self._flights)
        _, late = await asyncio.wait(leaving, timeout=_GRACE)
        if late:
            await self._abandon()
            for task in late:
                await self._crew.claims.release(leaving[task].batch.id)
            self._errors = [Stopped()]

    async def _abandon(self) -> None:
        """Cancel what is in flight, as a kill would."""
        flights = list(self._flights)
        for task in flights:
            task.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
