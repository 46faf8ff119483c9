"""A timed job runs once for all gateways, is neither repeated nor forgotten, and fails alone."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from csenet.gateway import timed
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.errors import GatewayError, NotFound
from csenet.gateway.jobs import RETRY, Busy, Job, Jobs, Turn
from csenet.gateway.store import audit, leases, timed_runs
from csenet.gateway.store.engine import Store
from csenet.gateway.store.timed_runs import TimedRun

from .conftest import NOON, QUIET
from .patience import BOUND

MINUTE = timedelta(minutes=1)


def counting(counts: dict[str, int], name: str) -> Callable[[Turn], Awaitable[Mapping[str, Any]]]:
    """Make a job's work that counts how often it was done."""

    async def work(_: Turn) -> Mapping[str, Any]:
        counts[name] = counts.get(name, 0) + 1
        return {"count": counts[name]}

    return work


def other_desk(store: Store, clock: ManualClock) -> Desk:
    """Seat a second gateway at the same database."""
    return Desk(Store(store._writer, store._reader, "other"), agency_of("27"), clock, QUIET)


async def ran(desk: Desk, name: str) -> TimedRun:
    async with desk.store.read() as conn:
        found = await timed_runs.of(conn, name)
    assert found is not None
    return found


async def test_of_two_gateways_one_runs_a_job_and_a_restart_does_not_repeat_it(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    counts: dict[str, int] = {}
    job = Job("sweep", MINUTE, counting(counts, "sweep"))
    first, second = Jobs(desk, [job], QUIET), Jobs(other_desk(store, clock), [job], QUIET)
    ran_by = []
    for seconds in (0, 59, 1, 59, 1):
        clock.advance(seconds)
        ran_by.append((await first.run_due(), await second.run_due()))
    assert ran_by == [(["sweep"], []), ([], []), (["sweep"], []), ([], []), (["sweep"], [])]
    assert await Jobs(desk, [job], QUIET).run_due() == [], "a restart"
    assert counts["sweep"] == 3
    assert (await ran(desk, "sweep")).result == {"count": 3}


async def test_what_fell_due_often_while_nothing_ran_is_done_once(desk: Desk, clock: ManualClock) -> None:
    counts: dict[str, int] = {}
    jobs = Jobs(desk, [Job("daily", time(5), counting(counts, "daily"))], QUIET)
    assert await jobs.run_due() == ["daily"], "it never ran"
    clock.advance(days=9)
    assert await jobs.run_due() == ["daily"]
    assert await jobs.run_due() == []
    assert counts["daily"] == 2


def ended(moment: datetime, outcome: str = "done") -> TimedRun:
    return TimedRun(
        name="x",
        begun_at=moment,
        holder="a",
        ran_at=moment,
        ended_at=moment,
        outcome=outcome,
        duration_ms=0,
        error=None,
        result=None,
        result_at=None,
    )


@pytest.mark.parametrize(
    ("ran_at", "due"),
    [
        # Central time: UTC-6 until 8 March 2026, 02:00, then UTC-5 until 1 November 2026, 02:00.
        ("2026-01-10T10:59:59", "2026-01-10T11:00:00"),
        ("2026-01-10T11:00:00", "2026-01-11T11:00:00"),
        ("2026-01-10T18:00:00", "2026-01-11T11:00:00"),
        ("2026-03-07T11:00:01", "2026-03-08T10:00:00"),
        ("2026-10-31T10:00:01", "2026-11-01T11:00:00"),
        ("2026-12-31T23:00:00", "2027-01-01T11:00:00"),
    ],
)
def test_a_daily_job_keeps_its_local_hour_when_the_clocks_change(ran_at: str, due: str) -> None:
    job = Job("daily", time(5), counting({}, "daily"))
    zone = agency_of("27").zone
    last = ended(datetime.fromisoformat(ran_at).replace(tzinfo=UTC))
    assert job.due_after(last, zone) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_failed_run_is_due_again_before_long(desk: Desk) -> None:
    zone = desk.agency.zone
    daily = Job("daily", time(5), counting({}, "daily"))
    assert daily.due_after(ended(NOON, "failed"), zone) == NOON + RETRY
    assert Job("often", MINUTE, daily.run).due_after(ended(NOON, "failed"), zone) == NOON + MINUTE


async def test_a_failing_job_is_told_without_its_text_and_stops_no_other(desk: Desk) -> None:
    class OursError(GatewayError):
        pass

    async def quotes(_: Turn) -> None:
        raise ValueError("JANE EXAMPLESON 900-12-3456")

    async def tells(_: Turn) -> None:
        raise OursError("table x: line 3: unknown word")

    counts: dict[str, int] = {}
    capture = LogCapture()
    log = structlog.wrap_logger(None, processors=[capture])
    listed = [Job("quotes", MINUTE, quotes), Job("tells", MINUTE, tells)]
    jobs = Jobs(desk, [*listed, Job("well", MINUTE, counting(counts, "well"))], log)
    assert await jobs.run_due() == ["quotes", "tells", "well"]
    assert [(line["event"], line["job"]) for line in capture.entries] == [
        ("job.failed", "quotes"),
        ("job.failed", "tells"),
        ("job.done", "well"),
    ]
    assert (await ran(desk, "quotes")).error == "ValueError"
    assert (await ran(desk, "tells")).error == "table x: line 3: unknown word"
    assert (await ran(desk, "well")).outcome == "done"


async def test_a_failure_keeps_the_result_before_it(desk: Desk, clock: ManualClock) -> None:
    async def second_fails(_: Turn) -> Mapping[str, Any]:
        if clock.now() > NOON:
            raise ValueError
        return {"balanced": True}

    jobs = Jobs(desk, [Job("check", MINUTE, second_fails)], QUIET)
    await jobs.run_due()
    clock.advance(60)
    await jobs.run_due()
    kept = await ran(desk, "check")
    assert (kept.outcome, kept.result, kept.result_at) == ("failed", {"balanced": True}, NOON)


async def test_a_run_cut_off_counts_as_not_done(desk: Desk) -> None:
    began = asyncio.Event()

    async def endless(_: Turn) -> None:
        began.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(Jobs(desk, [Job("long", MINUTE, endless)], QUIET).run_due())
    await asyncio.wait_for(began.wait(), BOUND)
    running.cancel()
    await asyncio.wait({running})
    counts: dict[str, int] = {}
    again = Jobs(desk, [Job("long", MINUTE, counting(counts, "long"))], QUIET)
    assert await again.run_due() == ["long"]


async def test_who_is_overtaken_changes_nothing_and_does_not_end_the_run(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    counts: dict[str, int] = {}

    async def overtaken(turn: Turn) -> None:
        clock.advance(61)
        assert await other.run_due() == ["sweep"]
        async with store.begin() as conn:
            await turn.hold(conn)
            counts["wrong"] = 1

    job = Job("sweep", MINUTE, counting(counts, "sweep"))
    other = Jobs(other_desk(store, clock), [job], QUIET)
    with pytest.raises(leases.Fenced):
        await Jobs(desk, [Job("sweep", MINUTE, overtaken)], QUIET).run_due()
    assert counts == {"sweep": 1}
    assert (await ran(desk, "sweep")).holder == "other"


async def test_a_long_run_keeps_its_turn(desk: Desk, store: Store, clock: ManualClock) -> None:
    go = asyncio.Event()

    async def long(_: Turn) -> None:
        await go.wait()

    job = Job("long", MINUTE, long)
    other = Jobs(other_desk(store, clock), [job], QUIET)
    running = asyncio.ensure_future(Jobs(desk, [job], QUIET).run_due())
    for _ in range(6):
        await until(lambda: clock.sleeping == 1)
        clock.advance(20)
    await until(lambda: clock.sleeping == 1)
    assert await other.run_due() == []
    with pytest.raises(Busy):
        await other.run_now("long", actor="test")
    go.set()
    assert await running == ["long"]


def _has(counts: dict[str, int], name: str, number: int) -> bool:
    return counts.get(name) == number


async def until(true: Callable[[], bool]) -> None:
    """Let others run until something is true."""
    async with asyncio.timeout(BOUND):
        while not true():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)


async def test_the_loop_runs_each_job_when_due_until_told_to_stop(desk: Desk, clock: ManualClock) -> None:
    counts: dict[str, int] = {}
    often = Job("often", MINUTE / 6, counting(counts, "often"))
    daily = Job("daily", time(5), counting(counts, "daily"))
    stop = asyncio.Event()
    loop = asyncio.ensure_future(Jobs(desk, [often, daily], QUIET).run(stop))
    for turn in range(1, 4):
        await until(functools.partial(_has, counts, "often", turn))
        await until(lambda: clock.sleeping == 2)
        clock.advance(10)
    await until(functools.partial(_has, counts, "often", 4))
    stop.set()
    await asyncio.wait_for(loop, BOUND)
    assert counts == {"often": 4, "daily": 1}


async def test_a_run_asked_for_is_done_although_not_due_and_is_audited(desk: Desk) -> None:
    counts: dict[str, int] = {}
    jobs = Jobs(desk, [Job("daily", time(5), counting(counts, "daily"))], QUIET)
    await jobs.run_due()
    assert (await jobs.run_now("daily", actor="cli")).result == {"count": 2}
    async with desk.store.read() as conn:
        assert (await audit.newest(conn))[0]["object"] == "job daily"
    with pytest.raises(NotFound, match="there are daily"):
        await jobs.run_now("dayly", actor="cli")


async def test_the_ledger_check_keeps_its_result_and_names_differences_by_key(desk: Desk) -> None:
    capture = LogCapture()
    desk.log = structlog.wrap_logger(None, processors=[capture])
    jobs = Jobs(desk, [Job(timed.LEDGER_CHECK, MINUTE, timed.check_ledger)], QUIET)
    await jobs.run_due()
    assert (await ran(desk, timed.LEDGER_CHECK)).result["balanced"] is True
    assert capture.entries == []
    from sqlalchemy import text

    async with desk.store.begin() as conn:
        await conn.execute(text("INSERT INTO serial_counter VALUES ('27', 5)"))
    found = await jobs.run_now(timed.LEDGER_CHECK, actor="test")
    assert found.result["balanced"] is False
    assert await desk.ledger_proved() == (found.result_at, False)
    assert capture.entries[0]["event"] == "ledger.difference"
    assert capture.entries[0]["problem"] == "serials: 4 given, 0 kept, the last is 0"


@pytest.mark.parametrize("name", ["", "Sweep", "a b", "a" * 29, "1a"])
def test_a_name_that_would_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        Job(name, MINUTE, counting({}, "x"))


def test_two_jobs_of_one_name_and_a_time_that_never_passes_are_refused(desk: Desk) -> None:
    job = Job("a", MINUTE, counting({}, "a"))
    with pytest.raises(ValueError, match="one name"):
        Jobs(desk, [job, job], QUIET)
    with pytest.raises(ValueError, match="after some time"):
        Job("a", timedelta(), job.run)


@pytest.mark.parametrize(
    ("every", "words"),
    [
        (MINUTE, "every 1m"),
        (timedelta(days=1), "every 1d"),
        (timedelta(seconds=90), "every 90s"),
        (time(5, 30), "daily at 05:30"),
    ],
)
def test_a_schedule_reads_as_a_person_would_say_it(every: timedelta | time, words: str) -> None:
    assert Job("a", every, counting({}, "a")).schedule == words


async def test_a_store_that_fails_is_not_asked_again_at_once(
    desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def full() -> Any:
        nonlocal asked
        asked += 1
        raise OSError("disk full")

    monkeypatch.setattr(desk.store, "begin", full)
    stop = asyncio.Event()
    running = asyncio.create_task(Jobs(desk, [Job("sweep", MINUTE, counting({}, "sweep"))], QUIET).run(stop))
    async with asyncio.timeout(BOUND):
        for times in (1, 2, 3):
            while not clock.sleeping:  # noqa: ASYNC110 - the job has nothing to tell
                await asyncio.sleep(0)
            assert asked == times
            clock.advance(60)
            await asyncio.sleep(0)
        stop.set()
        await running
