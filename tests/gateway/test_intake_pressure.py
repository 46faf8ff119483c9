"""Nothing more is taken in while the disk is nearly full or too much is in hand, and callers are told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from csenet.gateway.clock import ManualClock
from csenet.gateway.intake.folder import FolderIntake
from csenet.gateway.intake.pressure import Pressure

from .conftest import NOON

ROOM = 1_000_000


def pressure(tmp_path: Path, *, requests: int = 2, size: int = 1000, free: int = ROOM) -> Pressure:
    made = Pressure(
        tmp_path, structlog.get_logger(), reserve=1000, requests=requests, size=size, retry_after=7
    )
    made.free = lambda _folder: free
    return made


class Slow:
    """An application whose one operation lasts until it is let go."""

    def __init__(self, guard: Pressure) -> None:
        self.go, self.in_hand = asyncio.Event(), 0
        self.app = web.Application(middlewares=[guard.middleware()])
        self.app.router.add_post("/", self.take)
        self.app.router.add_get("/", self.look)

    async def take(self, request: web.Request) -> web.Response:
        self.in_hand += 1
        await self.go.wait()
        return web.Response(status=202)

    async def look(self, _request: web.Request) -> web.Response:
        return web.Response()


async def in_pieces() -> AsyncIterator[bytes]:
    yield b"x"


async def test_beyond_the_limit_a_caller_is_told_at_once_to_come_again(tmp_path: Path) -> None:
    slow = Slow(pressure(tmp_path))
    async with TestClient(TestServer(slow.app)) as client:
        taken = [asyncio.create_task(client.post("/", data=b"x" * 10)) for _ in range(2)]
        while slow.in_hand < 2:  # noqa: ASYNC110 - the server has nothing to wait for
            await asyncio.sleep(0)
        answers = [await client.post("/", data=b"x" * 10) for _ in range(20)]
        assert {(each.status, each.headers["Retry-After"]) for each in answers} == {(503, "7")}
        assert (await answers[0].json())["status"] == 503
        assert "Connection" not in answers[0].headers, "to let the rest run out costs less than to begin anew"
        long = await client.post("/", data=b"x" * 70_000)
        assert (long.status, long.headers["Connection"]) == (503, "close")
        assert (await client.get("/")).status == 200, "looking is always possible"
        slow.go.set()
        assert [(await each).status for each in taken] == [202, 202]
        assert (await client.post("/", data=b"x")).status == 202


async def test_the_bytes_in_hand_are_bounded_and_one_alone_is_always_taken(tmp_path: Path) -> None:
    guard = pressure(tmp_path, requests=10)
    slow = Slow(guard)
    async with TestClient(TestServer(slow.app)) as client:
        large = asyncio.create_task(client.post("/", data=b"x" * 5000))
        while slow.in_hand < 1:  # noqa: ASYNC110 - the server has nothing to wait for
            await asyncio.sleep(0)
        assert (await client.post("/", data=b"x")).status == 503
        slow.go.set()
        assert (await large).status == 202
    assert (guard.in_hand, guard.bytes) == (0, 0)


async def test_a_full_disk_stops_intake_and_room_lets_it_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guard = pressure(tmp_path, free=999)
    slow = Slow(guard)
    slow.go.set()
    async with TestClient(TestServer(slow.app)) as client:
        assert (await client.post("/", data=b"x")).status == 503
        assert (await client.post("/", data=b"x")).status == 503
        guard.free = lambda _folder: ROOM
        assert (await client.post("/", data=b"x")).status == 202
    told = capsys.readouterr().out
    assert (told.count("intake.disk_full"), told.count("intake.disk_recovered")) == (1, 1)


async def test_what_would_eat_into_the_reserve_is_refused_and_what_fits_is_taken(tmp_path: Path) -> None:
    slow = Slow(pressure(tmp_path, free=1500, size=10_000))
    async with TestClient(TestServer(slow.app)) as client:
        assert (await client.post("/", data=b"x" * 501)).status == 503
        assert (await client.post("/", data=in_pieces())).status == 503, "nobody can say how much is coming"
        first = asyncio.create_task(client.post("/", data=b"x" * 300))
        while slow.in_hand < 1:  # noqa: ASYNC110 - the server has nothing to wait for
            await asyncio.sleep(0)
        assert (await client.post("/", data=b"x" * 300)).status == 503, (
            "the first one has not reached the disk"
        )
        slow.go.set()
        assert (await first).status == 202
        assert (await client.post("/", data=b"x" * 300)).status == 202


async def test_files_stay_where_they_are_while_the_disk_is_full(tmp_path: Path) -> None:
    class Desk:
        arrived = asyncio.Event()

        async def accept(self, raw: bytes, *, source: str, name: str) -> None:
            raise AssertionError("nothing may be taken")

        async def settle(self, file_id: int) -> None:
            raise AssertionError

    (tmp_path / "a.txt").write_bytes(b"x")
    guard = pressure(tmp_path, free=0)
    clock = ManualClock(NOON, "America/Chicago")
    intake = FolderIntake(
        Desk(), tmp_path, None, 1.0, clock, structlog.get_logger(), watch=False, full=guard.disk_full
    )
    assert await intake.scan() == 0
    assert (tmp_path / "a.txt").exists()


def test_a_folder_that_cannot_be_asked_changes_nothing(tmp_path: Path) -> None:
    guard = pressure(tmp_path)

    def broken(_folder: Path) -> int:
        raise OSError

    guard.free = broken
    assert not guard.disk_full()
