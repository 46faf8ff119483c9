"""Shared ground: a clock that stands still, a store in a folder of its own, and Minnesota's desk at it.

All persons and cases here are invented.
"""

import asyncio
import logging
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Table, make_url, select

from csenet.gateway import log
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, TransactionFilter, agency_of
from csenet.gateway.store import postgres as server_rules
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.wrapping import HeldKeys

from . import postgres
from .patience import BOUND

NOON = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
"""Noon of Friday, 20 November 2026, in Minnesota."""


KEYS = {"0" * 16: bytes(32)}
"""The wrapping key of every test's store; a store opened without it is refused."""

QUIET = structlog.wrap_logger(
    structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)
"""A log that says nothing."""


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Undo what a command in this process set for its log: the next test would not see its own lines."""
    yield
    log.reset()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON, "America/Chicago")


BOTH_STORES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@pytest.fixture(scope="session")
def databases() -> Iterator[postgres.Databases]:
    """Give databases on a real server; without one the tests are skipped, or fail where they are demanded."""
    try:
        with postgres.server() as url, pytest.MonkeyPatch.context() as patient:
            # A test that was given no processor for a while is no sleeper.
            patient.setitem(server_rules._SESSION, "idle_in_transaction_session_timeout", f"{BOUND:.0f}s")
            made = postgres.Databases(url)
            yield made
            if os.environ.get(postgres.DSN_VARIABLE):
                asyncio.run(made.drop_template())
    except postgres.NoPostgres as error:
        if os.environ.get(postgres.REQUIRED_VARIABLE):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture
async def postgres_url(databases: postgres.Databases) -> AsyncIterator[str]:
    """Give the address of a database of this test's own, its schema made and nothing in it."""
    url = await databases.make()
    yield postgres.plain(url)
    await databases.drop(url)


@pytest.fixture(params=BOTH_STORES)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Say where this test's store is: once a file, once a database on a server."""
    if request.param == "sqlite":
        return tmp_path / "gateway.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def sealed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty store with the keys of NOON's month once, for others to begin as its copy."""
    path = tmp_path_factory.mktemp("store") / "gateway.db"

    async def make() -> None:
        await (await open_store(path, keyring=Keyring(HeldKeys(KEYS), lambda: NOON))).close()

    asyncio.run(make())
    return path


@pytest.fixture
async def store(
    request: pytest.FixtureRequest, location: str | Path, sealed_file: Path
) -> AsyncIterator[Store]:
    if isinstance(location, Path) and "by_the_steps" not in request.fixturenames:
        shutil.copy(sealed_file, location)
    opened = await open_store(location, keyring=Keyring(HeldKeys(KEYS), lambda: NOON))
    yield opened
    await opened.close()


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, agency_of("27"), clock, QUIET)


async def contents(store: Store, table: Table) -> list[dict[str, Any]]:
    """Read all rows of a table with what is sealed in them."""
    async with store.read() as conn:
        found = await conn.execute(select(table).order_by(*table.primary_key))
        sealed = "content" in table.info
        return (
            await opened(conn, table, found.mappings()) if sealed else [{**row} for row in found.mappings()]
        )


async def tamper(location: str | Path, statement: str) -> None:
    """Change a store from outside, past the constraints by which it would not let most of it happen."""
    if isinstance(location, Path):
        connection = sqlite3.connect(location, isolation_level=None)
        connection.execute(statement)
        connection.close()
    else:
        await postgres.execute(make_url(location), "SET session_replication_role = replica", statement)


def arriving(
    far: str,
    serial: int,
    case_id: str = "MN1",
    other_case_id: str = "KS1",
    *,
    sender: str = "20",
    day: str = "20261120",
    resolved: str = "",
    blocks: str = "0000000",
    body: str = "",
    stamp: str = "20261120120000",
) -> bytes:
    """Write a transaction as the exchange hands it to Minnesota, position by position after chart C-4."""
    function, action, reason = far.split(" ")
    header = (
        f"27000  {sender}000  003{serial:012d}"  # 1-29: FIPS codes, version, serial number
        f"    {action}{function}{day}"  # 30-45: two reserved fields, action, function, date
        f"{case_id:15}{other_case_id:15}{reason.replace('BLANK', ''):5}"  # 46-80
        f"{resolved:8}N{blocks}"  # 81-96: resolution date, attachments, block counts
        f"{stamp}{'':11}"  # 97-121: stamped by the exchange
    )
    assert len(header) == 121
    return (header + body).encode("ascii")


def case_block(case_type: str = "N", case_status: str = "C") -> str:
    """Write a Case block after chart C-5 with the two fields that closure notices must have."""
    return f"{case_type}{case_status}".ljust(351)


def information_block(line: str) -> str:
    """Write an Information block after chart C-11 whose first text line, from position 17 on, is ``line``."""
    return f"{'':16}{line}".ljust(416)


def lines(*transactions: bytes) -> bytes:
    """Put transactions into a file, one a line."""
    return b"".join(each + b"\n" for each in transactions)


async def take(desk: Desk, *transactions: bytes, name: str = "in") -> None:
    """Take a file of transactions in and decide what stands in it."""
    receipt = await desk.accept(lines(*transactions), source="test", name=name)
    await desk.settle(receipt.file_id)


async def sent_on(desk: Desk) -> list[tuple[str | None, str | None]]:
    """List what is to leave, oldest first: its code, and the case of ours that it is on."""
    page = await desk.list_transactions(TransactionFilter(direction="outbound"))
    return [(each.far, each.case_id) for each in page.items]


def facts(role: str = "initiating", **more: Any) -> dict[str, Any]:
    """Write the facts of a case that Minnesota shares with Kansas."""
    return {
        "role": role,
        "other_fips": "2000000",
        "other_case_id": "KS1",
        "case": {
            "case_type": "N",
            "case_status": "O",
            "contact_name_last": "NORDQUIST",
            "contact_name_first": "TEDDY",
        },
        "ncp_identification": {"name_last": "EXAMPLESON", "name_first": "ROWAN"},
    } | more


LEDGER = {"obligations": [{"due": "2021-07-31", "amount": "1000.00"}], "payments": []}
"""365 days at 4 % from 2021-08-01 to 2022-07-31 are 40.00 of interest; after that the rate is 0 %."""
