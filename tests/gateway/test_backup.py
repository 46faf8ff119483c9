"""A backup made in service holds one moment, tells nothing, and comes back whole."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from csenet.gateway import backup
from csenet.gateway.backup import BackupError, frames, passphrase
from csenet.gateway.backup.form import PIECE
from csenet.gateway.backup.passphrase import Passphrase
from csenet.gateway.cli import main
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.observe.machine import newest_change
from csenet.gateway.people import anchors
from csenet.gateway.store import audit as records
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.errors import SealingError
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.wrapping import HeldKeys

from . import postgres
from .conftest import KEYS, LEDGER, NOON, QUIET, arriving, contents, facts, lines

HELD = HeldKeys(KEYS)
sqlite_only = pytest.mark.parametrize("location", ["sqlite"], indirect=True)


def ring() -> Keyring:
    return Keyring(HELD, lambda: NOON)


async def fill(desk: Desk, first: int = 1, count: int = 2) -> None:
    for number in range(first, first + count):
        await desk.put_case(f"MN{number}", facts(ledger=LEDGER))
    requests = [arriving("MSC R GRINT", n, case_id=f"MN{n}") for n in range(first, first + count)]
    await desk.settle((await desk.accept(lines(*requests), source="test", name=f"from {first}")).file_id)


async def made(store: Store, folder: Path, name: str = "a.backup", **more: Any) -> Path:
    await backup.create(store, folder / name, HELD, jurisdiction="27", now=NOON, **more)
    return folder / name


async def everything(store: Store) -> dict[str, Any]:
    return {table.name: await contents(store, table) for table in every_table()}


async def test_what_comes_back_is_equal_to_what_was_there_and_goes_on(
    desk: Desk, store: Store, tmp_path: Path, clock: ManualClock
) -> None:
    await fill(desk)
    async with store.read() as conn:
        anchors.write(tmp_path / "anchors", await records.head(conn), NOON)
    file = await made(store, tmp_path, files={"audit.anchors": tmp_path / "anchors"})
    assert file.stat().st_mode & 0o777 == 0o600
    expected, report = await everything(store), await desk.ledger_check()
    await fill(desk, first=10)
    proof = await backup.restore(file, tmp_path / "new", HELD, ring())
    assert (proof.problems, proof.balanced, proof.jurisdiction) == ([], True, "27")
    assert (tmp_path / "new" / "audit.anchors").read_bytes() == (tmp_path / "anchors").read_bytes()
    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == ["audit.anchors", "gateway.db"]
    again = await open_store(tmp_path / "new" / "gateway.db", migrate=False, keyring=ring())
    assert await everything(again) == expected
    restored = Desk(again, agency_of("27"), clock, QUIET)
    assert await restored.ledger_check() == report
    await fill(restored, first=20)
    assert (await restored.ledger_check()).balanced
    async with again.read() as conn:
        assert (await records.verify(conn))[1] is None
    await again.close()


@pytest.mark.slow
@sqlite_only
async def test_a_store_in_a_file_may_be_put_back_into_a_server_and_goes_on_there(
    desk: Desk, store: Store, tmp_path: Path, clock: ManualClock, databases: postgres.Databases
) -> None:
    await fill(desk)
    async with store.read() as conn:
        anchors.write(tmp_path / "anchors", await records.head(conn), NOON)
    file = await made(store, tmp_path, files={"audit.anchors": tmp_path / "anchors"})
    expected = await everything(store)
    url = await databases.make()
    with pytest.raises(BackupError, match="has tables already"):
        await backup.restore(file, postgres.plain(url), HELD, ring())
    await postgres.execute(
        make_url(postgres.plain(url)), "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"
    )
    kept = tmp_path / "kept.anchors"
    proof = await backup.restore(file, postgres.plain(url), HELD, ring(), anchors_file=kept)
    assert proof.problems == []
    assert kept.read_bytes() == (tmp_path / "anchors").read_bytes()
    again = await open_store(postgres.plain(url), migrate=False, keyring=ring())
    assert await everything(again) == expected
    await fill(Desk(again, agency_of("27"), clock, QUIET), first=20)
    await again.close()
    await databases.drop(url)


async def test_a_backup_is_proved_without_touching_the_store(
    desk: Desk, store: Store, tmp_path: Path
) -> None:
    await fill(desk)
    file = await made(store, tmp_path)
    before = await everything(store)
    proof = await backup.verify(file, HELD, ring())
    assert (proof.problems, proof.records > 6) == ([], True)
    assert await everything(store) == before


async def test_a_backup_in_service_holds_one_moment(desk: Desk, store: Store, tmp_path: Path) -> None:
    await fill(desk)

    async def more() -> None:
        for number in range(10, 20, 2):
            await fill(desk, first=number)

    writing = asyncio.create_task(more())
    files = [await made(store, tmp_path, f"{number}.backup") for number in range(2)]
    await writing
    for file in files:
        assert (await backup.verify(file, HELD, ring())).problems == []


@sqlite_only
async def test_nothing_in_it_can_be_read(desk: Desk, store: Store, tmp_path: Path) -> None:
    await fill(desk, first=47_110_815)
    data = (await made(store, tmp_path)).read_bytes()
    # No shorter ones: three letters stand somewhere in what is encrypted by chance.
    for word in (b"MN47110815", b"EXAMPLESON", b"inbound", b"GRINT"):
        assert word not in data


@sqlite_only
async def test_each_damage_is_found_and_nothing_is_left_half_done(store: Store, tmp_path: Path) -> None:
    (tmp_path / "ballast").write_bytes(bytes(3_000_000))
    file = await made(store, tmp_path, files={"ballast": tmp_path / "ballast"})
    data = file.read_bytes()
    start = data.index(b"}\n") + 2
    step = PIECE + 16
    one, two = data[start : start + step], data[start + step : start + 2 * step]
    damaged = {
        "cut": data[: start + step],
        "cut within a piece": data[:-1],
        "changed": data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
        "header": data.replace(b'"schema":"', b'"schema": "', 1),
        "swapped": data[:start] + two + one + data[start + 2 * step :],
        "repeated": data[: start + step] + data[start:],
        "longer": data + b"x",
        "empty": b"",
    }
    for name, each in damaged.items():
        file.write_bytes(each)
        with pytest.raises(BackupError):
            await backup.restore(file, tmp_path / "new", HELD, ring())
        assert list((tmp_path / "new").iterdir()) == [], name


@sqlite_only
async def test_a_store_that_came_back_otherwise_is_refused(
    desk: Desk, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(desk)
    file = await made(store, tmp_path)
    given = frames.given
    monkeypatch.setattr(
        frames, "given", lambda begin, rows: given(begin, rows)[begin.name == "search_case" :]
    )
    with pytest.raises(BackupError, match="came back with"):
        await backup.restore(file, tmp_path / "new", HELD, ring())
    assert list((tmp_path / "new").iterdir()) == []


@sqlite_only
async def test_only_the_right_key_opens_it(
    desk: Desk, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(passphrase._COST, "n", 1 << 4)
    await fill(desk)
    file = await made(store, tmp_path)
    with pytest.raises(SealingError, match="wrapped with key"):
        await backup.restore(file, tmp_path / "new", HeldKeys({"f" * 16: bytes([1]) * 32}), ring())
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse battery staple\n")
    wrong.write_text("incorrect horse battery staple\n")
    held = tmp_path / "held.backup"
    await backup.create(store, held, Passphrase(right), jurisdiction="27", now=NOON)
    with pytest.raises(BackupError, match="not the passphrase"):
        await backup.verify(held, Passphrase(wrong), ring())
    assert (await backup.verify(held, Passphrase(right), ring())).problems == []
    with pytest.raises(BackupError, match="not with a passphrase"):
        await backup.verify(file, Passphrase(right), ring())
    right.write_text("short\n")
    with pytest.raises(BackupError, match="at least 16"):
        Passphrase(right)


@sqlite_only
async def test_neither_a_store_nor_a_backup_is_replaced(desk: Desk, store: Store, tmp_path: Path) -> None:
    file = await made(store, tmp_path)
    with pytest.raises(BackupError, match="never replaces"):
        await made(store, tmp_path)
    with pytest.raises(BackupError, match="new folder"):
        await backup.restore(file, tmp_path, HELD, ring())
    with pytest.raises(BackupError, match="cannot be written"):
        await made(store, tmp_path / "none")


@sqlite_only
async def test_what_a_kill_leaves_is_no_backup_and_in_nobodys_way(
    desk: Desk, store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / ".a.backup.part").write_bytes(b"half")
    assert newest_change(folder) is None, "no alert is quieted by it"
    file = await made(store, folder)
    assert newest_change(folder) is not None
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".gateway.db.restoring").write_bytes(b"half")
    assert (await backup.restore(file, tmp_path / "new", HELD, ring())).problems == []
    left = [each.name for each in (*folder.iterdir(), *(tmp_path / "new").iterdir())]
    assert sorted(left) == ["a.backup", "gateway.db"]


@sqlite_only
async def test_content_that_did_not_open_before_is_named(
    location: Path, store: Store, desk: Desk, tmp_path: Path
) -> None:
    await fill(desk)
    with sqlite3.connect(location) as connection:
        connection.execute("UPDATE case_file SET facts = (SELECT facts FROM case_file WHERE case_id = 'MN2')")
    connection.close()
    file = await made(store, tmp_path)
    proof = await backup.restore(file, tmp_path / "new", HELD, ring())
    assert len(proof.problems) == 1
    assert "case_file.facts" in proof.problems[0]
    assert (tmp_path / "new" / "gateway.db").exists()


def test_the_commands_make_prove_and_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[delivery.folder]\npath = "out"\n'
    )
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(main, ["backup", "create", "a.backup"]).exit_code == 2
    assert runner.invoke(main, ["db", "upgrade"]).exit_code == 0
    assert "sha256" in runner.invoke(main, ["backup", "create", "a.backup"]).stdout
    assert "as they were" in runner.invoke(main, ["backup", "verify", "a.backup"]).stdout
    assert runner.invoke(main, ["backup", "restore", "a.backup", "--into", "again"]).exit_code == 0
    assert (tmp_path / "again" / "gateway.db").stat().st_mode & 0o777 == 0o600
    assert runner.invoke(main, ["backup", "restore", "a.backup", "--into", "again"]).exit_code == 2
    assert runner.invoke(main, ["backup", "verify", "gateway.toml"]).exit_code == 2
    (tmp_path / "data" / "gateway.db").unlink()
    assert runner.invoke(main, ["backup", "restore", "a.backup", "--into-store"]).exit_code == 0
    assert "balanced" in runner.invoke(main, ["ledger", "check"]).stdout
