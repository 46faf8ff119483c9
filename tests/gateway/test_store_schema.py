"""The schema has one truth: what the steps build is what the queries are written against."""

import asyncio
import importlib
import pkgutil
import sqlite3
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from csenet.gateway import store as store_package
from csenet.gateway.store import audit, engine
from csenet.gateway.store.engine import SCHEMA_HEAD, Store, StoreError, open_store
from csenet.gateway.store.migrate import configuration
from csenet.gateway.store.sealing import sealed
from csenet.gateway.store.tables import metadata, outbound

from .. import stencil

pytestmark = pytest.mark.usefixtures("by_the_steps")

ON_SQLITE = pytest.mark.parametrize("location", ["sqlite"], indirect=True)


def _clauses(sql: str) -> list[str]:
    """Cut a statement at its outer commas and sort the parts: the order of constraints says nothing."""
    parts, depth = [""], 0
    for character in " ".join(sql.split()):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 1:
            parts.append("")
        else:
            parts[-1] += character
    head, _, first = parts[0].partition("(")
    last = parts[-1].rpartition(")")
    middle = [first, *parts[1:-1], last[0]] if len(parts) > 1 else [first.rpartition(")")[0], last[2]]
    return [head.strip(), *sorted(part.strip() for part in middle), last[2].strip()]


def _schema(path: Path) -> dict[str, list[str]]:
    """Read every table and index as its clauses."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: _clauses(sql) for name, sql in found}


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("gateway.db*")}


async def test_the_steps_build_exactly_the_tables_that_the_queries_use(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "migrated.db")
    await store.close()
    for module in pkgutil.iter_modules(store_package.__path__, f"{store_package.__name__}."):
        if module.name.rpartition(".")[2].startswith("tables"):
            importlib.import_module(module.name)
    declaring = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declaring)
    declaring.dispose()
    migrated, declared = _schema(tmp_path / "migrated.db"), _schema(tmp_path / "declared.db")
    assert migrated.pop("alembic_version")
    assert migrated == declared


async def test_the_stores_of_other_tests_are_what_the_steps_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumps = []
    for name, way in (("steps", stencil.by_the_steps), ("read", stencil.upgrade), ("drawn", stencil.upgrade)):
        monkeypatch.setattr(engine, "_upgrade", way)
        await (await open_store(tmp_path / f"{name}.db")).close()
        connection = sqlite3.connect(tmp_path / f"{name}.db")
        dumps.append(list(connection.iterdump()))
        connection.close()
    assert dumps[0] == dumps[1] == dumps[2]
    assert len(dumps[0]) > len(metadata.tables)


def test_the_head_that_a_start_compares_with_is_the_newest_step() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [SCHEMA_HEAD]


async def test_a_store_is_opened_again_as_it_was_left(location: str | Path) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    store = await open_store(location)
    async with store.begin() as conn:
        await audit.add(conn, [{"at": at, "actor": "a", "action": "b", "object": "c"}])
    await store.close()
    store = await open_store(location, migrate=False)
    async with store.read() as conn:
        assert [row["at"] for row in await audit.newest(conn)] == [at]
    await store.close()


async def test_a_store_without_schema_is_refused_when_it_may_not_be_changed(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="csenet db upgrade"):
        await open_store(tmp_path / "gateway.db", migrate=False)
    (tmp_path / "torn.db").write_bytes(b"no database " * 500)
    with pytest.raises(StoreError, match="damaged, or no store at all"):
        await open_store(tmp_path / "torn.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
async def test_a_store_that_cannot_keep_its_word_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"store\.url"):
        await open_store(url)


@pytest.mark.parametrize("name", ["", "/:memory:"])
def test_no_file_is_made_for_a_store_in_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError):
        asyncio.run(open_store(f"sqlite://{name}"))
    assert list(tmp_path.iterdir()) == []


@ON_SQLITE
async def test_commits_are_synchronous_and_logged_ahead(store: Store) -> None:
    async with store.begin() as conn:
        assert (await conn.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await conn.execute(text("PRAGMA synchronous"))).scalar_one() == 2, "2 is FULL"
        assert (await conn.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1


@ON_SQLITE
async def test_only_its_owner_may_read_a_store(store: Store, tmp_path: Path) -> None:
    async with store.begin() as conn:
        await conn.execute(text("DELETE FROM timeline"))
    assert set(_modes(tmp_path).values()) == {0o600}


@ON_SQLITE
async def test_a_writer_takes_its_lock_before_it_reads(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "gateway.db", timeout=0, isolation_level=None)
    async with store.begin():
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


async def test_what_raises_leaves_nothing_behind(store: Store) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)

    async def half() -> None:
        async with store.begin() as conn:
            await audit.add(conn, [{"at": at, "actor": "a", "action": "b", "object": "c"}])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half()
    async with store.read() as conn:
        assert await audit.newest(conn) == []


async def test_a_reader_sees_one_moment_and_cannot_write(store: Store) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    line = {"at": at, "actor": "a", "action": "b", "object": "c"}
    async with store.read() as reader:
        assert await audit.newest(reader) == []
        async with store.begin() as writer:
            await audit.add(writer, [line])
        assert await audit.newest(reader) == [], "the reader's moment was before the commit"
    with pytest.raises(DBAPIError, match="read"):
        async with store.read() as reader:
            await reader.execute(text("DELETE FROM timeline"))


async def test_moments_come_back_in_utc_whatever_zone_they_were_in(store: Store) -> None:
    central = timezone(timedelta(hours=-6))
    async with store.begin() as conn:
        at = datetime(2026, 11, 20, 6, tzinfo=central)
        await audit.add(conn, [{"at": at, "actor": "a", "action": "b", "object": "c"}])
        found = (await audit.newest(conn))[0]["at"]
    assert found == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert found.tzinfo is UTC


async def test_a_moment_without_zone_is_not_stored(store: Store) -> None:
    naive = datetime(2026, 11, 20, 12)  # noqa: DTZ001
    with pytest.raises(ValueError, match="without time zone"):
        async with store.begin() as conn:
            await audit.add(conn, [{"at": naive, "actor": "a", "action": "b", "object": "c"}])


async def test_a_misspelt_status_cannot_be_stored(store: Store) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    row = {
        "serial": 1,
        "partner": "20",
        "far": "MSC R GRINT",
        "raw": b"x",
        "correlation": "c",
        "intake_at": at,
        "created_at": at,
    }
    misspelt = {"serial": 2, "status": "sent"}
    async with store.begin() as conn:
        await conn.execute(insert(outbound), sealed(conn, outbound, [{**row, "status": "queued"}]))
    with pytest.raises(IntegrityError):
        async with store.begin() as conn:
            await conn.execute(insert(outbound), sealed(conn, outbound, [{**row, **misspelt}]))
    async with store.read() as conn:
        assert (await conn.execute(select(outbound.c.status))).scalars().all() == ["queued"]
