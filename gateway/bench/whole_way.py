"""Measure the whole way: from a file to settled delivery, alone and in bulk."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from csenet.codecs import transaction
from csenet.codecs.transaction import Direction
from csenet.gateway.bench import figures, traffic
from csenet.gateway.bench.bed import BATCH, Bed, bed
from csenet.gateway.bench.figures import Figure, Pair, Size, Target, figure, percentile
from csenet.gateway.delivery.retry import Outcome, Verdict
from csenet.gateway.delivery.transports.base import Parcel, Transport
from csenet.gateway.delivery.transports.http import HttpTransport

_WARM_UP = 50
_PATIENCE = 600.0


class Shortfall(Exception):  # noqa: N818 - names what happened
    """Report that something was not delivered, so that there is nothing to measure."""


async def whole_way(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure batches and single deliveries, each against decoding all fields of the same transactions."""
    async with bed(folder, log) as place:
        templates = traffic.requests(size.transactions, place.clock.today())
        await place.know(templates)
        ways = _Ways(place, templates)
        await ways.run(BATCH, _WARM_UP)
        found = []
        for target, batch in ((figures.WHOLE_BATCHES, BATCH), (figures.WHOLE_SINGLE, 1)):
            found.append(await ways.figure(target, batch, size))
        return found


async def sealed(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure the whole way in batches with content sealed and without, turn by turn."""
    async with contextlib.AsyncExitStack() as stack:
        ways = []
        for name in (True, False):
            place = folder / f"sealed-{name}".lower()
            place.mkdir()
            made = await stack.enter_async_context(bed(place, log, sealed=name))
            templates = traffic.requests(size.transactions, made.clock.today())
            await made.know(templates)
            ways.append(_Ways(made, templates))
            await ways[-1].run(BATCH, _WARM_UP)
        rounds = []
        for _ in range(size.rounds):
            ours, plain = [(await each.run(BATCH, size.transactions)).ours for each in ways]
            rounds.append(Pair(1e6 / ours, 1e6 / plain))
    return [figure(figures.SEALED, rounds, "transactions a second")]


class _Ways:
    """Send the same requests through again and again, under new serial numbers."""

    def __init__(self, place: Bed, templates: list[transaction.Transaction]) -> None:
        self._place = place
        self._templates = templates
        self._serial = 1

    async def figure(self, target: Target, batch: int, size: Size) -> Figure:
        rounds = [await self.run(batch, size.transactions) for _ in range(size.rounds)]
        return figure(target, rounds, "microseconds a transaction")

    async def run(self, batch: int, count: int) -> Pair:
        """Decode, then take in, decide, answer, deliver; microseconds a transaction of both.

        Everything goes as in service: what a commit decides leaves while the next ones are decided.
        """
        raws = traffic.numbered(self._templates[:count], self._serial)
        self._serial += len(raws)
        start, before = perf_counter(), process_time()
        for raw in raws:
            transaction.read(raw, Direction.FROM_SERVER)
        plain, plain_work = perf_counter() - start, process_time() - before
        file = self._place.folder / "requests.txt"
        file.write_bytes(traffic.lines(raws))
        counted = _Counted(HttpTransport(self._place.url), len(raws))
        async with self._place.in_service(self._place.courier(batch, counted, counted.settled)):
            start, before = perf_counter(), process_time()
            await self._place.desk.accept(file.read_bytes(), source="bench", name=file.name)
            await counted.whole()
            spent, work = perf_counter() - start, process_time() - before
        return Pair(spent / len(raws) * 1e6, plain / len(raws) * 1e6, work / plain_work)


class _Counted:
    """Carry parcels like another transport until so many transactions are delivered and settled."""

    def __init__(self, inner: Transport, expected: int) -> None:
        self._inner = inner
        self._missing, self._unsettled = expected, 0
        self._whole = asyncio.Event()
        self.open, self.close = inner.open, inner.close

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        outcome = await self._inner.deliver(parcel, spooled)
        if outcome.verdict is Verdict.DELIVERED:
            self._missing -= parcel.count
            self._unsettled += 1
        return outcome

    def settled(self) -> None:
        """Note that a batch is settled."""
        self._unsettled -= 1
        if not self._missing and not self._unsettled:
            self._whole.set()

    async def whole(self) -> None:
        """Return when all is settled; raises `Shortfall` when it does not come to that."""
        try:
            await asyncio.wait_for(self._whole.wait(), _PATIENCE)
        except TimeoutError:
            raise Shortfall(f"{self._missing} transactions were not delivered") from None


async def postgres(folder: Path, url: str, size: Size, log: Any) -> list[Figure]:
    """Measure the way in batches on a PostgreSQL server and on SQLite, turn by turn."""
    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir()
    theirs.mkdir()
    async with bed(ours, log, url) as server, bed(theirs, log) as embedded:
        templates = traffic.requests(size.transactions, server.clock.today())
        ways = []
        for place in (server, embedded):
            await place.know(templates)
            ways.append(_Ways(place, templates))
            await ways[-1].run(BATCH, min(_WARM_UP, len(templates)))
        rounds = []
        for _ in range(size.rounds):
            slow, quick = [1e6 / (await each.run(BATCH, size.transactions)).ours for each in ways]
            rounds.append(Pair(slow, quick))
        return [figure(figures.POSTGRES, rounds, "a second")]


async def slow_answers(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure one answer where the disk is slow; only how long it takes in the middle counts."""
    middle, _ = await answers(folder, size, log)
    rounds = [Pair(middle.ours, middle.ours / middle.ratio)] if middle.ratio else []
    return [figure(figures.SLOW_ANSWER, rounds, middle.unit)]


async def answers(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure one request in to its answer delivered on an idle gateway, and two durable appends.

    It is delivered when the destination's receipt proves it; that this is then written down as well, before
    the next request comes, is not part of what the other state waits for.
    """
    arrived = asyncio.Event()
    async with bed(folder, log) as place:
        templates = traffic.requests(max(size.transactions // 5, 20), place.clock.today())
        await place.know(templates)
        middle, worst = [], []
        settled = asyncio.Event()
        transport = _Noticed(HttpTransport(place.url), arrived)
        async with place.in_service(place.courier(BATCH, transport, settled.set)):
            for number in range(size.rounds + 1):
                raws = traffic.numbered(templates, 1 + number * len(templates))
                ours, plain = await _one_by_one(place, raws, arrived, settled)
                if number:  # the first round warms up
                    middle.append(Pair(percentile(ours, 0.5), percentile(plain, 0.5)))
                    worst.append(Pair(percentile(ours, 0.99), percentile(plain, 0.99)))
    unit = "milliseconds"
    return [figure(figures.ANSWER_P50, middle, unit), figure(figures.ANSWER_P99, worst, unit)]


class _Noticed:
    """Carry parcels like another transport, and tell when one has arrived."""

    def __init__(self, inner: Transport, arrived: asyncio.Event) -> None:
        self._inner = inner
        self._arrived = arrived
        self.open, self.close = inner.open, inner.close

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        outcome = await self._inner.deliver(parcel, spooled)
        self._arrived.set()
        return outcome


async def _one_by_one(
    place: Bed, raws: list[bytes], arrived: asyncio.Event, settled: asyncio.Event
) -> tuple[list[float], list[float]]:
    ours, plain = [], []
    with (place.folder / "appended").open("ab", buffering=0) as file:
        for raw in raws:
            start = perf_counter()
            for _ in range(2):
                file.write(raw)
                os.fdatasync(file.fileno())
            plain.append((perf_counter() - start) * 1e3)
            arrived.clear()
            settled.clear()
            start = perf_counter()
            await place.desk.accept(raw, source="bench", name="request")
            await arrived.wait()
            ours.append((perf_counter() - start) * 1e3)
            await settled.wait()
            # The courier looks once more and finds nothing; only then is the gateway idle again.
            await asyncio.sleep(0.005)
    return ours, plain
