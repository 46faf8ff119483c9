"""What holds on a PostgreSQL server besides what holds everywhere."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.store import audit, sleepers
from csenet.gateway.store import postgres as server_rules
from csenet.gateway.store.engine import SCHEMA_HEAD, StoreError, open_store
from csenet.gateway.store.errors import is_away
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.tables import metadata

from . import postgres
from .conftest import QUIET, arriving, lines
from .patience import BOUND

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINE = {"at": AT, "actor": "a", "action": "b", "object": "c"}


def _schema(connection: Connection) -> dict[str, Any]:
    """Read columns, keys, checks and indexes of every table."""
    inspector = inspect(connection)
    told = {}
    for table in sorted(inspector.get_table_names()):
        told[table] = (
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            ],
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted(str(key) for key in inspector.get_foreign_keys(table)),
            sorted(str(check) for check in inspector.get_check_constraints(table)),
            sorted(str(index) for index in inspector.get_indexes(table)),
            sorted(str(unique) for unique in inspector.get_unique_constraints(table)),
        )
    return told


async def _schema_at(url: str, *, declared: bool = False) -> dict[str, Any]:
    engine = create_async_engine(url)
    async with engine.begin() as conn:
        if declared:
            await conn.run_sync(metadata.create_all, every_table())
        told = await conn.run_sync(_schema)
    await engine.dispose()
    return told


async def test_the_steps_build_exactly_the_tables_that_the_queries_use(
    postgres_url: str, databases: postgres.Databases
) -> None:
    bare = await databases.make(migrated=False)
    declared = await _schema_at(postgres.plain(bare), declared=True)
    migrated = await _schema_at(postgres_url)
    assert migrated.pop("alembic_version")
    assert migrated == declared
    await databases.drop(bare)


async def test_two_gateways_that_start_at_once_build_one_schema(databases: postgres.Databases) -> None:
    bare = await databases.make(migrated=False)
    url = postgres.plain(bare)
    for store in await asyncio.gather(open_store(url), open_store(url)):
        async with store.read() as conn:
            found = await conn.execute(text("SELECT version_num FROM alembic_version"))
            assert found.scalars().all() == [SCHEMA_HEAD]
        await store.close()
    await databases.drop(bare)


@pytest.mark.parametrize("form", ["postgresql", "postgresql+asyncpg", "postgres"])
async def test_the_address_may_be_written_as_other_programs_write_it(form: str, postgres_url: str) -> None:
    url = make_url(postgres_url).render_as_string(hide_password=False).replace("postgresql+asyncpg", form)
    store = await open_store(f"{url}?sslmode=prefer")
    assert store.dialect == "postgresql"
    await store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER DATABASE {name} SET synchronous_commit = off",
        "ALTER ROLE csenet IN DATABASE {name} SET synchronous_commit = off",
    ],
)
async def test_a_server_that_may_lose_what_it_confirmed_is_refused(postgres_url: str, statement: str) -> None:
    url = make_url(postgres_url)
    statement = statement.format(name=url.database).replace("ROLE csenet", f"ROLE {url.username}")
    await postgres.execute(url, statement)
    with pytest.raises(StoreError, match=r"set to lose what it confirmed \(synchronous_commit=off\)"):
        await open_store(postgres_url)
    store = await open_store(postgres_url, unsafe_server=True)
    await store.close()


GOOD = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "server_version_num": "150018",
    "server_encoding": "UTF8",
    "transaction_read_only": "off",
}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"fsync": "off"}, r"\(fsync=off\)"),
        ({"full_page_writes": "off", "fsync": "off"}, r"\(fsync=off, full_page_writes=off\)"),
        ({"server_version_num": "140013"}, "PostgreSQL 14, needed is 15"),
        ({"server_encoding": "SQL_ASCII"}, "encoding SQL_ASCII, needed is UTF8"),
        ({"transaction_read_only": "on"}, "name the primary"),
    ],
)
def test_a_server_that_cannot_serve_is_named(bad: dict[str, str], words: str) -> None:
    server_rules.judge(GOOD, unsafe=False)
    with pytest.raises(StoreError, match=words):
        server_rules.judge({**GOOD, **bad}, unsafe=False)


@pytest.mark.parametrize("level", ["on", "local", "remote_write", "remote_apply"])
def test_every_level_of_commit_that_is_on_disk_is_good_enough(level: str) -> None:
    server_rules.judge({**GOOD, "synchronous_commit": level}, unsafe=False)


@pytest.mark.parametrize(
    "change",
    [{"password": "hunter2wrong"}, {"database": "no_such"}, {"port": 1}, {"host": "no-such-host.invalid"}],
)
async def test_no_password_is_told_when_the_server_cannot_be_used(
    change: dict[str, Any], postgres_url: str
) -> None:
    url = make_url(postgres_url).set(**change)
    with pytest.raises(StoreError, match="cannot work on the database server") as caught:
        await open_store(postgres.plain(url))
    assert str(url.password) not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(StoreError) as caught:
        await open_store("postgresql://me:hunter2@host:port/x")
    assert "hunter2" not in str(caught.value)


async def test_writers_of_two_processes_take_turns(postgres_url: str) -> None:
    one, two = await open_store(postgres_url), await open_store(postgres_url)
    order: list[str] = []

    async def other() -> None:
        async with two.begin() as conn:
            order.append(f"second sees {len(await audit.newest(conn))}")

    async with one.begin() as conn:
        waiting = asyncio.create_task(other())
        await _until_somebody_waits(postgres_url)
        await audit.add(conn, [LINE])
        order.append("first is done")
    await waiting
    assert order == ["first is done", "second sees 1"]
    await one.close()
    await two.close()


async def _until_somebody_waits(url: str) -> None:
    """Ask the server until a lock is waited for."""
    engine = create_async_engine(url)
    async with asyncio.timeout(BOUND), engine.connect() as conn:
        while not (await conn.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one():
            await conn.rollback()
    await engine.dispose()


async def test_a_store_works_on_after_the_server_cut_its_connections(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    async with store.begin() as conn:
        await audit.add(conn, [LINE])
    await postgres.execute(
        make_url(postgres_url),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    async with store.begin() as conn:
        await audit.add(conn, [LINE])
        assert len(await audit.newest(conn)) == 2
    await store.close()


async def test_a_transaction_has_fifteen_seconds_unless_it_is_long(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    if int(store.server.removeprefix("PostgreSQL ").split(".")[0]) < 17:
        await store.close()
        pytest.skip("this server has no such limit")
    limit = text("SHOW transaction_timeout")
    for given, found in (({}, "15s"), ({"alone": False}, "15s"), ({"long": True}, "0")):
        async with store.begin(**given) as conn:
            assert (await conn.execute(limit)).scalar_one() == found, given
    async with store.apart() as conn:
        assert (await conn.execute(limit)).scalar_one() == "0"
    await store.close()


@pytest.mark.parametrize("alone", [True, False])
async def test_who_loses_the_connection_within_a_transaction_is_told_why(
    alone: bool, postgres_url: str
) -> None:
    store = await open_store(postgres_url)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    )

    async def lose_it() -> None:
        async with store.begin(alone=alone) as conn:
            await audit.add(conn, [LINE])
            # Audit lines wait for the commit; to the server the transaction begins with a statement.
            await conn.execute(text("SELECT 1"))
            await postgres.execute(make_url(postgres_url), end)

    with pytest.raises(DBAPIError):
        await lose_it()
    async with store.begin() as conn:
        assert await audit.newest(conn) == []
    await store.close()


async def test_all_who_shared_a_commit_are_told_that_its_connection_was_lost(postgres_url: str) -> None:
    store = await open_store(postgres_url)

    async def cut(conn: AsyncConnection) -> None:
        own = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await postgres.execute(make_url(postgres_url), f"SELECT pg_terminate_backend({own}, 60000)")
        await conn.execute(text("SELECT 1"))

    async def other(conn: AsyncConnection) -> None:
        await audit.add(conn, [LINE])

    found = await asyncio.gather(store.together(cut), store.together(other), return_exceptions=True)
    assert [isinstance(each, Exception) and is_away(each) for each in found] == [True, True], found
    await store.together(other)
    await store.close()


async def test_who_was_stopped_in_the_middle_of_a_statement_is_ended_by_another(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_rules, "SLEEPS_AFTER", 0.0)
    one, two = await open_store(postgres_url), await open_store(postgres_url)

    async def sleep() -> None:
        async with one.begin() as conn:
            raw = await conn.get_raw_connection()
            # The beginning of a statement, whose rest never comes.
            raw.driver_connection._transport.write(b"P\x00\x00\x00\x10\x00SELECT 1\x00\x00\x00")
            await seen(postgres_url, "state = 'active' AND wait_event = 'ClientRead'")
            async with two.apart() as other:
                assert await server_rules.end_sleepers(other) == 1

    with pytest.raises(DBAPIError):
        await sleep()
    async with asyncio.timeout(BOUND), two.begin() as conn:
        assert await audit.newest(conn) == []
    await one.close()
    await two.close()


async def test_who_reads_slowly_is_not_taken_for_stopped(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_rules, "SLEEPS_AFTER", 0.0)
    one, two = await open_store(postgres_url), await open_store(postgres_url)
    async with one.read() as conn, two.apart() as other:
        driver = (await conn.get_raw_connection()).driver_connection
        asked = await driver.prepare("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
        driver._transport.pause_reading()
        reading = asyncio.create_task(asked.fetch())
        await seen(postgres_url, "wait_event = 'ClientWrite'")
        assert await server_rules.end_sleepers(other) == 0
        driver._transport.resume_reading()
        async with asyncio.timeout(BOUND):
            assert len(await reading) == 20000
    await one.close()
    await two.close()


async def test_whoever_opens_the_store_looks_for_sleepers_where_the_server_does_not(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    looks, looked = [1, 0, 2], asyncio.Event()

    async def end(connection: object) -> int:
        if not looks:
            looked.set()
            await asyncio.Event().wait()
        return looks.pop(0)

    one = await open_store(postgres_url)
    await one.watch.end()
    monkeypatch.setattr(sleepers, "_EVERY", 0.0)
    monkeypatch.setattr(server_rules, "end_sleepers", end)
    async with one.begin():
        monkeypatch.setattr(server_rules, "_LIMITING", (999,))
        # It waits for its turn, and looks meanwhile.
        opening = asyncio.create_task(open_store(postgres_url))
        async with asyncio.timeout(BOUND):
            await looked.wait()
        assert not opening.done()
    two = await opening
    two.watch.tell(told.append)
    assert told == [3]
    await one.close()
    await two.close()


async def seen(url: str, what: str) -> None:
    """Wait until the server has a session of ours of which this is true."""
    query = text(
        f"SELECT count(*) FROM pg_stat_activity WHERE {what} "
        "AND application_name = 'csenet-gateway' AND datname = current_database()"
    )
    engine = create_async_engine(url)
    async with asyncio.timeout(BOUND), engine.connect() as conn:
        while not (await conn.execute(query)).scalar_one():
            await conn.rollback()
    await engine.dispose()


async def test_characters_that_the_server_cannot_keep_harm_no_file(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    desk = Desk(store, agency_of("27"), ManualClock(AT, "America/Chicago"), QUIET)
    good = arriving("MSC R GRINT", 1)
    for at in range(0, 121, 3):
        raw = lines(good[:at] + b"\x00" + good[at + 1 :], arriving("MSC R GRINT", 1000 + at))
        receipt = await desk.accept(raw, source="test", name=f"a\x00\udcff{'x' * 300}")
        assert receipt.name.startswith("a??x")
        await desk.settle(receipt.file_id)
    report = await desk.ledger_check()
    assert report.balanced
    assert report.files_waiting == 0
    await store.close()
