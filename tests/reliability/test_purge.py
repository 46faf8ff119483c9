"""A purge is killed again and again: nothing is half destroyed, nothing goes uncertified."""

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from harness import BOUND
from sqlalchemy import func, select

from csenet.gateway.bench import traffic
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.retention import certificate
from csenet.gateway.store import audit, cases, resealing
from csenet.gateway.store.engine import open_store
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.tables import case_file, inbound, outbound
from csenet.gateway.store.tables_retention import purged
from csenet.gateway.store.wrapping import KeyFile

CSENET = Path(sys.executable).with_name("csenet")
CASES = 150
KILLS = 6
LEASH = 10
"""How many cases more than asked for a purge can destroy before the kill comes, on however slow a machine."""
LEASHED = """
import os, time
from csenet.gateway.cli import main
from csenet.gateway.retention import destroying
destroy, left = destroying.destroy_case, int(os.environ["LEASH"])
async def held(*given):
    global left
    left -= 1
    return await destroy(*given) if left >= 0 else time.sleep(600)
destroying.destroy_case = held
main()
"""
LONG_AGO = datetime(2020, 3, 10, 18, 0, tzinfo=UTC)

pytestmark = pytest.mark.slow


def destroyed(folder: Path) -> int:
    """Count the cases that are gone by now."""
    with contextlib.closing(sqlite3.connect(folder / "gateway.db", timeout=BOUND)) as connection:
        return int(connection.execute("SELECT count(*) FROM purged WHERE kind = 'case'").fetchone()[0])


def kill_after(folder: Path, more: int) -> None:
    """Let a purge destroy so many more cases, or hardly begin, and kill it."""
    before, process = destroyed(folder), purge(folder, [sys.executable, "-c", LEASHED], more + LEASH)
    while destroyed(folder) < before + more and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.communicate()


def purge(folder: Path, program: Sequence[str | Path] = (CSENET,), leash: int = 0) -> subprocess.Popen[bytes]:
    words = [*program, "purge", "--now", "--yes", "--json", "--config", folder / "gateway.toml"]
    environment = {**os.environ, "LEASH": str(leash)}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)


async def fill(folder: Path) -> None:
    """Keep requests of long ago on cases that were closed since, and one of the same age that is open."""
    clock = ManualClock(LONG_AGO, "America/Chicago")
    keyring = Keyring(KeyFile(folder / "keys" / "wrapping.key"), clock.now)
    store = await open_store(folder / "gateway.db", keyring=keyring)
    desk = Desk(store, agency_of(traffic.HOME), clock, structlog.get_logger())
    templates = traffic.requests(CASES, clock.today())
    ids = []
    for case_id, facts in traffic.facts(templates, clock.today()):
        await desk.put_case(case_id, facts)
        ids.append(case_id)
    raw = traffic.lines(traffic.numbered(templates, 1))
    await desk.settle((await desk.accept(raw, source="test", name="file")).file_id)
    async with store.begin() as conn:
        known = await cases.load(conn, ids[1:])
        for row in known.values():
            closed = json.loads(row["state"]) | {"status": "closed", "closed_on": "2020-03-11"}
            await cases.save(conn, [{"case_id": row["case_id"], "state": json.dumps(closed).encode()}])
        await conn.execute(outbound.update().values(status="cancelled"))
    await store.close()


async def test_no_kill_of_a_purge_leaves_half_or_hides_anything(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "."\n[delivery.folder]\npath = "out"\n'
    )
    await fill(tmp_path)
    chance = random.Random(11)
    for _ in range(KILLS):
        await asyncio.to_thread(kill_after, tmp_path, chance.randrange(12))
    assert KILLS <= destroyed(tmp_path) < CASES - 1, "the kills were in the middle of it"
    last = purge(tmp_path)
    told, _ = await asyncio.to_thread(last.communicate)
    assert last.returncode == 0
    assert json.loads(told)["space"]["found"] == 0
    keyring = Keyring(KeyFile(tmp_path / "keys" / "wrapping.key"))
    store = await open_store(tmp_path / "gateway.db", keyring=keyring)
    async with store.read() as conn:
        left = (await conn.execute(select(func.count()).select_from(case_file))).scalar_one()
        whole = select(func.count()).where(inbound.c.purged_at.is_(None))
        assert (left, (await conn.execute(whole)).scalar_one()) == (1, 1)
        steps = select(func.count()).where(purged.c.kind == "case")
        assert (await conn.execute(steps)).scalar_one() == CASES - 1
        open_steps = select(func.count()).where(purged.c.certificate.is_(None))
        assert (await conn.execute(open_steps)).scalar_one() == 0
        assert (await audit.verify(conn))[1] is None
    found = [certificate.check(each.read_bytes()) for each in (tmp_path / "certificates").iterdir()]
    assert sum(each["cases"] for each in found) == CASES - 1
    assert [wrong async for _, _, wrong in resealing.verify(store) if wrong] == []
    desk = Desk(store, agency_of(traffic.HOME), ManualClock(LONG_AGO, "America/Chicago"))
    assert (await desk.ledger_check()).balanced
    await store.close()
