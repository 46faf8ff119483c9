"""The embedded store: statements in place, commits as the disk allows, a log that stays short."""

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from csenet.gateway.store import audit, embedded
from csenet.gateway.store.engine import Store, open_store

from .patience import BOUND

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROW = {"actor": "a", "action": "b", "object": "c"}


@pytest.fixture
async def store(tmp_path: Path) -> Store:
    return await open_store(tmp_path / "gateway.db")


async def _add(store: Store, count: int = 1) -> None:
    async with store.begin() as conn:
        await audit.add(conn, [{**ROW, "at": AT}] * count)


async def _count(store: Store) -> int:
    async with store.read() as conn:
        return int((await conn.execute(text("SELECT count(*) FROM audit"))).scalar_one())


async def test_a_quick_disk_commits_in_place_and_a_slow_one_beside_the_loop(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = []
    own = embedded.Disk._beside

    async def spy(self: embedded.Disk, *given: object) -> None:
        beside.append(given)
        await own(self, *given)

    monkeypatch.setattr(embedded.Disk, "_beside", spy)
    disk = store._disk
    assert disk is not None
    disk._expected = 0.0
    await _add(store)
    assert beside == []
    disk._expected = BOUND
    await _add(store)
    assert len(beside) == 1
    assert disk._expected < BOUND, "a disk that became quick again is found out"
    assert await _count(store) == 2
    await store.close()


async def test_another_programs_turn_is_waited_for_without_blocking_anybody(
    store: Store, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(_add(store))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    other.execute("COMMIT")
    await waiting
    other.close()
    assert await _count(store) == 1
    await store.close()


async def test_who_waits_too_long_for_another_program_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_WAIT_FOR_TURN", 0.02)
    other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        await _add(store)
    other.close()
    await _add(store)
    await store.close()


async def test_a_caller_cancelled_in_its_commit_leaves_the_connection_fit_for_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop, own = asyncio.get_running_loop(), embedded.Disk._timed

    def held_up(self: embedded.Disk, connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(BOUND)
        own(self, connection)

    monkeypatch.setattr(embedded.Disk, "_timed", held_up)
    assert store._disk is not None
    store._disk._expected = 1.0
    task = asyncio.create_task(_add(store))
    await begun.wait()
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _add(store)
    assert await _count(store) == 2, "a commit that has begun is made"
    await store.close()


async def test_the_log_is_copied_into_the_database_and_begins_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_CHANGES", 50)
    monkeypatch.setattr(embedded, "_LONG_LOG", 20)
    assert store._disk is not None
    before = None
    for number in range(200):
        await _add(store, 50)
        await asyncio.sleep(0)
        if number % 20 == 0:
            # A thread that gets no processor copies nothing, and the log grows meanwhile.
            if before is not None and store._disk._copying is before:
                await asyncio.wait({before})
            before = store._disk._copying
    grown = (tmp_path / "gateway.db-wal").stat().st_size
    assert (tmp_path / "gateway.db").stat().st_size > 100_000, "nothing was copied"
    assert grown < 8_000_000, "the log never began anew"
    await store.close()
    found = sqlite3.connect(tmp_path / "gateway.db")
    assert found.execute("SELECT count(*) FROM audit").fetchone() == (10_000,)
    assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found.close()


async def test_only_a_long_transaction_may_undo_from_a_file(store: Store) -> None:
    async def place(*, long: bool = False) -> int:
        async with store.begin(long=long) as conn:
            return int((await conn.exec_driver_sql("PRAGMA temp_store")).scalar_one())

    in_file, in_memory = 1, 2
    assert [await place(), await place(long=True), await place()] == [in_memory, in_file, in_memory]
    with pytest.raises(ZeroDivisionError):
        async with store.begin(long=True):
            raise ZeroDivisionError
    assert await place() == in_memory, "also when it was undone"
    await store.close()
