"""Gateways of many states and the exchange between them, in one process under one virtual clock.

Each gateway is the real one: its store, its desk, its courier. Only the way between them is short, and the
stores may lie in memory, where nothing has to outlive the process.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.desk.disclosing import refused_now
from csenet.gateway.desk.results import WorkItemView
from csenet.gateway.desk.views import work_item_view
from csenet.gateway.exchange.hall import Hall, HallTransport
from csenet.gateway.exchange.tables import open_exchange_store
from csenet.gateway.simulation.clock import ZoneClock, noon
from csenet.gateway.store import work
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.outbox import OutboundRow
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.rules import Why

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_BATCH: Final = 500

QUIET: Final = structlog.wrap_logger(
    structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)


class Station:
    """Hold one state's gateway: everything but its ways in and out of the process."""

    def __init__(self, fips: str, store: Store, desk: Desk, hall: Hall) -> None:
        """Put the courier to work between desk and hall."""
        self.fips, self.store, self.desk = fips, store, desk

        async def refusals(conn: AsyncConnection, rows: Sequence[OutboundRow]) -> Mapping[int, Sequence[Why]]:
            return await refused_now(conn, rows, desk.clock.today(), desk.agency)

        settings = CourierSettings(jurisdiction=fips, batch_size=_BATCH)
        self._courier = Courier(
            store, HallTransport(hall, fips), desk.clock, settings, QUIET, refusals=refusals
        )
        self._seen = 0
        self.touched = True
        """Says that something was done at the desk since its new work was last asked for."""

    async def send(self) -> None:
        """Let leave what is queued."""
        self.desk.outbox_ready.clear()
        await self._courier.deliver_waiting()

    async def receive(self, parcel: Parcel) -> None:
        """Take in a batch and decide it."""
        self.touched = True
        receipt = await self.desk.accept(parcel.payload, source="exchange", name=parcel.name)
        await self.desk.settle(receipt.file_id)

    async def new_work(self) -> list[WorkItemView]:
        """Give the work that was opened since somebody last asked."""
        self.touched = False
        async with self.store.read() as conn:
            rows = await work.after(conn, self._seen)
        self._seen = max([self._seen, *(row["id"] for row in rows)])
        return [work_item_view(row) for row in rows]


class Network:
    """Hold the stations and the hall; `opened` makes one."""

    def __init__(self, clock: ManualClock, hall: Hall, stations: Mapping[str, Station]) -> None:
        """Take what was opened."""
        self.clock, self.hall, self.stations = clock, hall, stations

    def day(self, day: date) -> None:
        """Let the clock come to a day."""
        self.clock.set(noon(day))

    async def exchange(self) -> list[tuple[str, str, str]]:
        """Carry everything until nothing is under way; return who sent what to whom, in order."""
        self.hall.crossed.clear()
        while True:
            ready = [each for each in self.stations.values() if each.desk.outbox_ready.is_set()]
            waiting = sorted(self.hall.waiting)
            if not ready and not waiting:
                return list(self.hall.crossed)
            for station in ready:
                await station.send()
            for fips in sorted(self.hall.waiting):
                await self.hall.hand_out(fips, self.stations[fips].receive)

    async def differences(self) -> list[str]:
        """Add up all ledgers; an empty list means that they balance."""
        found: list[str] = []
        for fips, station in self.stations.items():
            report = await station.desk.ledger_check()
            found += [f"{fips}: {difference}" for difference in report.differences]
            left = {name: report.outbound.get(name, 0) for name in ("queued", "sending", "dead", "held")}
            found += [f"{fips}: {count} {name}" for name, count in left.items() if count]
        counts = await self.hall.counts()
        if not counts.balanced or counts.waiting or counts.unprocessed:
            found.append(f"exchange: {counts.waiting + counts.unprocessed} waiting, {counts.refused} refused")
        return found


@asynccontextmanager
async def opened(
    states: Collection[str],
    start: date,
    *,
    switches: Mapping[str, bool] | None = None,
    template: Path | None = None,
) -> AsyncIterator[Network]:
    """Open a gateway for each state and the exchange between them, and throw all of it away in the end.

    `switches` are laid over each state's profile. `template` is an empty store to begin with, made when it is
    not there yet; without it each network makes its own.
    """
    where = _MEMORY if _MEMORY.is_dir() else None
    clock = ManualClock(noon(start))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="csenet-", dir=where)))
        empty = template or folder / "empty.db"
        if not empty.exists():
            await (await open_store(empty)).close()
        books = await open_exchange_store(folder / "exchange.db")
        stack.push_async_callback(books.close)
        hall = Hall(books, clock, states)
        stations = {}
        for fips in sorted(states):
            path = folder / f"{fips}.db"
            shutil.copyfile(empty, path)
            store = await open_store(path, migrate=False)
            stack.push_async_callback(store.close)
            stations[fips] = Station(fips, store, _desk(fips, store, clock, switches or {}), hall)
        yield Network(clock, hall, stations)


def _desk(fips: str, store: Store, clock: ManualClock, switches: Mapping[str, Any]) -> Desk:
    agency = agency_of(fips, profile=load_profile(fips).with_switches(dict(switches)))
    return Desk(store, agency, ZoneClock(clock, agency.zone), QUIET)
