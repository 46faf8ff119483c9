"""Taking files from a folder: order, receipts, archive, and the same end after a crash anywhere."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from csenet.gateway.clock import ManualClock
from csenet.gateway.intake.folder import FolderIntake
from csenet.gateway.intake.readiness import Signs

from .patience import BOUND

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    file_id: int
    name: str
    source: str
    sha256: str
    bytes: int
    received_at: datetime
    duplicate: bool = False


class Killed(BaseException):
    """What a kill looks like from inside."""


class Desk:
    """A desk that keeps bytes in memory, outliving the intake that feeds it."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.kept: dict[str, Receipt] = {}
        self.settled: list[int] = []
        self.accepted: list[str] = []
        self.trouble: dict[bytes, BaseException] = {}
        self.trouble_settling: list[BaseException] = []

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        if raw in self.trouble:
            raise self.trouble[raw]
        digest = hashlib.sha256(raw).hexdigest()
        if digest in self.kept:
            return msgspec.structs.replace(self.kept[digest], duplicate=True)
        self.accepted.append(name)
        receipt = Receipt(
            file_id=len(self.kept) + 1,
            name=name,
            source=source,
            sha256=digest,
            bytes=len(raw),
            received_at=NOW,
        )
        self.kept[digest] = receipt
        return receipt

    async def settle(self, file_id: int) -> None:
        if self.trouble_settling:
            raise self.trouble_settling.pop()
        if file_id not in self.settled:
            self.settled.append(file_id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    (path / "archive").mkdir(parents=True)
    return path


def intake(
    desk: Desk, folder: Path, clock: ManualClock, *, watch: bool = False, signs: Signs | None = None
) -> FolderIntake:
    log = structlog.get_logger()
    return FolderIntake(desk, folder, None, 1.0, clock, log, watch=watch, signs=signs or Signs())


def drop(folder: Path, name: str, data: bytes, *, age: int = 0) -> None:
    part = folder / f"{name}.part"
    part.write_bytes(data)
    os.utime(part, ns=(10**18 - age, 10**18 - age))
    part.rename(folder / name)


def archived(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in (folder / "archive").iterdir()
        if not path.name.endswith(".receipt.json")
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def receipts(folder: Path) -> dict[str, dict[str, Any]]:
    found = (folder / "archive").glob("*.receipt.json")
    return {path.name: json.loads(path.read_text()) for path in found}


async def test_a_file_is_kept_settled_and_archived_with_its_receipt(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    drop(folder, "a.txt", b"one\n")
    assert await intake(desk, folder, clock).scan() == 1
    assert desk.settled == [1]
    assert archived(folder) == {"a.txt": b"one\n"}
    told = receipts(folder)["a.txt.receipt.json"]
    assert told["sha256"] == hashlib.sha256(b"one\n").hexdigest()
    assert told["duplicate"] is False
    assert not (folder / "a.txt").exists()


async def test_files_are_taken_oldest_first_then_by_name(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    drop(folder, "b.txt", b"second")
    drop(folder, "c.txt", b"third")
    drop(folder, "z.txt", b"first", age=10)
    await intake(desk, folder, clock).scan()
    assert desk.accepted == ["z.txt", "b.txt", "c.txt"]


async def test_what_is_not_complete_is_left_alone(desk: Desk, folder: Path, clock: ManualClock) -> None:
    for name in (".hidden", "x.tmp", "y.part", "z.txt.manifest.json"):
        (folder / name).write_bytes(b"half")
    (folder / "subfolder").mkdir()
    assert await intake(desk, folder, clock).scan() == 0
    assert desk.accepted == []


async def test_a_link_to_another_file_is_not_followed(desk: Desk, folder: Path, clock: ManualClock) -> None:
    secret = folder.parent / "wrapping.key"
    secret.write_bytes(b"secret\n")
    (folder / "a.txt").symlink_to(secret)
    assert await intake(desk, folder, clock).scan() == 0
    assert desk.settled == []
    assert secret.exists()


async def test_the_same_bytes_again_are_archived_as_a_duplicate_beside_the_first(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    taker = intake(desk, folder, clock)
    for _ in range(2):
        drop(folder, "a.txt", b"one\n")
        await taker.scan()
    assert archived(folder) == {"a.txt": b"one\n", "a.2.txt": b"one\n"}
    told = receipts(folder)
    assert told["a.txt.receipt.json"]["duplicate"] is False
    assert told["a.2.txt.receipt.json"]["duplicate"] is True
    assert told["a.2.txt.receipt.json"]["file_id"] == told["a.txt.receipt.json"]["file_id"]


async def test_another_file_of_the_same_name_gets_a_number(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    taker = intake(desk, folder, clock)
    for data in (b"one\n", b"two\n", b"three\n"):
        drop(folder, "a.txt", data)
        await taker.scan()
    assert archived(folder) == {"a.txt": b"one\n", "a.2.txt": b"two\n", "a.3.txt": b"three\n"}


async def test_a_file_that_fails_stays_and_is_tried_again_while_others_go_on(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    drop(folder, "a.txt", b"bad", age=1)
    drop(folder, "b.txt", b"good")
    desk.trouble[b"bad"] = OSError("disk full")
    taker = intake(desk, folder, clock)
    assert await taker.scan() == 1
    assert (folder / "a.txt").exists()
    desk.trouble.clear()
    assert await taker.scan() == 0
    clock.advance(60)
    assert await taker.scan() == 1
    assert set(archived(folder)) == {"a.txt", "b.txt"}


async def test_a_folder_that_cannot_be_listed_is_looked_at_again_later(
    desk: Desk, tmp_path: Path, clock: ManualClock
) -> None:
    assert await intake(desk, tmp_path / "not there", clock).scan() == 0


def kill(desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Arrange a kill just before the named step."""
    if where == "settle":
        desk.trouble_settling.append(Killed())
        return
    original = {"receipt": Path.replace, "move": Path.rename}[where]
    name = original.__name__

    def die(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, name, original)
        raise Killed

    monkeypatch.setattr(Path, name, die)


@pytest.mark.parametrize("where", ["settle", "receipt", "move"])
async def test_a_kill_anywhere_and_a_restart_give_the_same_end(
    desk: Desk, folder: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    drop(folder, "a.txt", b"one\n")
    kill(desk, monkeypatch, where)
    with pytest.raises(Killed):
        await intake(desk, folder, clock).scan()
    assert await intake(desk, folder, clock).scan() == 1
    assert desk.settled == [1]
    assert archived(folder) == {"a.txt": b"one\n"}
    assert receipts(folder)["a.txt.receipt.json"]["duplicate"] is False
    assert names(folder) == ["archive"]
    assert names(folder / "archive") == ["a.txt", "a.txt.receipt.json"]


async def test_a_file_replaced_while_it_was_read_is_not_put_away_unread(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    drop(folder, "a.txt", b"one\n")

    class Slow(Desk):
        async def settle(self, file_id: int) -> None:
            if not self.settled:
                drop(folder, "a.txt", b"two\n")
            await super().settle(file_id)

    slow = Slow()
    taker = intake(slow, folder, clock)
    assert await taker.scan() == 0
    clock.advance(60)
    assert await taker.scan() == 1
    assert [receipt.bytes for receipt in slow.kept.values()] == [4, 4]
    assert b"two\n" in archived(folder).values()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND):
        while not condition():  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0)


async def test_the_folder_is_looked_through_at_each_turn_of_the_clock(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(intake(desk, folder, clock).run(stop))
    await until(lambda: clock.sleeping == 1)
    drop(folder, "a.txt", b"one\n")
    clock.advance(1)
    await until(lambda: (folder / "archive" / "a.txt").exists())
    stop.set()
    await task
    assert desk.accepted == ["a.txt"]


async def test_a_new_file_is_noticed_before_the_clock_turns(
    desk: Desk, folder: Path, clock: ManualClock
) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(intake(desk, folder, clock, watch=True).run(stop))
    await until(lambda: clock.sleeping == 1)
    number = 0
    async with asyncio.timeout(BOUND):
        # The watch starts in a thread: files dropped before it listens are not told of.
        while not desk.accepted:
            number += 1
            drop(folder, f"{number}.txt", b"file %d" % number)
            await asyncio.sleep(0.05)
    stop.set()
    await task
