"""Wire one jurisdiction's gateway together, start it in order, and stop it without losing anything.

Start: lock, store, what an earlier run left unfinished, HTTP, folder.  Stop: the ways in close, what was
accepted is decided up to the end of the chunk in hand, the batch in flight arrives or is given up, the store
closes.  Whatever a stop leaves undone is in the store and is done by the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.waiting import first_of
from csenet.gateway.desk.disclosing import refused_now
from csenet.gateway.errors import GatewayError, TaskCrashed
from csenet.gateway.jobs import Jobs
from csenet.gateway.links import (
    bounds_of,
    partner_book_of,
    pressure_of,
    server_tls,
    transport_of,
    trust_of,
    windows_of,
)
from csenet.gateway.lock import DataLock
from csenet.gateway.memory import settle_in
from csenet.gateway.observe.notify import READY, STOPPING, ServiceManager
from csenet.gateway.observe.observed import Observed
from csenet.gateway.store.errors import out_of_reach
from csenet.gateway.timed import timed_jobs
from csenet.gateway.ways_in import ways_in
from csenet.gateway.wiring import desk_of
from csenet.gateway.work_rules_book import WorkRulesBook

if TYPE_CHECKING:
    from aiohttp import web
    from sqlalchemy.ext.asyncio import AsyncConnection

    from csenet.gateway.console.sources import Sources
    from csenet.gateway.desk import Desk
    from csenet.gateway.intake.pressure import Pressure
    from csenet.gateway.participant.listening import ParticipantListener
    from csenet.gateway.partners import Partners
    from csenet.gateway.partners_book import PartnerBook
    from csenet.gateway.settings.loading import Settings
    from csenet.gateway.store.engine import Store
    from csenet.gateway.store.outbox import OutboundRow
    from csenet.handlers.policy.rules import Why

log = structlog.get_logger("csenet.gateway.app")

# Seconds that each part of a stop may take; together below the ten after which people kill.
_CLOSE_WAYS_IN = 2.0
_WAYS_IN = ("intake", "fetching", "receipts", "partners", "rules", "jobs", "sampler", "watchdog")
_FINISH_CHUNK = 1.5
_FINISH_BATCH = 5.5


# Seconds between two looks at a store that is gone.
_LONGEST_STALL = 5.0


class ListenError(GatewayError):
    """Report an address that cannot be listened on."""


class GatewayApp:
    """Hold the running parts of one gateway."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Remember the settings; nothing is opened before :meth:`start`."""
        self.settings = settings
        self.clock = clock
        self.store: Store | None = None
        self.desk: Desk | None = None
        self.port: int | None = None
        self.partners: PartnerBook | None = None
        self.observed = Observed(settings, lambda: self._tasks)
        self._lock = DataLock(settings.gateway.data_dir)
        self._pressure: Pressure | None = None
        self._runner: web.AppRunner | None = None
        self._participants: ParticipantListener | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._no_more_intake = asyncio.Event()
        self._no_more_settling = asyncio.Event()
        self._no_more_delivery = asyncio.Event()

    async def start(self) -> None:
        """Open everything in order; when a part fails, close what was opened and raise."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        log.info("gateway.started", jurisdiction=self.settings.gateway.jurisdiction, port=self.port)

    def take_no_more(self) -> None:
        """Refuse what comes in from this moment on; what is in hand is finished."""
        if self._pressure is not None:
            self._pressure.stop()
        self._no_more_intake.set()

    async def stop(self) -> None:
        """Close everything in order, in a bounded time; harmless on what is not open."""
        self.take_no_more()
        self.observed.end()
        ways_in = (self._finish(name, _CLOSE_WAYS_IN) for name in _WAYS_IN)
        await asyncio.gather(*ways_in, self._close_http())
        self._no_more_settling.set()
        if self.desk is not None:
            self.desk.at_once = False
            self.desk.arrived.set()
        await self._finish("settle", _FINISH_CHUNK)
        self._no_more_delivery.set()
        await self._finish("courier", _FINISH_BATCH)
        await self.observed.close()
        if self.store is not None:
            await self.store.close()
            self.store = None
            log.info("gateway.stopped")
        self._lock.release()

    async def wait(self) -> None:
        """Wait for ever; raises :class:`TaskCrashed` as soon as a background task ends by itself."""
        if not self._tasks:
            raise RuntimeError("the gateway is not started")
        done, _ = await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = None if task.cancelled() else task.exception()
            log.critical("task.crashed", task=task.get_name(), exc_info=error)
        raise TaskCrashed(f"the background task {next(iter(done)).get_name()} ended; see the log")

    async def run_until_signal(self) -> None:
        """Run until SIGTERM or SIGINT, then drain; raises :class:`TaskCrashed` if a task crashed."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def ask(number: signal.Signals) -> None:
            self.take_no_more()
            log.info("gateway.stopping", signal=number.name)
            asked.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ask, number)
        loop.set_exception_handler(_log_stray)
        manager = ServiceManager()
        try:
            await first_of(asked.wait(), self._start_and_wait(manager))
        finally:
            manager.tell(STOPPING)
            await self.stop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _start_and_wait(self, manager: ServiceManager) -> None:
        """Start, which may be stopped half-way when much was left unfinished, and go on."""
        await self.start()
        settle_in()
        manager.tell(READY, f"STATUS=listens on port {self.port}")
        if manager.watches:
            telling = manager.keep_telling(self.observed.health.not_alive, self._no_more_intake)
            self._spawn("watchdog", telling)
        await self.wait()

    async def _start(self) -> None:
        """Take the folder, open the store, mend, then let things in."""
        self._lock.take()
        told = self.observed.log(log)
        self._pressure = pressure_of(self.settings, told)
        self.store, self.desk, self.clock = await desk_of(self.settings, clock=self.clock, log=told)
        self.store.watch.tell(lambda count: told.warning("store.sleeper_ended", count=count))
        self._take_partners(self.desk, self.clock)
        if self.settings.work.rules is not None:
            rules = WorkRulesBook(self.settings.work.rules, self.desk, self.clock, told)
            self._spawn("rules", rules.run(self._no_more_intake))
        await self.desk.settle_pending()
        courier = self._courier(self.desk, self.store, self.clock)
        self.desk.departing, self.desk.at_once = courier.embark, True
        self._spawn("courier", courier.run(self._no_more_delivery))
        self._spawn("settle", self._settle(self.desk))
        self._spawn("jobs", Jobs(self.desk, timed_jobs(self.settings), told).run(self._no_more_intake))
        sampler = await self.observed.begin(self.desk, self.clock, told, lambda: self.partners)
        self._spawn("sampler", sampler.run(self._no_more_intake))
        # To work out the first holidays takes as long as two hundred decisions.
        await asyncio.to_thread(self.desk.agency.calendar.holiday, self.clock.today())
        await self._open_http(self.desk, self.store, self.clock)
        found = ways_in(self.settings, self.desk, self.clock, told, self._pressure.disk_full)
        for name, take_in in found.items():
            self._spawn(name, take_in(self._no_more_intake))

    def _take_partners(self, desk: Desk, clock: Clock) -> None:
        """Put the table of partners in force, now and whenever it changes."""
        base = desk.agency.agreements

        def take(partners: Partners) -> None:
            desk.agency = msgspec.structs.replace(desk.agency, agreements=partners.before(base))

        self.partners = partner_book_of(self.settings.partners, clock, desk.log, take)
        if self.partners is not None:
            from csenet.gateway.partners import EXCHANGE

            take(self.partners.current)
            book = self.partners
            desk.receipt_pins = lambda at: book.current.pins("sign", at, EXCHANGE)
            self._spawn("partners", self.partners.run(self._no_more_intake))

    def _courier(self, desk: Desk, store: Store, clock: Clock) -> Courier:
        """Build the courier for the one way out that is set."""
        delivery = self.settings.delivery
        within = delivery.receipts_within
        settings = CourierSettings(
            jurisdiction=self.settings.gateway.jurisdiction,
            batch_size=delivery.batch_size,
            parallel=delivery.parallel,
            per_minute=delivery.per_minute,
            first_delay_seconds=delivery.first_delay_seconds,
            max_delay_seconds=delivery.max_delay_seconds,
            give_up_after_seconds=delivery.give_up_after.total_seconds(),
            attempt_limit=delivery.attempt_limit,
            retry=delivery.retry.classes(),
            partners=delivery.retry.partners(),
            breaker_after=delivery.breaker_after,
            probe_seconds=delivery.probe_seconds,
            windows=windows_of(delivery.windows, desk.agency.zone),
            receipts_within_seconds=None if within is None else within.total_seconds(),
            framing=delivery.framing,
            encoding=delivery.encoding,
        )

        async def refusals(conn: AsyncConnection, rows: Sequence[OutboundRow]) -> Mapping[int, Sequence[Why]]:
            # The agency is asked for each time: the agreements may have changed.
            return await refused_now(conn, rows, clock.today(), desk.agency)

        transport, ready = transport_of(self.settings, clock, self._table), desk.outbox_ready
        return Courier(store, transport, clock, settings, desk.log, refusals=refusals, ready=ready)

    def _table(self) -> Partners | None:
        """Give the table of partners in force, if there is one."""
        return None if self.partners is None else self.partners.current

    async def _settle(self, desk: Desk) -> None:
        """Decide what was accepted, whenever something was."""
        failures = 0
        while not self._no_more_settling.is_set():
            desk.arrived.clear()
            try:
                await desk.settle_pending()
                failures = 0
            except Exception as error:
                if not out_of_reach(error):
                    raise
                # Nothing is lost: what was accepted is on disk, and is decided when the store is back.
                failures += 1
                await self._settle_later(error, min(2.0 ** min(failures, 5) / 2, _LONGEST_STALL))
                continue
            if not self._no_more_settling.is_set():
                await desk.wait_for_arrival()

    async def _settle_later(self, error: Exception, seconds: float) -> None:
        log.error("intake.settling_stalled", error_type=type(error).__name__, delay_seconds=seconds)
        await first_of(self._no_more_settling.wait(), asyncio.sleep(seconds))

    async def _open_http(self, desk: Desk, store: Store, clock: Clock) -> None:
        """Listen; the port is known afterwards even if 0 was set."""
        from csenet.gateway.bounded import BoundedRunner, listen
        from csenet.gateway.casework.api import build_app
        from csenet.gateway.console.part import add_pages
        from csenet.gateway.intake.http import add_exchange_routes
        from csenet.gateway.intake.trust import StoreKeys

        application = build_app(
            desk,
            store,
            clock=clock,
            jurisdiction_name=desk.agency.profile.name,
            windows=windows_of(self.settings.delivery.windows, desk.agency.zone),
            people=self.settings.people,
        )
        add_pages(application, self._sources(desk, store, clock))
        trust = trust_of(self.settings, self.partners, clock, desk.log)
        own, keys = self.settings.gateway.jurisdiction, StoreKeys(store, clock)
        add_exchange_routes(
            application, desk, trust=trust, keys=keys, own=own, now=clock.now, take_receipt=desk.take_receipt
        )
        await self._let_participants_in(application, desk, store, clock)
        self.observed.add_to(application)
        assert self._pressure is not None  # noqa: S101 - made before this
        application.middlewares.insert(0, self._pressure.middleware())
        tls = server_tls(self.settings.http, log)
        bounds = bounds_of(self.settings)
        self._runner = BoundedRunner(
            application, bounds, pressure=self._pressure, shutdown_timeout=_CLOSE_WAYS_IN
        )
        await self._runner.setup()
        host, port = self.settings.http.host, self.settings.http.port
        try:
            await listen(self._runner, host, port, tls=tls)
        except OSError as error:
            text = error.strerror or type(error).__name__
            raise ListenError(f"http: cannot listen on {host} port {port}: {text}") from None
        self.port = self._runner.addresses[0][1]

    async def _let_participants_in(
        self, application: web.Application, desk: Desk, store: Store, clock: Clock
    ) -> None:
        """Offer participants their own case, where the settings say so."""
        if not self.settings.participant.enabled:
            return
        from csenet.gateway.participant.listening import ParticipantListener

        self._participants = ParticipantListener(self.settings.participant, log, bounds_of(self.settings))
        await self._participants.open(application, desk, store, clock)

    @property
    def participant_port(self) -> int | None:
        """Give the port of the participants' own listener, if there is one."""
        return None if self._participants is None else self._participants.port

    def _sources(self, desk: Desk, store: Store, clock: Clock) -> Sources:
        """Say where the pages for people find what they show."""
        from csenet.gateway.console.sources import Sources
        from csenet.gateway.people.reading import Reader

        return Sources(
            desk=desk,
            store=store,
            clock=clock,
            reader=Reader(desk, store, clock),
            windows=windows_of(self.settings.delivery.windows, desk.agency.zone),
            partners=lambda: None if self.partners is None else self.partners.current,
            settings=self.settings,
        )

    async def _close_http(self) -> None:
        """Stop listening and let requests in hand finish."""
        if self._participants is not None:
            await self._participants.close()
        if self._runner is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_WAYS_IN + 0.5):
                    await self._runner.cleanup()
            self._runner = None

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a part in the background, under a name that the log can tell."""
        self._tasks[name] = asyncio.create_task(work, name=name)

    async def _finish(self, name: str, seconds: float) -> None:
        """Give a part time to end by itself, then end it; what it had not committed has not happened."""
        task = self._tasks.pop(name, None)
        if task is None:
            return
        _, unfinished = await asyncio.wait({task}, timeout=seconds)
        if unfinished:
            log.warning("task.cancelled", task=name, seconds=seconds)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _log_stray(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the event loop could give to nobody; its own words may quote values."""
    log.error("loop.stray_failure", exc_info=context.get("exception"))
