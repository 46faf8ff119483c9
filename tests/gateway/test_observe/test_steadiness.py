"""A clock that jumps, a slow disk and a lost database are told, once, until they mend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from csenet.gateway.app import GatewayApp
from csenet.gateway.clock import ManualClock
from csenet.gateway.observe import doctoring
from csenet.gateway.observe.doctoring import standing
from csenet.gateway.observe.steadiness import Steadiness
from csenet.gateway.ports import free_port
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store.errors import out_of_reach

from ..conftest import NOON, arriving, lines
from ..patience import BOUND
from .conftest import Running


class Log:
    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **keys: Any) -> None:
        self.told.append((event, keys))

    warning = error = info


class Ground:
    """Two clocks that a test moves, and what is told."""

    def __init__(self) -> None:
        self.clock, self.ticks, self.log = ManualClock(NOON), 1000.0, Log()
        self.steady = Steadiness(
            self.clock.now, self.log, jump_seconds=5.0, slow_seconds=1.0, monotonic=lambda: self.ticks
        )

    def passes(self, seconds: float, *, jump: float = 0.0) -> None:
        self.ticks += seconds
        self.clock.set(self.clock.now() + timedelta(seconds=seconds + jump))
        self.steady.tick()


@pytest.fixture
def ground() -> Ground:
    made = Ground()
    made.steady.tick()
    return made


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 5.0])
def test_a_clock_that_jumps_is_told_once_and_for_a_while(ground: Ground, jump: float) -> None:
    ground.passes(60)
    assert ground.steady.notes() == []
    ground.passes(15, jump=jump)
    assert ground.log.told == [("clock.jumped", {"seconds": jump})]
    assert f"{jump:+.0f} s" in ground.steady.notes()[0]
    ground.passes(15)
    assert len(ground.log.told) == 1
    ground.passes(600)
    assert ground.steady.notes() == []


def test_a_clock_that_drifts_a_little_does_not_jump(ground: Ground) -> None:
    for _ in range(100):
        ground.passes(15, jump=0.4)
    assert (ground.log.told, ground.steady.notes()) == ([], [])


def test_slow_commits_are_told_until_they_are_quick_again(ground: Ground) -> None:
    for seconds in (0.01, 2.5, 3.5):
        ground.steady.committed(seconds)
    assert "3.5 s" in ground.steady.notes()[0]
    ground.steady.committed(0.02)
    assert ground.steady.notes() == []
    assert [event for event, _ in ground.log.told] == ["store.slow", "store.quick_again"]


def test_a_store_that_is_gone_is_told_until_it_is_back(ground: Ground) -> None:
    ground.steady.lost(OSError())
    ground.passes(60)
    ground.steady.lost(OSError())
    assert "60 s" in ground.steady.notes()[0]
    ground.steady.committed(0.01)
    assert ground.steady.notes() == []
    assert ground.log.told == [
        ("store.lost", {"error_type": "OSError"}),
        ("store.found_again", {"seconds": 60.0}),
    ]


def test_the_database_s_failures_are_told_from_mistakes_of_the_code() -> None:
    assert out_of_reach(ConnectionRefusedError())
    assert out_of_reach(OperationalError("x", None, Exception()))
    assert not out_of_reach(KeyError())


async def test_readiness_names_what_somebody_should_look_at(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiohttp

    monkeypatch.setattr(doctoring, "_ANSWERS_WITHIN", BOUND)
    async with (
        running("slow_commit_seconds = 0.000001\n") as app,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{app.port}/readyz") as answer,
    ):
        told = await answer.json()
        here = app.settings.http.model_copy(update={"port": app.port})
        found = await standing(app.settings.model_copy(update={"http": here}))
    assert (answer.status, told["status"]) == (200, "ready")
    assert "slow" in told["notes"][0]
    assert ("look", "See what else keeps it busy; csenet logs --event store.slow says since when.") in [
        (each.state, each.do) for each in found
    ]


class Wire:
    """Stand between a gateway and its database, and cut them off from one another."""

    def __init__(self, host: str, port: int) -> None:
        self._to, self._open = (host, port), False
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        # The gateway knocks there also while nobody listens.
        self.port = free_port()

    async def start(self) -> None:
        self._open = True
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        self._open = False
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(*self._to)
        if not self._open:
            # Whoever knocked just before the cut is cut off as well.
            writer.transport.abort()
            ours.transport.abort()
            return
        self._writers += [writer, ours]
        self._tasks += [asyncio.create_task(_pump(reader, ours)), asyncio.create_task(_pump(theirs, writer))]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, ConnectionError):
        pass
    writer.transport.abort()


@pytest.fixture
async def wire(postgres_url: str) -> AsyncIterator[tuple[Wire, str]]:
    url = make_url(postgres_url)
    made = Wire(str(url.host), int(url.port or 5432))
    await made.start()
    yield made, url.set(host="127.0.0.1", port=made.port).render_as_string(hide_password=False)
    await made.cut()


@pytest.mark.slow
async def test_a_gateway_whose_database_is_gone_for_a_while_goes_on_by_itself(
    wire: tuple[Wire, str], tmp_path: Path
) -> None:
    cable, url = wire
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[store]\nurl = "{url}"\n[delivery.folder]\n'
        'path = "out"\n[http]\nport = 0\n[limits]\ndisk_reserve_mb = 1\n'
    )
    app = GatewayApp(load_settings(file, {}))
    await app.start()
    try:
        desk, sampler = app.desk, app.observed.sampler
        assert desk is not None
        assert sampler is not None
        first = await desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
        await desk.settle(first.file_id)
        await cable.cut()
        with pytest.raises(Exception, match=r".") as lost:
            await desk.accept(lines(arriving("MSC R GRINT", 2)), source="test", name="b")
        assert out_of_reach(lost.value), type(lost.value)
        # The settling task meets it too, and stays.
        desk.arrived.set()
        await sampler.sample()
        assert "the store cannot be written" in app.observed.health.not_ready()
        assert any("out of reach" in note for note in app.observed.health.notes())
        assert app.observed.health.not_alive() == []
        await cable.start()
        async with asyncio.timeout(BOUND):
            while app.observed.health.not_ready():
                await sampler.sample()
                await asyncio.sleep(0.05)
        # A slow machine may have another note, on commits that take long.
        assert not any("out of reach" in note for note in app.observed.health.notes())
        again = await desk.accept(lines(arriving("MSC R GRINT", 2)), source="test", name="b")
        await desk.settle(again.file_id)
        report = await desk.ledger_check()
        assert (report.balanced, sum(report.inbound.values())) == (True, 2)
        assert app.observed.health.not_alive() == []
    finally:
        await app.stop()
