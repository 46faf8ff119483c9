"""Set the scene for faults: a gateway whose way out, time server and files a test commands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from csenet.gateway.app import GatewayApp
from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import DELIVERED, Outcome
from csenet.gateway.store import outbox

from ..conftest import NOON, facts
from ..patience import BOUND
from .conftest import Series, scrape

OUTCOMES = ("delivered", "failed", "dead")
MORE = """\
oldest_outbox = "30h"
backup_folder = "backup"
time_server = "time.example"
[observe.expected]
times = ["05:00-07:00"]
time_zone = "America/Chicago"
[envelope]
certificate = "cms.pem"
key = "cms.key"
[partners]
file = "partners.toml"
poll_seconds = 1.0
[intake.folder]
path = "in"
"""


@dataclass
class Transport:
    """Take batches, or do what it was told to do instead."""

    outcomes: list[Outcome] = field(default_factory=list)
    tried: int = 0

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def deliver(self, _parcel: Any, _mark: Any) -> Outcome:
        self.tried += 1
        return self.outcomes.pop(0) if self.outcomes else DELIVERED


@dataclass
class Scene:
    """Hold what a fault can reach."""

    app: GatewayApp
    clock: ManualClock
    folder: Path
    transport: Transport
    patch: pytest.MonkeyPatch
    offset: list[float]

    @property
    def desk(self) -> Any:
        return self.app.desk

    async def submit(self) -> None:
        """Have something to send."""
        await self.desk.put_case("MN1", facts())
        await self.desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})

    async def until(self, look: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what happens in the background."""
        async with asyncio.timeout(BOUND):
            while not await look():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)

    async def reaches(self, status: str, count: int = 1) -> None:
        """Wait until so many transactions have a status."""

        async def look() -> bool:
            async with self.desk.store.read() as conn:
                return (await outbox.statuses(conn)).get(status, 0) == count

        await self.until(look)

    async def was_tried(self) -> bool:
        """Say whether a try was made and written down."""
        found = await scrape(self.app)
        return sum(found[f'csenet_delivery_attempts_total{{outcome="{each}"}}'] for each in OUTCOMES) > 0

    async def breaks(self) -> bool:
        """Let time pass until the breaker is open."""
        self.clock.advance(1)
        return bool((await scrape(self.app))["csenet_delivery_breaker_open"])

    async def comes(self, name: str) -> bool:
        """Let time pass until who looks every second has looked, and a metric is above 0."""
        self.clock.advance(2)
        return await self.counts(name)

    async def counts(self, name: str) -> bool:
        """Say whether a metric is above 0."""
        return (await scrape(self.app)).get(name, 0) > 0

    async def refuse(self, table: str) -> None:
        """Let the store refuse new rows of a table."""
        text = f"CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        async with self.desk.store.begin() as conn:
            await conn.exec_driver_sql(text)

    async def at_rest(self) -> Series:
        """Scrape once the timed jobs of the start are done."""
        await self.until(lambda: self.has("csenet_ledger_differences"))
        found = await scrape(self.app)
        # What the start itself took is not what this is about.
        return {**found, "csenet_loop_lag_seconds": 0.0}

    async def has(self, name: str) -> bool:
        """Say whether a metric is there."""
        return name in await scrape(self.app)

    async def advance(self, length: timedelta) -> None:
        """Let time pass, and what is due then be done."""
        self.clock.advance(length.total_seconds())

        async def checked() -> bool:
            return (await scrape(self.app))["csenet_ledger_age_seconds"] < 60

        await self.until(checked)


def prepare(folder: Path) -> None:
    """Lay out what the settings name: a fresh backup, a certificate, a table of partners."""
    for name in ("backup", "in"):
        (folder / name).mkdir()
    backup(folder, NOON)
    certify(folder, NOON + timedelta(days=400))
    (folder / "partners.toml").write_text("version = 1\nissued = 2026-11-20\n")


def backup(folder: Path, moment: datetime) -> None:
    file = folder / "backup" / "gateway.db"
    file.write_text("x")
    os.utime(file, (moment.timestamp(),) * 2)


def certify(folder: Path, end: datetime) -> None:
    """Write a certificate and its key for our envelopes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "minnesota.example")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=1))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    (folder / "cms.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    (folder / "cms.key").write_bytes(text)
