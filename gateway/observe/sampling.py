"""Take the gauges from the store and the machine every few seconds; a look that fails stops no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from csenet.gateway.delivery.waiting import first_of
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.observe import certificates, looking, machine
from csenet.gateway.observe.looking import Seen
from csenet.gateway.observe.registry import WAITING
from csenet.gateway.observe.steadiness import Steadiness
from csenet.gateway.store import timed_runs
from csenet.gateway.store.timed_runs import LEDGER_CHECK
from csenet.handlers.policy.kept_duties import SIDES

if TYPE_CHECKING:
    from csenet.gateway.clock import Clock
    from csenet.gateway.desk import Desk
    from csenet.gateway.observe.health import Health
    from csenet.gateway.observe.registry import Metrics
    from csenet.gateway.partners import Partners
    from csenet.gateway.settings.loading import Settings

_CLOCK_EVERY: Final = timedelta(minutes=5)
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Sampler:
    """Sample one gateway."""

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        clock: Clock,
        metrics: Metrics,
        health: Health,
        log: Any,
        *,
        windows: Windows,
        lag: machine.LoopLag,
        partners: Callable[[], Partners | None] = lambda: None,
    ) -> None:
        """Take where to look; ``windows`` are those of the delivery."""
        self._settings, self._desk, self._clock = settings, desk, clock
        self._metrics, self._health, self._log = metrics, health, log
        self._windows, self._lag, self._partners = windows, lag, partners
        self._expected = _expected(settings, desk)
        self._started = clock.now()
        self.steadiness = health.steadiness = Steadiness(
            clock.now,
            log,
            jump_seconds=settings.observe.clock_jump_seconds,
            slow_seconds=settings.observe.slow_commit_seconds,
        )
        self._sampled = time.monotonic()
        self._compared = _LONG_AGO
        self._failed: set[str] = set()
        self._turn = asyncio.Lock()
        metrics.set("csenet_start_time_seconds", self._started.timestamp())
        self._limits()

    async def run(self, stop: asyncio.Event) -> None:
        """Sample until told to stop."""
        while not stop.is_set():
            await self.sample()
            await first_of(stop.wait(), self._clock.sleep(self._settings.observe.sample_seconds))

    async def begin(self) -> None:
        """Try the store for the first time, so that the gateway can be ready as soon as it listens."""
        await self._guarded("write", self._write)

    async def sample(self) -> None:
        """Look at everything once; whoever asks meanwhile waits for a look of his own."""
        async with self._turn:
            await self._look_around()

    async def _look_around(self) -> None:
        self.steadiness.tick()
        for name, look in (
            ("write", self._write),
            ("store", self._store),
            ("jobs", self._jobs),
            ("certificates", self._certificates),
            ("clock", self._time),
            ("machine", self._machine),
        ):
            await self._guarded(name, look)
        self._sampled = time.monotonic()

    def refresh(self) -> None:
        """Bring what needs no waiting up to date, for a reader who is here now."""
        ended = self._health.ended()
        for name in self._health.tasks():
            self._metrics.set("csenet_task_running", float(name not in ended), task=name)
        self._metrics.set("csenet_ready", float(not self._health.not_ready()))
        self._metrics.set("csenet_sample_age_seconds", time.monotonic() - self._sampled)

    async def _guarded(self, name: str, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except Exception as error:
            # Told once: the next sample is seconds away.
            if name not in self._failed:
                self._log.warning("observe.look_failed", step=name, exc_info=error)
            self._failed.add(name)
        else:
            self._failed.discard(name)

    async def _write(self) -> None:
        """Try a commit; what the audit trail would do is not known where nothing can be committed."""
        begun = time.monotonic()
        try:
            audit_takes = await looking.try_to_write(self._desk.store, self._clock.now())
        except Exception as error:
            self._written(False)
            self.steadiness.lost(error)
            self._metrics.clear("csenet_audit_writable")
            raise
        took = time.monotonic() - begun
        self._metrics.observe("csenet_store_commit_seconds", took)
        self.steadiness.committed(took)
        self._written(True)
        self._metrics.set("csenet_audit_writable", float(audit_takes))

    def _written(self, ok: bool) -> None:
        self._health.note_commit(ok)
        self._metrics.set("csenet_store_writable", float(ok))

    async def _store(self) -> None:
        async with self._desk.store.read() as conn:
            seen = await looking.look(conn, self._clock.today())
            size = await looking.size_of(conn)
        self._metrics.set("csenet_store_bytes", size)
        self._show(seen, self._clock.now())

    def _show(self, seen: Seen, now: datetime) -> None:
        put = self._metrics.set
        for status in WAITING:
            put("csenet_outbox_transactions", seen.waiting.get(status, 0), status=status)
        put("csenet_oldest_age_seconds", _age(seen.oldest_outbox, now), queue="outbox")
        put("csenet_oldest_age_seconds", _age(seen.oldest_intake, now), queue="intake")
        put("csenet_parked_transactions", seen.parked)
        put("csenet_intake_files_waiting", seen.files_waiting)
        put(
            "csenet_intake_last_timestamp_seconds",
            None if seen.last_received is None else seen.last_received.timestamp(),
        )
        put(
            "csenet_intake_window_missed",
            float(looking.nothing_came(self._expected, seen, now, self._started)),
        )
        put("csenet_work_open", seen.work_open)
        put("csenet_work_overdue", seen.work_overdue)
        for side in SIDES:
            put("csenet_duties_open", seen.duties_open.get(side, 0), side=side)
            put("csenet_duties_overdue", seen.duties_overdue.get(side, 0), side=side)
        put("csenet_delivery_breaker_open", float(seen.destination.state != "closed"))
        put("csenet_delivery_held", float(seen.destination.held_at is not None))
        put("csenet_delivery_window_open", float(self._windows.is_open(now)))
        put("csenet_delivery_window_missed", float(looking.nothing_left(self._windows, seen, now)))
        following = self._windows.next_window(now)
        put(
            "csenet_delivery_next_window_seconds",
            None if following is None else (following - now).total_seconds(),
        )

    async def _jobs(self) -> None:
        """Show how the timed jobs fared, on whichever gateway they ran, and what adding up found."""
        async with self._desk.store.read() as conn:
            runs = await timed_runs.every(conn)
        for name, run in runs.items():
            self._metrics.set("csenet_job_failed", float(run.outcome == "failed"), name=name)
        ledger = runs.get(LEDGER_CHECK)
        if ledger is not None and ledger.result_at is not None:
            self._metrics.set("csenet_ledger_differences", len(ledger.result["differences"]))
            self._metrics.set("csenet_ledger_age_seconds", _age(ledger.result_at, self._clock.now()))

    async def _certificates(self) -> None:
        partners = self._partners()
        found = await asyncio.to_thread(certificates.certificates_of, self._settings, partners)
        self._metrics.clear("csenet_certificate_days")
        for each in found:
            days = each.days(self._clock.now())
            self._metrics.set("csenet_certificate_days", days, use=each.use, owner=each.owner)
        self._metrics.set("csenet_partners_version", None if partners is None else partners.version)

    async def _time(self) -> None:
        server, now = self._settings.observe.time_server, self._clock.now()
        if self._desk.store.shared:
            async with self._desk.store.read() as conn:
                theirs = await looking.server_time(conn)
            if theirs is not None:
                ahead = (self._clock.now() - theirs).total_seconds()
                self._metrics.set("csenet_clock_offset_seconds", ahead, source="store")
        # Also when the clock was put back, however far: that is what this is to find.
        if server is not None and not timedelta() <= now - self._compared < _CLOCK_EVERY:
            self._compared = now
            ahead = await machine.clock_offset(server, self._clock.now)
            self._metrics.set("csenet_clock_offset_seconds", ahead, source="time_server")

    async def _machine(self) -> None:
        observe, now = self._settings.observe, self._clock.now()
        self._metrics.set("csenet_loop_lag_seconds", self._lag.take())
        free = machine.free_bytes(self._settings.gateway.data_dir)
        self._metrics.set("csenet_disk_free_bytes", free)
        if observe.backup_folder is not None:
            newest = await asyncio.to_thread(machine.newest_change, observe.backup_folder)
            age = float("inf") if newest is None else (now - newest).total_seconds()
            self._metrics.set("csenet_backup_age_seconds", age)

    def _limits(self) -> None:
        """Show the limits that the settings hold; they do not change while the gateway runs."""
        observe, put = self._settings.observe, self._metrics.set
        put("csenet_oldest_limit_seconds", observe.oldest_intake.total_seconds(), queue="intake")
        put("csenet_oldest_limit_seconds", observe.oldest_outbox.total_seconds(), queue="outbox")
        put("csenet_disk_reserve_bytes", self._settings.limits.disk_reserve_mb * 2**20)
        if observe.backup_folder is not None:
            put("csenet_backup_limit_seconds", observe.backup_limit.total_seconds())


def _expected(settings: Settings, desk: Desk) -> Windows:
    from csenet.gateway.links import weekday_numbers

    expected = settings.observe.expected
    return Windows(
        zone=desk.agency.zone if expected.time_zone is None else ZoneInfo(expected.time_zone),
        spans=expected.times,
        weekdays=weekday_numbers(expected.weekdays),
        skip_federal_holidays=expected.skip_federal_holidays,
    )


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
