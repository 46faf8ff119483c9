"""Files on a network share are read when they are whole: at rest, unlocked, marked; as set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from csenet.gateway.clock import ManualClock
from csenet.gateway.intake.folder import FolderIntake
from csenet.gateway.intake.readiness import Signs
from csenet.gateway.settings.intake import IntakeFolder

from .test_intake_folder import Desk, archived, clock, desk, folder, intake, names, until

__all__ = ["clock", "desk", "folder"]

Taker = Callable[..., FolderIntake]


@pytest.fixture
def taker(desk: Desk, folder: Path, clock: ManualClock) -> Taker:
    return lambda **signs: intake(desk, folder, clock, signs=Signs(**signs))


async def test_a_growing_file_is_read_once_it_has_rested(
    desk: Desk, folder: Path, clock: ManualClock, taker: Taker
) -> None:
    taking = taker(stable_seconds=10.0)
    file = folder / "a.txt"
    file.write_bytes(b"one")
    assert await taking.scan() == 0
    clock.advance(9)
    assert await taking.scan() == 0
    file.write_bytes(b"one\ntwo\n")
    clock.advance(9)
    assert await taking.scan() == 0
    clock.advance(9.9)
    assert await taking.scan() == 0
    clock.advance(0.1)
    assert await taking.scan() == 1
    assert archived(folder) == {"a.txt": b"one\ntwo\n"}


async def test_a_change_of_the_time_alone_counts_and_an_old_time_does_not_hurry(
    folder: Path, clock: ManualClock, taker: Taker
) -> None:
    taking = taker(stable_seconds=10.0)
    file = folder / "a.txt"
    file.write_bytes(b"one\n")
    os.utime(file, (1, 1))
    assert await taking.scan() == 0
    clock.advance(10)
    os.utime(file, (2, 2))
    assert await taking.scan() == 0
    clock.advance(10)
    assert await taking.scan() == 1


async def test_a_locked_file_waits_and_holds_up_no_other(
    desk: Desk, folder: Path, clock: ManualClock, taker: Taker
) -> None:
    taking = taker(lock_suffix=".lck")
    for name in ("a.txt", "b.txt"):
        (folder / name).write_bytes(name.encode())
    (folder / "a.txt.lck").touch()
    assert await taking.scan() == 1
    assert desk.accepted == ["b.txt"]
    (folder / "a.txt.lck").unlink()
    assert await taking.scan() == 1
    assert desk.accepted == ["b.txt", "a.txt"]


async def test_only_marked_files_are_read_and_the_marker_goes_with_its_file(
    desk: Desk, folder: Path, clock: ManualClock, taker: Taker
) -> None:
    taking = taker(done_suffix=".done")
    (folder / "a.txt").write_bytes(b"one\n")
    assert await taking.scan() == 0
    (folder / "a.txt.done").touch()
    assert await taking.scan() == 1
    assert names(folder) == ["archive"]
    (folder / "a.txt").write_bytes(b"half")
    assert await taking.scan() == 0
    assert desk.accepted == ["a.txt"]


async def test_a_marker_left_by_a_stop_does_not_vouch_for_the_next_file_of_its_name(
    desk: Desk, folder: Path, clock: ManualClock, taker: Taker
) -> None:
    (folder / "gone.txt.done").touch()
    (folder / "a.txt").write_bytes(b"one\n")
    (folder / "a.txt.done").touch()
    stop = asyncio.Event()
    task = asyncio.create_task(taker(done_suffix=".done").run(stop))
    await until(lambda: clock.sleeping == 1)
    stop.set()
    await task
    assert names(folder) == ["archive"]
    assert desk.accepted == ["a.txt"]


async def test_all_signs_that_are_set_have_to_be_given(
    folder: Path, clock: ManualClock, taker: Taker
) -> None:
    taking = taker(stable_seconds=5.0, lock_suffix=".lock", done_suffix=".done")
    for name in ("a.txt", "a.txt.lock", "a.txt.done"):
        (folder / name).write_bytes(b"x")
    assert await taking.scan() == 0
    clock.advance(5)
    assert await taking.scan() == 0
    (folder / "a.txt.lock").unlink()
    assert await taking.scan() == 1


async def test_without_signs_nothing_is_waited_for(desk: Desk, folder: Path, taker: Taker) -> None:
    (folder / "a.txt").write_bytes(b"one\n")
    (folder / "a.txt.lock").write_bytes(b"is a file like any other\n")
    assert await taker().scan() == 2


async def test_a_file_that_changes_while_it_is_read_is_not_kept_half(
    desk: Desk, folder: Path, clock: ManualClock, taker: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, whole = folder / "a.txt", Path.read_bytes
    file.write_bytes(b"one\n")

    def growing(path: Path) -> bytes:
        data = whole(path)
        if path == file and data == b"one\n":
            path.write_bytes(b"one\ntwo\n")
        return data

    monkeypatch.setattr(Path, "read_bytes", growing)
    taking = taker()
    assert await taking.scan() == 0
    assert desk.accepted == []
    clock.advance(60)
    assert await taking.scan() == 1
    assert archived(folder) == {"a.txt": b"one\ntwo\n"}


@pytest.mark.parametrize(
    "wrong",
    [{"lock_suffix": "lock"}, {"done_suffix": ""}, {"lock_suffix": ".x", "done_suffix": ".x"}],
)
def test_settings_that_would_read_nothing_are_refused(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        IntakeFolder(path=tmp_path, **wrong)  # type: ignore[arg-type]
