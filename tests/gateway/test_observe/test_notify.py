"""The service manager hears when the gateway is up, alive and stopping."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from csenet.gateway.observe.notify import ServiceManager

from ..patience import BOUND
from ..test_app import clean_environment, settings_file


@pytest.fixture
def ear(tmp_path: Path) -> socket.socket:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "notify"))
    heard.settimeout(BOUND)
    return heard


def test_the_service_says_that_it_is_ready_alive_and_stopping(ear: socket.socket, tmp_path: Path) -> None:
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
    command = [sys.executable, "-m", "csenet.gateway", "serve", "--config", str(settings_file(tmp_path))]
    environment = {**clean_environment(), **told}
    with ear, subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
        assert ear.recv(500).startswith(b"READY=1\nSTATUS=listens on port ")
        assert [ear.recv(500) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        process.send_signal(signal.SIGTERM)
        while (heard := ear.recv(500)) == b"WATCHDOG=1":
            pass
        assert heard == b"STOPPING=1"
        process.communicate(timeout=BOUND)
    assert process.returncode == 0


async def test_a_gateway_that_is_not_alive_does_not_pet_the_watchdog(
    ear: socket.socket, tmp_path: Path
) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"})
    stop = asyncio.Event()
    telling = asyncio.create_task(manager.keep_telling(lambda: ["the part courier does not run"], stop))
    with ear:
        heard = await asyncio.to_thread(ear.recv, 500)
    stop.set()
    await telling
    assert heard == b"STATUS=not alive: the part courier does not run"


def test_a_name_outside_of_the_file_system_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0csenet-test-{os.getpid()}")
        ServiceManager({"NOTIFY_SOCKET": f"@csenet-test-{os.getpid()}"}).tell("READY=1")
        assert ear.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/nowhere/socket"},
        {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
def test_where_nobody_listens_nothing_is_done(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment)
    manager.tell("READY=1")
    assert not manager.watches
