"""A filled store of an earlier release is brought up to date, and its record of who did what stays whole."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk.indexing import index
from csenet.gateway.store import accounts, audit, resealing
from csenet.gateway.store.engine import open_store
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.migrate import upgrade
from csenet.gateway.store.sealing import is_sealed
from csenet.gateway.store.tables_audit import audit as table
from csenet.gateway.store.wrapping import HeldKeys

from .conftest import KEYS, NOON, tamper

RECORDS = 1_201
SECRET = "JBSWY3DPEHPK3PXP"


def earlier(conn: Connection) -> None:
    """Make a store as release 0013 made it: records without a chain, a telephone's secret in the clear."""
    upgrade(conn, "0013")
    statement = text(
        "INSERT INTO audit (at, actor, action, object, detail) VALUES (:at, 'ada', 'b', 'c', :detail)"
    )
    sqlite = conn.dialect.name == "sqlite"
    for number in range(RECORDS):
        at: datetime | str = NOON + timedelta(seconds=number, microseconds=number)
        if sqlite:
            at = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        detail = None if number % 3 == 0 else f'{{"objects":["case MN{number}"],"outcome":"shown"}}'
        conn.execute(statement, {"at": at, "detail": detail})
    conn.execute(
        text(
            "INSERT INTO account (name, roles, offices, code_secret, code_since, failures, created_at) "
            "VALUES ('ada', 'viewer', '[]', :secret, :at, 0, :at)"
        ),
        {"secret": SECRET, "at": "2026-11-20 18:00:00.000000" if sqlite else NOON},
    )


async def make_earlier(location: str | Path) -> None:
    if isinstance(location, Path):
        engine = create_engine(f"sqlite:///{location}")
        with engine.begin() as conn:
            earlier(conn)
        engine.dispose()
        return
    await tamper(location, "DROP SCHEMA public CASCADE")
    await tamper(location, "CREATE SCHEMA public")
    server = create_async_engine(make_url(location).set(drivername="postgresql+asyncpg"))
    async with server.begin() as connection:
        await connection.run_sync(earlier)
    await server.dispose()


async def test_a_filled_store_is_brought_up_to_date_and_its_chain_is_whole(
    location: str | Path, clock: ManualClock
) -> None:
    await make_earlier(location)
    store = await open_store(location, keyring=Keyring(HeldKeys(KEYS), lambda: NOON))
    async with store.read() as conn:
        assert await audit.verify(conn) == (RECORDS, None)
    while await resealing.step(store, clock.now(), 500, index):
        pass
    async with store.begin() as conn:
        await audit.add(conn, [{"at": NOON, "actor": "a", "action": "b", "object": "c", "detail": [1]}])
    async with store.read() as conn:
        kept = (await conn.execute(select(table.c.detail).where(table.c.detail.is_not(None)))).scalars().all()
        assert all(is_sealed(each.data) for each in kept)
        assert len(kept) == RECORDS * 2 // 3 + 1
        assert await audit.verify(conn) == (RECORDS + 1, None)
        account = await accounts.by_name(conn, "ada")
    assert account is not None
    assert account["code_secret"] == SECRET
    await store.close()
    again = await open_store(location, migrate=False, keyring=Keyring(HeldKeys(KEYS), lambda: NOON))
    assert again.keyring.ring.strict
    await again.close()


async def test_what_a_record_says_cannot_be_moved_to_another(
    location: str | Path, clock: ManualClock
) -> None:
    store = await open_store(location, keyring=Keyring(HeldKeys(KEYS), lambda: NOON))
    async with store.begin() as conn:
        line = {"at": NOON, "actor": "a", "action": "b", "object": "c"}
        await audit.add(conn, [{**line, "detail": {"purpose": f"for {number}"}} for number in range(4)])
    await tamper(location, "UPDATE audit SET detail = (SELECT detail FROM audit WHERE id = 2) WHERE id = 3")
    async with store.read() as conn:
        _, fault = await audit.verify(conn)
    await store.close()
    assert fault is not None
    assert fault.record == 3
