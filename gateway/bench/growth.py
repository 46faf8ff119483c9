"""Measure whether the store keeps its pace when much is in it."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import insert

from csenet.gateway.bench import figures, traffic
from csenet.gateway.bench.bed import BATCH, PARALLEL, Bed, bed
from csenet.gateway.bench.figures import Figure, Pair, Size, figure
from csenet.gateway.delivery.retry import DELIVERED, Outcome
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.store import cases, journal
from csenet.gateway.store.sealing import sealed
from csenet.gateway.store.tables import outbound

_SETTLED = 0.14
_FIRST = 0.02
"""Of a million rows: 140,000 are settled, and the pace then is held against that of the first 20,000."""


_TOGETHER = BATCH * PARALLEL


class Nowhere:
    """Take every parcel, so that only our own part is measured."""

    async def open(self) -> None:
        """Do nothing."""

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        """Say that it has arrived."""
        return DELIVERED

    async def close(self) -> None:
        """Do nothing."""


async def dequeued(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure deliveries a second at the beginning and when many rows are settled.

    Rates are those of the median batch, because a machine that does something else for a moment says nothing
    about the store.
    """
    first = max(int(size.rows * _FIRST), 2 * _TOGETHER)
    settled = max(int(size.rows * _SETTLED), first)
    async with bed(folder, log) as place:
        raw = traffic.numbered(traffic.requests(1, place.clock.today()), 1)[0]
        for start in range(0, settled + first, 10_000):
            await _queue(place, raw, start, min(10_000, settled + first - start))
        times = await _batch_times(place)
    share = max(first // _TOGETHER, 1)
    ours, baseline = (_TOGETHER / statistics.median(part) for part in (times[-share:], times[:share]))
    return [figure(figures.DEQUEUED, [Pair(ours, baseline)], "a second")]


async def _queue(place: Bed, raw: bytes, start: int, count: int) -> None:
    now = place.clock.now()
    same = {
        "partner": "20",
        "far": "MSC P GSTAI",
        "status": "queued",
        "raw": raw,
        "transaction_date": place.clock.today(),
        "intake_at": now,
        "created_at": now,
    }
    rows = [
        {**same, "serial": number, "case_id": f"BENCH{number:09d}", "correlation": f"bench-{number}"}
        for number in range(start + 1, start + count + 1)
    ]
    async with place.store.begin() as connection:
        await connection.execute(insert(outbound), sealed(connection, outbound, rows))


async def _batch_times(place: Bed) -> list[float]:
    moments = [perf_counter()]
    courier = place.courier(BATCH, Nowhere(), lambda: moments.append(perf_counter()))
    await courier.deliver_waiting()
    # Those under way at once are settled together, so that only every so many tell how long they took.
    return [after - before for before, after in pairwise(moments[::PARALLEL])]


async def inserted(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure rows a second into the journal, its keys and the timelines, a hundred to a commit.

    The first tenth is the baseline, the last tenth ours; the rate is that of the median commit.
    """
    async with bed(folder, log) as place:
        raw = traffic.numbered(traffic.requests(1, place.clock.today()), 1)[0][:121]
        values: dict[str, Any] = {
            "name": "bench",
            "source": "bench",
            "kind": "transactions",
            "sha256": "0" * 64,
        }
        values |= {"size": 0, "raw": b"", "received_at": place.clock.now(), "state": "settled"}
        async with place.store.begin() as connection:
            file_id = await journal.add_file(connection, values)
        times = []
        for position in range(1, size.rows + 1, BATCH):
            start = perf_counter()
            await _insert(place, file_id, raw, position)
            times.append(perf_counter() - start)
            await asyncio.sleep(0)
    share = max(len(times) // 10, 1)
    ours, baseline = (BATCH / statistics.median(part) for part in (times[-share:], times[:share]))
    return [figure(figures.INSERTED, [Pair(ours, baseline)], "a second")]


async def _insert(place: Bed, file_id: int, raw: bytes, first: int) -> None:
    now = place.clock.now()
    same = {
        "file_id": file_id,
        "offset": 0,
        "raw": raw,
        "fingerprint": "0" * 64,
        "sender": "20",
        "far": traffic.REQUEST,
        "status": "decided",
        "received_at": now,
        "decided_at": now,
    }
    rows = [
        {
            **same,
            "position": number,
            "serial": f"{number:012d}",
            # Cases come in no order, whatever the serial numbers do.
            "case_id": f"BENCH{number * 7_919 % 100_003:09d}",
            "correlation": f"bench-{number}",
        }
        for number in range(first, first + BATCH)
    ]
    async with place.store.begin() as connection:
        numbers = await journal.add_inbound(connection, rows)
        keys = ("sender", "serial", "fingerprint")
        await journal.add_keys(
            connection,
            [
                {**{key: row[key] for key in keys}, "inbound_id": numbers[str(row["correlation"])]}
                for row in rows
            ],
        )
        event = {"at": now, "event": "transaction.received", "detail": {}, "outbound_id": None}
        await cases.add_events(
            connection,
            [
                {**event, "case_id": row["case_id"], "inbound_id": numbers[str(row["correlation"])]}
                for row in rows
            ],
        )
