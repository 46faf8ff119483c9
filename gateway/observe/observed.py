"""Put together what watches one gateway: its metrics, who listens to its log, its sampler, its health."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from csenet.gateway.observe.counting import Counting
from csenet.gateway.observe.health import Health, Tasks
from csenet.gateway.observe.listening import ListenedLog, Listener
from csenet.gateway.observe.machine import LoopLag
from csenet.gateway.observe.registry import Metrics

if TYPE_CHECKING:
    from aiohttp import web

    from csenet.gateway.clock import Clock
    from csenet.gateway.desk import Desk
    from csenet.gateway.observe.sampling import Sampler
    from csenet.gateway.observe.traces import Tracing
    from csenet.gateway.partners_book import PartnerBook
    from csenet.gateway.settings.loading import Settings


class Observed:
    """Watch one gateway from its start to its end."""

    def __init__(self, settings: Settings, tasks: Tasks) -> None:
        """Take the settings, and what gives the tasks that run in the background by name."""
        self._settings = settings
        self.metrics = Metrics()
        self.health = Health(settings, tasks)
        self.sampler: Sampler | None = None
        self._listeners: list[Listener] = [Counting(self.metrics)]
        self._tracing = _tracing_of(settings)
        if self._tracing is not None:
            self._listeners.append(self._tracing)
        self._lag = LoopLag()

    def log(self, log: Any) -> Any:
        """Give a log whose events are counted."""
        return ListenedLog(log, self._listeners)

    async def begin(
        self, desk: Desk, clock: Clock, log: Any, book: Callable[[], PartnerBook | None]
    ) -> Sampler:
        """Begin to measure, and give the sampler, which somebody has to run."""
        from csenet.gateway.links import windows_of
        from csenet.gateway.observe.sampling import Sampler

        def partners() -> Any:
            found = book()
            return None if found is None else found.current

        windows = windows_of(self._settings.delivery.windows, desk.agency.zone)
        self.sampler = Sampler(
            self._settings,
            desk,
            clock,
            self.metrics,
            self.health,
            log,
            windows=windows,
            lag=self._lag,
            partners=partners,
        )
        self._tell_build(desk)
        self._lag.start()
        await self.sampler.begin()
        return self.sampler

    def add_to(self, application: web.Application) -> None:
        """Offer the metrics, and answer for liveness and readiness, once there is a sampler."""
        from csenet.gateway.health_book import HEALTH
        from csenet.gateway.observe.web import add_metrics

        if self.sampler is None:
            raise RuntimeError("the watch has not begun")
        application[HEALTH] = self.health
        add_metrics(application, self._settings.observe, self.metrics, self.sampler)

    def end(self) -> None:
        """Measure no more."""
        self._lag.stop()

    async def close(self) -> None:
        """Export the traces that are left, once nothing happens any more."""
        if self._tracing is not None:
            tracing, self._tracing = self._tracing, None
            await asyncio.to_thread(tracing.close)

    def _tell_build(self, desk: Desk) -> None:
        from importlib.metadata import version

        about = {"version": version("csenet-gateway"), "jurisdiction": desk.agency.state}
        self.metrics.set("csenet_build_info", 1, store=desk.store.dialect, **about)


def _tracing_of(settings: Settings) -> Tracing | None:
    """Begin tracing where it is set; nothing of it is imported otherwise."""
    url = settings.observe.traces_url
    if url is None:
        return None
    from csenet.gateway.observe.traces import Tracing

    return Tracing(settings.gateway.jurisdiction, url)
