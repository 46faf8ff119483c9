"""A copy of the store is whole, or is not there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.store.backup import copy_store
from csenet.gateway.store.engine import open_store
from csenet.gateway.store.errors import StoreError

from .conftest import QUIET, facts


async def test_a_copy_taken_while_somebody_writes_holds_what_was_committed(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = await open_store(tmp_path / "gateway.db")
    desk = Desk(store, agency_of("27"), clock, QUIET)
    await desk.put_case("MN1", facts())
    told: list[tuple[int, int]] = []
    async with store.begin() as conn:
        await conn.exec_driver_sql("UPDATE case_file SET version = 99")
        size = copy_store(tmp_path / "gateway.db", tmp_path / "copy.db", lambda *done: told.append(done))
    await desk.put_case("MN2", facts())
    await store.close()
    copy = tmp_path / "copy.db"
    assert copy.stat().st_size == size
    assert copy.stat().st_mode & 0o077 == 0
    assert told[-1][0] == told[-1][1] > 0
    with sqlite3.connect(copy) as found:
        assert found.execute("SELECT case_id, version FROM case_file").fetchall() == [("MN1", 1)]
    found.close()
    restored = await open_store(copy, migrate=False)
    restored_desk = Desk(restored, agency_of("27"), clock, QUIET)
    assert (await restored_desk.ledger_check()).balanced
    await restored.close()


def test_nothing_is_left_of_a_copy_that_fails(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="cannot be written"):
        copy_store(tmp_path / "gateway.db", tmp_path / "copy.db")
    with pytest.raises(StoreError, match="cannot be written"):
        copy_store(tmp_path / "gateway.db", tmp_path / "none" / "copy.db")
    assert [file.name for file in tmp_path.iterdir()] == ["gateway.db"]
