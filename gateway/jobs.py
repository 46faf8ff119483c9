"""Do what has to be done every so often, or each day at an hour, on one of several gateways at a time.

When a job ran last stands in the store: a restart neither repeats it nor forgets it, and what fell due while
nothing ran is done once, however often it fell due.  A run that is cut off counts as not done.  A job that
fails is told, tried again before long, and stops no other.

A job has to bear being cut off and begun again: it makes its own commits through the desk, and each shows
``Turn.hold`` the turn it was given, so that a gateway that was overtaken changes nothing any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final

from csenet.gateway.delivery.waiting import Stopped, sleep_unless, until_stopped
from csenet.gateway.errors import GatewayError, NotFound
from csenet.gateway.log import failure
from csenet.gateway.store import audit, leases, timed_runs
from csenet.gateway.store.timed_runs import TimedRun

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from csenet.gateway.desk import Desk

LEASE_SECONDS: Final = 60.0
RETRY: Final = timedelta(minutes=15)
"""How long after the start of a failed run the next is due, unless it is due sooner anyway."""

_GRACE = 1.5
_LOOK_AGAIN = 30.0
_NAME = re.compile(r"[a-z][a-z_]{0,27}")


class Busy(GatewayError):  # noqa: N818 - names what is the matter
    """Report that a job is already running, here or on another gateway."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Hand a job its desk, and the proof that it is its turn."""

    desk: Desk
    kind: str
    fence: int

    async def hold(self, conn: AsyncConnection) -> None:
        """Show inside a commit that nobody has taken over; raises ``leases.Fenced`` if somebody has."""
        holder, now = self.desk.store.holder, self.desk.clock.now()
        await leases.prolong(conn, self.kind, 0, holder, self.fence, now=now, seconds=LEASE_SECONDS)


Run = Callable[[Turn], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Job:
    """Name a job, say when it is due, and how it is done.

    ``every`` is a length of time, or the local hour at which it is due each day.  ``run`` returns what is
    worth keeping of the run: numbers and keys, no content.  ``about`` tells a person what it is for.
    """

    name: str
    every: timedelta | time
    run: Run
    about: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that would not fit, and a time that never passes."""
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"a job's name has at most 28 small letters and underlines: {self.name!r}")
        if isinstance(self.every, timedelta) and self.every <= timedelta():
            raise ValueError(f"{self.name}: must be due after some time")

    @property
    def schedule(self) -> str:
        """Say in words when it is due."""
        if isinstance(self.every, time):
            return f"daily at {self.every:%H:%M}"
        seconds = int(self.every.total_seconds())
        for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
            if seconds >= size and seconds % size == 0:
                return f"every {seconds // size}{unit}"
        return f"every {self.every.total_seconds():g}s"

    def due_after(self, last: TimedRun | None, zone: tzinfo) -> datetime | None:
        """Tell the moment from which the next run is due; None for at once, as it never ran to its end."""
        if last is None or last.ran_at is None:
            return None
        regular = self._next(last.ran_at, zone)
        return regular if last.outcome == "done" else min(regular, last.ran_at + RETRY)

    def _next(self, ran_at: datetime, zone: tzinfo) -> datetime:
        if isinstance(self.every, timedelta):
            return ran_at + self.every
        day = ran_at.astimezone(zone).date()
        # In UTC: by the hands of a clock on the wall, the night it is put back has one hour twice.
        moment = datetime.combine(day, self.every, zone).astimezone(UTC)
        if moment <= ran_at:
            moment = datetime.combine(day + timedelta(days=1), self.every, zone).astimezone(UTC)
        return moment


class Jobs:
    """Run the jobs of one gateway when they are due."""

    def __init__(self, desk: Desk, jobs: Iterable[Job], log: Any) -> None:
        """Take the jobs; raises ``ValueError`` if two have one name."""
        self.jobs = tuple(jobs)
        self._by_name = {job.name: job for job in self.jobs}
        if len(self._by_name) < len(self.jobs):
            raise ValueError("two timed jobs have one name")
        self._desk, self._store, self._clock, self._log = desk, desk.store, desk.clock, log

    async def run(self, stop: asyncio.Event) -> None:
        """Run each job whenever it is due, until told to stop; none waits for another."""
        await asyncio.gather(*(self._follow(job, stop) for job in self.jobs))

    async def run_due(self) -> list[str]:
        """Run what is due now, one after the other, and return the names of what was run."""
        return [job.name for job in self.jobs if await self._turn(job) is not None]

    async def run_now(self, name: str, *, actor: str) -> TimedRun:
        """Run one job although it is not due; raises ``NotFound``, or ``Busy`` while it runs elsewhere."""
        job = self._by_name.get(name)
        if job is None:
            raise NotFound(f"no timed job {name}; there are {', '.join(sorted(self._by_name))}")
        found = await self._turn(job, asked_by=actor)
        if found is None:
            raise Busy(f"{name} is being run by a gateway; see csenet jobs list")
        return found

    async def _follow(self, job: Job, stop: asyncio.Event) -> None:
        with contextlib.suppress(Stopped):
            while True:
                delay = _LOOK_AGAIN
                try:
                    delay = await self._wait(job)
                    if delay <= 0:
                        turn = asyncio.ensure_future(self._turn(job))
                        await until_stopped(turn, stop, _GRACE)
                        # Nothing came of it while another gateway is at it.
                        delay = _LOOK_AGAIN if turn.result() is None else 0.0
                except Stopped:
                    raise
                except Exception as error:
                    # A store that cannot be reached is no reason to give the job up for good, nor to hurry.
                    delay = _LOOK_AGAIN
                    self._log.error("job.unsettled", job=job.name, exc_info=error)
                await sleep_unless(stop, self._clock, delay)

    async def _wait(self, job: Job) -> float:
        """Tell how many seconds to wait; not long, as another gateway may have run it meanwhile."""
        async with self._store.read() as conn:
            last = await timed_runs.of(conn, job.name)
        due = job.due_after(last, self._desk.agency.zone)
        left = 0.0 if due is None else (due - self._clock.now()).total_seconds()
        return min(left, _LOOK_AGAIN)

    async def _turn(self, job: Job, asked_by: str | None = None) -> TimedRun | None:
        """Run a job if it is due and nobody else is at it."""
        turn, began = await self._take(job, asked_by)
        if turn is None:
            return None
        result: Mapping[str, Any] | None = None
        error: Exception | None = None
        try:
            result = await self._kept(job, turn)
        except Exception as problem:
            error = problem
        return await self._ended(job, turn, began, result, error)

    async def _take(self, job: Job, asked_by: str | None) -> tuple[Turn | None, datetime]:
        kind, holder, now = f"job:{job.name}", self._store.holder, self._clock.now()
        async with self._store.begin() as conn:
            if asked_by is None:
                due = job.due_after(await timed_runs.of(conn, job.name), self._desk.agency.zone)
                if due is not None and due > now:
                    return None, now
            fence = await leases.take(conn, kind, 0, holder, now=now, seconds=LEASE_SECONDS)
            if fence is None:
                return None, now
            await timed_runs.begin(conn, job.name, holder, now)
            if asked_by is not None:
                line = {"at": now, "actor": asked_by, "action": "job.run", "object": f"job {job.name}"}
                await audit.add(conn, [line])
        return Turn(self._desk, kind, fence), now

    async def _kept(self, job: Job, turn: Turn) -> Mapping[str, Any] | None:
        """Run a job and keep the turn meanwhile; it ends as soon as another gateway took the turn."""
        work = asyncio.ensure_future(job.run(turn))
        keeping = asyncio.ensure_future(self._keep(turn))
        try:
            await asyncio.wait({work, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                keeping.result()
            return await work
        finally:
            for each in (work, keeping):
                each.cancel()
            await asyncio.wait({work, keeping})

    async def _keep(self, turn: Turn) -> None:
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            async with self._store.begin(alone=False) as conn:
                await turn.hold(conn)

    async def _ended(
        self,
        job: Job,
        turn: Turn,
        began: datetime,
        result: Mapping[str, Any] | None,
        error: Exception | None,
    ) -> TimedRun:
        now = self._clock.now()
        told = None if error is None else _told(error)
        try:
            async with self._store.begin() as conn:
                await turn.hold(conn)
                kept = None if result is None else dict(result)
                await timed_runs.end(conn, job.name, began=began, at=now, result=kept, error=told)
                await leases.release(conn, turn.kind, 0, self._store.holder, turn.fence)
                ended = await timed_runs.of(conn, job.name)
        finally:
            about = {"job": job.name, "duration_ms": int((now - began).total_seconds() * 1000)}
            if error is None:
                self._log.info("job.done", outcome="done", **about)
            else:
                self._log.error("job.failed", outcome="failed", exc_info=error, **about)
        if ended is None:
            raise RuntimeError("a run that began has no row")
        return ended


def _told(error: Exception) -> str:
    """Describe a failure without quoting what may be personal."""
    found = failure(error)
    return str(found.get("text") or found["type"])
