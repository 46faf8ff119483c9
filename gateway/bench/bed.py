"""Put up a gateway, and around it the machines it speaks with, for as long as something is measured."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.transaction import Transaction
from csenet.gateway.bench import traffic
from csenet.gateway.bench.outside import Outside, outside
from csenet.gateway.clock import SystemClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.transports.base import Transport
from csenet.gateway.delivery.transports.http import HttpTransport
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.desk.disclosing import refused_now
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.outbox import OutboundRow
from csenet.gateway.store.wrapping import KeyFile
from csenet.handlers.policy.rules import Why

BATCH = 100
PARALLEL = 8
"""As the settings have it where nothing else is set."""


class Bed:
    """Hold a desk at a store of its own; the store is on disk, synchronised at each commit as in service."""

    def __init__(self, store: Store, folder: Path, others: Outside, log: Any) -> None:
        """Sit down at the store; ``others`` are the machines around it."""
        self.store = store
        self.folder = folder
        self.clock = SystemClock("America/Chicago")
        self.desk = Desk(store, agency_of(traffic.HOME), self.clock, log)
        self.others = others
        self.url = f"http://127.0.0.1:{others.port}/"
        self._log = log

    def courier(
        self,
        batch_size: int,
        transport: Transport | None = None,
        delivered: Callable[[], None] = lambda: None,
    ) -> Courier:
        """Wire a courier as the service does, policy asked about each transaction."""

        async def refusals(conn: AsyncConnection, rows: Sequence[OutboundRow]) -> Mapping[int, Sequence[Why]]:
            return await refused_now(conn, rows, self.clock.today(), self.desk.agency)

        return Courier(
            self.store,
            transport or HttpTransport(self.url),
            self.clock,
            CourierSettings(jurisdiction=traffic.HOME, batch_size=batch_size, parallel=PARALLEL),
            self._log,
            refusals=refusals,
            ready=self.desk.outbox_ready,
            delivered=delivered,
        )

    async def know(self, templates: list[Transaction]) -> None:
        """Take in the facts of the requests' cases."""
        puts = [self.desk.put_case(*each) for each in traffic.facts(templates, self.clock.today())]
        await asyncio.gather(*puts)

    @asynccontextmanager
    async def in_service(self, courier: Courier) -> AsyncIterator[None]:
        """Settle and deliver in the background, as the service does."""
        stop = asyncio.Event()
        self.desk.departing, self.desk.at_once = courier.embark, True

        async def settle() -> None:
            while not stop.is_set():
                self.desk.arrived.clear()
                await self.desk.settle_pending()
                await self.desk.arrived.wait()

        parts = [asyncio.create_task(settle()), asyncio.create_task(courier.run(stop))]
        try:
            yield
        finally:
            stop.set()
            self.desk.arrived.set()
            await asyncio.gather(*parts)


@asynccontextmanager
async def bed(folder: Path, log: Any, url: str | None = None, *, sealed: bool = True) -> AsyncIterator[Bed]:
    """Make a store in ``folder``, which exists, and a destination in another process; take them down.

    ``url`` names an empty database for the store instead.  What is not ``sealed`` has no search keys either:
    they are there because nothing else could be searched.
    """
    async with contextlib.AsyncExitStack() as stack:
        keyring = Keyring(KeyFile(folder / "wrapping.key") if sealed else None)
        keyring.ring.searchable = sealed
        store = await open_store(url or folder / "gateway.db", keyring=keyring)
        stack.push_async_callback(store.close)
        others = await stack.enter_async_context(outside())
        yield Bed(store, folder, others, log)


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[int]:
    """Serve an application on the loopback address; gives the port."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port: int = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()
