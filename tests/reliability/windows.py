"""Live through a year of virtual time: what is queued leaves in the next window, in one file, and only then.

The clock stops at each window's edges (the last second before, the first of it, the last of it, the first
after), at other moments of each day, and every ``--step`` minutes if given.  At each stop the courier of the
service looks whether it may deliver.  When windows are open is worked out here once more, from the local
hours alone; two of them lie in the hours that the changes of the clocks skip and repeat.
"""

import argparse
import asyncio
import random
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import messages
from harness import QUIET, Outcome, prove

from csenet.codecs import flatfile
from csenet.codecs.transaction import Direction
from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.retry import DELIVERED
from csenet.gateway.delivery.retry import Outcome as Told
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.store.engine import open_store

EASTERN = ZoneInfo("America/New_York")
SPANS = (
    (time(1, 15), time(1, 45)),
    (time(2, 15), time(2, 45)),
    (time(6), time(7)),
    (time(18), time(19, 30)),
)
OTHER_TIMES = (time(0), time(3, 30), time(12), time(23))
CASES = 50
SECOND = timedelta(seconds=1)
Opening = tuple[datetime, datetime]


class Recorder:
    """Take every batch and note when it left."""

    def __init__(self, clock: ManualClock) -> None:
        """Take the clock."""
        self._clock = clock
        self.left: dict[int, list[datetime]] = {}
        self.files = 0

    async def open(self) -> None:
        """Need nothing."""

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Told:
        """Note each serial number in the batch."""
        self.files += 1
        for record in flatfile.read_all(parcel.payload, direction=Direction.TO_SERVER):
            assert record.transaction is not None
            serial = int(record.transaction.header.transaction_serial_number or 0)
            self.left.setdefault(serial, []).append(self._clock.now())
        return DELIVERED

    async def close(self) -> None:
        """Hold nothing open."""


def openings(days: list[date]) -> list[Opening]:
    """Work out in UTC when windows are open.

    The standard library takes an hour that is skipped by the offset before the change, an hour later, and of
    an hour that comes twice the first: so it is agreed for windows as well.
    """
    found = []
    for day in days:
        for opens, shuts in SPANS:
            start, end = (datetime.combine(day, each, EASTERN).astimezone(UTC) for each in (opens, shuts))
            found.append((start, end))
    return found


def stops(days: list[date], opened: list[Opening], step: int) -> list[datetime]:
    """List the moments at which the clock stops."""
    found = {edge for pair in opened for moment in pair for edge in (moment - SECOND, moment)}
    found |= {datetime.combine(day, each, EASTERN).astimezone(UTC) for day in days for each in OTHER_TIMES}
    at, end = min(found), max(found)
    while step and at < end:
        found.add(at)
        at += timedelta(minutes=step)
    return sorted(found)


async def live(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Queue at random, deliver where windows let, and compare."""
    chance = random.Random(asked.seed)
    first = date(2026, 1, 1)
    days = [first + timedelta(days=number) for number in range(asked.days)]
    opened = openings(days)
    moments = stops(days, opened, asked.step)
    allowed = [at for at in moments if any(start <= at < end for start, end in near(opened, at))]
    queueing = Counter(chance.choices(moments[: bisect_left(moments, allowed[-1])], k=asked.transactions))
    clock = ManualClock(moments[0] - SECOND, "America/Chicago")
    store = await open_store(folder / "gateway.db")
    desk, recorder = Desk(store, agency_of("27"), clock, QUIET), Recorder(clock)
    settings = CourierSettings(jurisdiction="27", batch_size=5, windows=Windows(zone=EASTERN, spans=SPANS))
    courier = Courier(store, recorder, clock, settings, QUIET, ready=desk.outbox_ready)
    wanted: dict[int, datetime] = {}
    for case in range(1, CASES + 1):
        name, facts = messages.case_ids(case)[0], messages.facts(case)
        del facts["balances"]
        await desk.put_case(name, facts)
    for at in moments:
        clock.set(at)
        for _ in range(queueing[at]):
            asked_for = {"case_id": messages.case_ids(chance.randint(1, CASES))[0], "far": "MSC P GSC15"}
            made = (await desk.submit(asked_for)).transactions[0]
            wanted[int(made.serial)] = allowed[bisect_left(allowed, at)]
        await courier.deliver_waiting()
    report = await desk.ledger_check()
    await store.close()
    late = {serial: at for serial, at in wanted.items() if recorder.left.get(serial) != [at]}
    wrong = [f"serial {serial}: left {recorder.left.get(serial)}, not {at}" for serial, at in late.items()]
    wrong += report.differences
    shortest = min(end - start for start, end in opened)
    used = {start for at in wanted.values() for start, end in near(opened, at) if start <= at < end}
    figures = (
        f"{len(days)} days, {len(opened)} windows ({len(used)} used), {len(moments)} stops of the clock; "
        f"{len(wanted)} transactions in {recorder.files} files, each in one, in its first window"
    )
    if len(days) >= 365 and (len(opened) != len(SPANS) * len(days) or shortest <= timedelta(0)):
        wrong.append("the windows worked out here are not those of a year")
    return Outcome(figures, wrong)


def near(opened: list[Opening], at: datetime) -> list[Opening]:
    """Give the windows that could be open at a moment."""
    place = bisect_left(opened, (at + SECOND, at))
    return opened[max(0, place - 2) : place]


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Live through it."""
    return asyncio.run(live(asked, folder))


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, days=365, step=10, transactions=4000))
