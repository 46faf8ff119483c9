"""Keys are changed while transactions come in, by a command that is killed again and again."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import func, select

from csenet.gateway.bench import traffic
from csenet.gateway.clock import SystemClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.store import resealing
from csenet.gateway.store.engine import open_store
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.tables import inbound
from csenet.gateway.store.tables_sealing import data_key
from csenet.gateway.store.wrapping import KeyFile

CSENET = Path(sys.executable).with_name("csenet")
KILLS = 6
FILES = 40
EACH = 10

pytestmark = pytest.mark.slow


def hurried() -> Callable[[], datetime]:
    """Give a clock by which the gateway looks for later keys at each commit."""
    start, calls = datetime.now(UTC), iter(range(10**9))
    return lambda: start + timedelta(seconds=31 * next(calls) % 80_000)


def rotate(folder: Path, kind: str) -> subprocess.Popen[bytes]:
    words = [CSENET, "keys", "rotate", kind, "--batch", "5", "--config", folder / "gateway.toml"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def killed_again_and_again(folder: Path, chance: random.Random) -> None:
    for number in range(KILLS):
        process = rotate(folder, "--wrapping" if number % 4 == 3 else "--data")
        # From before it has opened the store to the middle of its work.
        await asyncio.sleep(0.3 + chance.random() * 1.2)
        process.kill()
        await asyncio.to_thread(process.wait)


async def feed(desk: Desk, raws: list[bytes]) -> None:
    for number in range(FILES):
        part = raws[number * EACH : (number + 1) * EACH]
        receipt = await desk.accept(traffic.lines(part), source="test", name=f"file {number}")
        await desk.settle(receipt.file_id)
        await asyncio.sleep(0.1)


async def test_no_kill_of_a_change_of_keys_loses_anything(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "."\n[delivery.folder]\npath = "out"\n'
    )
    clock: Any = SystemClock("America/Chicago")
    key = tmp_path / "keys" / "wrapping.key"
    store = await open_store(tmp_path / "gateway.db", keyring=Keyring(KeyFile(key), hurried()))
    desk = Desk(store, agency_of(traffic.HOME), clock, structlog.get_logger())
    templates = traffic.requests(FILES * EACH, clock.today())
    for each in traffic.facts(templates, clock.today()):
        await desk.put_case(*each)
    of_cases = select(data_key.c.number).where(data_key.c.kind == "case")
    async with store.read() as conn:
        before = set(
            (await conn.execute(select(data_key.c.number).where(data_key.c.kind == "case"))).scalars()
        )
    raws = traffic.numbered(templates, 1)
    await asyncio.gather(feed(desk, raws), killed_again_and_again(tmp_path, random.Random(7)))
    last = rotate(tmp_path, "--data")
    assert await asyncio.to_thread(last.wait) == 0
    # A kill may have come between a new wrapping key and its first use: that is gone on with as well.
    await resealing.rotate_wrapping(store)
    assert (await desk.ledger_check()).balanced
    wrong = [found async for _, _, found in resealing.verify(store) if found]
    assert wrong == []
    async with store.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(inbound))).scalar_one() == FILES * EACH
        left = set((await conn.execute(of_cases)).scalars())
        wrapped = set((await conn.execute(select(data_key.c.wrapped_by))).scalars())
    assert not left & before
    assert len(wrapped) == 1
    await store.close()
