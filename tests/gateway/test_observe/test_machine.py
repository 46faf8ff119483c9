"""The clock is compared with a time server, and what is measured of the machine is true."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csenet.gateway.observe import machine

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
EPOCH = datetime(1900, 1, 1, tzinfo=UTC)


class TimeServer(asyncio.DatagramProtocol):
    """Answer each question with a fixed time."""

    def __init__(self, moment: datetime, stratum: int) -> None:
        since = (moment - EPOCH).total_seconds()
        stamp = struct.pack("!II", int(since) % 2**32, int(since % 1 * 2**32))
        self.answer = bytes([0x24, stratum]) + 30 * b"\0" + 2 * stamp

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, _data: bytes, sender: object) -> None:
        self.transport.sendto(self.answer, sender)  # type: ignore[attr-defined]


@asynccontextmanager
async def time_server(moment: datetime, stratum: int = 2) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: TimeServer(moment, stratum), local_addr=("127.0.0.1", 0)
    )
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@pytest.mark.parametrize("offset", [0.0, 3.5, -86_400.25])
@pytest.mark.parametrize("now", [NOW, datetime(2036, 3, 1, tzinfo=UTC)])
async def test_the_offset_is_how_far_our_clock_is_ahead(offset: float, now: datetime) -> None:
    async with time_server(now - timedelta(seconds=offset)) as server:
        assert await machine.clock_offset(server, lambda: now) == pytest.approx(offset, abs=0.001)


async def test_a_time_server_that_does_not_know_the_time_is_not_believed() -> None:
    async with time_server(NOW, stratum=0) as server:
        with pytest.raises(ValueError, match="does not know the time"):
            await machine.clock_offset(server, lambda: NOW)


async def test_a_loop_that_was_kept_busy_shows_for_how_long() -> None:
    lag = machine.LoopLag()
    lag.start()
    time.sleep(machine._LAG_EVERY + 0.05)  # noqa: ASYNC251 - this is the mistake that is measured
    await asyncio.sleep(0.01)
    lag.stop()
    assert lag.take() >= 0.04
    assert lag.take() == 0


def test_the_newest_file_of_a_folder_counts(tmp_path: Path) -> None:
    assert machine.newest_change(tmp_path / "none") is None
    assert machine.newest_change(tmp_path) is None
    for name, moment in (("old", NOW - timedelta(days=3)), ("new", NOW)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (moment.timestamp(),) * 2)
    assert machine.newest_change(tmp_path) == NOW


def test_the_disk_of_a_folder_still_to_be_made_is_its_parent_s(tmp_path: Path) -> None:
    assert machine.free_bytes(tmp_path / "a" / "b") > 0
