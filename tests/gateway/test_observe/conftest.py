"""Shared ground: a gateway that runs in this process on a clock moved by hand, and its metrics read back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from csenet.gateway.app import GatewayApp
from csenet.gateway.clock import ManualClock
from csenet.gateway.settings.loading import load_settings

from ..conftest import QUIET

SETTINGS = """\
[gateway]
jurisdiction = "27"
data_dir = "data"
[delivery.folder]
path = "out"
[delivery]
breaker_after = 2
[http]
port = 0
[limits]
disk_reserve_mb = 1
[observe]
"""

Series = dict[str, float]
Running = Callable[..., AbstractAsyncContextManager[GatewayApp]]


def scraped(text: str) -> Series:
    """Read an exposition into numbers by series, the labels in order of their names."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def scrape(app: GatewayApp) -> Series:
    """Take a sample, and read the metrics over HTTP as Prometheus does."""
    sampler = app.observed.sampler
    assert sampler is not None
    await sampler.sample()
    url = f"http://127.0.0.1:{app.port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        assert re.match(r"text/plain", answer.headers["Content-Type"])
        return scraped(await answer.text())


@pytest.fixture
def running(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Give what runs a gateway with more settings than the least, and writes no log."""
    monkeypatch.setattr("csenet.gateway.app.log", QUIET)

    @asynccontextmanager
    async def run(more: str = "") -> AsyncIterator[GatewayApp]:
        file = tmp_path / "gateway.toml"
        file.write_text(SETTINGS + more, "utf-8")
        app = GatewayApp(load_settings(file, {}), clock)
        await app.start()
        try:
            yield app
        finally:
            await app.stop()

    return run
