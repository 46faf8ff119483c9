"""What the intake puts away is sealed, also what was there before or a stop left, and opens again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

from csenet.gateway import file_names
from csenet.gateway.cli import main
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import views_story
from csenet.gateway.intake import archive
from csenet.gateway.intake.archive import ArchiveError, closed, opened, seal_in_place
from csenet.gateway.intake.folder import FolderIntake
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store.errors import SealingError
from csenet.gateway.store.wrapping import HeldKeys
from csenet.gateway.wiring import open_desk

from .conftest import KEYS, NOON, arriving
from .test_intake_folder import Desk

HELD = HeldKeys(KEYS)
RAW = b"27000 EXAMPLESON\n"


def intake(folder: Path, desk: Desk) -> FolderIntake:
    made = FolderIntake(
        desk, folder, None, 1.0, ManualClock(NOON), structlog.get_logger(), watch=False, keys=HELD
    )
    made._make_folders()
    return made


async def test_a_copy_is_sealed_once_it_is_put_away(tmp_path: Path) -> None:
    desk = Desk()
    took = intake(tmp_path, desk)
    (tmp_path / "a.txt").write_bytes(RAW)
    assert await took.scan() == 1
    put = sorted(each.name for each in (tmp_path / "archive").iterdir())
    assert put == ["a.txt.receipt.json", "a.txt.sealed"]
    data = (tmp_path / "archive" / "a.txt.sealed").read_bytes()
    assert b"EXAMPLESON" not in data
    assert opened(data, HELD) == RAW
    (tmp_path / "a.txt").write_bytes(RAW)
    assert await took.scan() == 1
    assert (tmp_path / "archive" / "a.2.txt.sealed").exists(), "a second file takes nobody's place"
    assert b'"duplicate": true' in (tmp_path / "archive" / "a.2.txt.receipt.json").read_bytes()


async def test_what_lay_there_unsealed_is_sealed_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = intake(tmp_path, Desk())
    copy = tmp_path / "archive" / "old.txt"
    copy.write_bytes(RAW)

    def stop(_self: Path) -> None:
        raise OSError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stop)
        took._seal_the_rest()
    assert copy.exists(), "what cannot be sealed whole stays"
    took._seal_the_rest()
    assert [each.name for each in copy.parent.iterdir()] == ["old.txt.sealed"]
    assert opened(copy.with_name("old.txt.sealed").read_bytes(), HELD) == RAW


def test_a_sealed_copy_is_as_old_as_the_file_was(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(RAW)
    before = file.stat().st_mtime_ns
    assert seal_in_place(file, HELD).stat().st_mtime_ns == before
    assert archive.unsealed(tmp_path) == []


def test_only_the_right_key_opens_and_each_change_is_found() -> None:
    data = closed(RAW, HELD)
    with pytest.raises(SealingError, match="wrapped with key"):
        opened(data, HeldKeys({"f" * 16: bytes([1]) * 32}))
    head = data.index(b"\n", 30)
    wrong: list[Any] = [
        b"",
        RAW,
        data[:-1],
        data[:head] + b" " + data[head:],
        data.replace(b"wrapped_by", b"x"),
    ]
    wrong.append(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
    for each in wrong:
        with pytest.raises(ArchiveError):
            opened(each, HELD)


def test_the_commands_open_with_a_record_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[delivery.folder]\npath = "out"\n'
    )
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    (tmp_path / "a.txt").write_bytes(RAW)
    assert runner.invoke(main, ["archive", "seal", "a.txt", "--output", "a.sealed"]).exit_code == 2
    assert runner.invoke(main, ["db", "upgrade"]).exit_code == 0
    assert runner.invoke(main, ["archive", "seal", "a.txt", "--output", "a.sealed"]).exit_code == 0
    words = ["archive", "open", "a.sealed", "--output", "b.txt", "--reason"]
    assert runner.invoke(main, [*words, "why"]).exit_code == 2
    assert runner.invoke(main, [*words, "the store is gone"]).exit_code == 0
    assert (tmp_path / "b.txt").read_bytes() == RAW
    assert (tmp_path / "b.txt").stat().st_mode & 0o777 == 0o600
    assert runner.invoke(main, [*words, "the store is gone"]).exit_code == 2
    assert "the store is gone" in runner.invoke(main, ["audit", "list", "--action", "archive.read"]).stdout


def test_a_withheld_name_is_told_with_a_record_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[delivery.folder]\npath = "out"\n'
        '[intake.folder]\npath = "in"\n'
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "SMITH.txt").write_bytes(b"")

    async def take() -> tuple[str, str]:
        async with open_desk(load_settings(tmp_path / "gateway.toml")) as desk:
            receipt = await desk.accept(arriving("MSC R GRINT", 1), source="folder", name="SMITH JOHN.txt")
            await desk.settle(receipt.file_id)
            detail = await desk.transaction("in-1")
            assert detail is not None
            async with desk.store.read() as conn:
                told = repr(await views_story.story(conn, detail, "27"))
            return file_names.shown("SMITH.txt", desk.store.keyring.ring.search), told

    runner = CliRunner()
    assert runner.invoke(main, ["db", "upgrade"]).exit_code == 0
    lying, told = asyncio.run(take())
    assert "SMITH" not in told
    taken = told.split("record 1 of ")[1].split(",")[0]
    assert f"Last byte of {taken} (" in told
    words = ["archive", "name", "--json", "--reason"]
    assert runner.invoke(main, [*words, "why", taken]).exit_code == 2
    found = {
        shown: runner.invoke(main, [*words, "what came", shown]).stdout for shown in (taken, lying, "#0")
    }
    named = [[(each["file"], each["name"]) for each in json.loads(text)] for text in found.values()]
    assert named == [[(1, "SMITH JOHN.txt")], [(None, "SMITH.txt")], []]
    record = runner.invoke(main, ["audit", "list", "--action", "archive.read"]).stdout
    assert record.count("what came") == 3
    assert "SMITH" not in record
