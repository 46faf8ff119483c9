"""`csenet db copy` takes a whole store to another kind of database, where it goes on as before."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url

from csenet.gateway.cli import main
from csenet.gateway.lock import DataLock
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store.every_table import every_table
from csenet.gateway.wiring import desk_of

from . import postgres
from .conftest import LEDGER, QUIET, arriving, contents, facts, lines


def settings_at(folder: Path, url: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    key = f'[sealing]\nkey_file = "{folder.parent / "wrapping.key"}"\n'
    store = f'[store]\nurl = "{url}"\n' if url else ""
    config = folder / "gateway.toml"
    config.write_text(
        f'[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[delivery.folder]\npath = "out"\n{key}{store}'
    )
    return config


def copy(config: Path, target: Any) -> Result:
    words = ["db", "copy", str(target), "--json", "--config", str(config)]
    return CliRunner().invoke(main, words, prog_name="csenet")


def answer(config: Path, first: int) -> tuple[dict[str, Any], list[int], bool]:
    """Settle two requests; give what the store held before, all serial numbers, and the ledger's word."""

    async def go() -> tuple[dict[str, Any], list[int], bool]:
        store, desk, _ = await desk_of(load_settings(config), clock=None, log=QUIET)
        before = {table.name: await contents(store, table) for table in every_table()}
        requests = []
        for number in (first, first + 1):
            await desk.put_case(f"MN{number}", facts(ledger=LEDGER))
            requests.append(arriving("MSC R GRINT", number, case_id=f"MN{number}"))
        taken = await desk.accept(lines(*requests), source="test", name=f"from {first}")
        await desk.settle(taken.file_id)
        held = {table.name: await contents(store, table) for table in every_table()}
        report = await desk.ledger_check()
        await store.close()
        return before, [row["serial"] for row in held["outbound"]], report.balanced

    return asyncio.run(go())


def test_a_store_is_copied_into_a_new_folder_and_the_copy_goes_on(tmp_path: Path) -> None:
    old = settings_at(tmp_path / "old")
    _, serials, _ = answer(old, 1)
    copied = copy(old, tmp_path / "new" / "data")
    assert copied.exit_code == 0, copied.output
    told = json.loads(copied.stdout)
    assert (told["balanced"], told["problems"]) == (True, [])
    assert list((tmp_path / "old" / "data").glob(".csenet-copy-*")) == []
    before, all_of_them, balanced = answer(settings_at(tmp_path / "new"), 3)
    assert len(before["outbound"]) == len(serials) == 2
    assert all_of_them == [1, 2, 3, 4]
    assert balanced


def test_nothing_is_copied_from_under_a_running_gateway_nor_over_a_store(tmp_path: Path) -> None:
    old = settings_at(tmp_path / "old")
    answer(old, 1)
    assert "is there already" in copy(old, tmp_path / "old" / "data").output
    lock = DataLock(tmp_path / "old" / "data")
    lock.take()
    refused = copy(old, tmp_path / "new")
    lock.release()
    assert refused.exit_code != 0
    assert "stop it" in refused.output
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_store_goes_to_a_server_and_back_and_numbers_go_on(
    tmp_path: Path, databases: postgres.Databases
) -> None:
    url = asyncio.run(databases.make())
    plain = postgres.plain(url)
    emptied = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    asyncio.run(postgres.execute(make_url(plain), *emptied))
    old = settings_at(tmp_path / "old")
    answer(old, 1)
    assert copy(old, plain).exit_code == 0
    assert "has tables already" in copy(old, plain).output
    server = settings_at(tmp_path / "server", plain)
    before, serials, balanced = answer(server, 3)
    assert len(before["outbound"]) == 2
    assert (sorted(serials), balanced) == ([1, 2, 3, 4], True)
    back = copy(server, tmp_path / "new" / "data")
    assert back.exit_code == 0, back.output
    before, serials, balanced = answer(settings_at(tmp_path / "new"), 5)
    assert len(before["inbound"]) == 4
    assert (sorted(serials), balanced) == ([1, 2, 3, 4, 5, 6], True)
    asyncio.run(databases.drop(url))
