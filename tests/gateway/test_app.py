"""The service starts once per data folder, stops when asked and never dies unnoticed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from csenet.gateway.app import GatewayApp, ListenError
from csenet.gateway.errors import AlreadyRunning, TaskCrashed
from csenet.gateway.lock import DataLock
from csenet.gateway.people import tokens
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.wiring import open_desk

from .patience import BOUND

SETTINGS = """\
[gateway]
jurisdiction = "27"
data_dir = "data"
[intake.folder]
path = "in"
poll_seconds = 0.05
[delivery.folder]
path = "out"
[http]
port = 0
"""


def settings_file(folder: Path, more: str = "") -> Path:
    """Write the settings of a small gateway."""
    file = folder / "gateway.toml"
    file.write_text(SETTINGS + more, "utf-8")
    return file


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[GatewayApp]:
    """Run a gateway in this process."""
    app = GatewayApp(load_settings(settings_file(folder), {}))
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the daemon in a process of its own; give it with its line that says it has started."""
    command = [sys.executable, "-m", "csenet.gateway", "serve", "--config", str(settings_file(folder))]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean_environment())
    try:
        yield process, started(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def clean_environment() -> dict[str, str]:
    """Leave out settings of the machine that the tests run on."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CSENET_")}


def started(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read the log until the gateway has started."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if '"gateway.started"' in line:
            found: dict[str, Any] = json.loads(line)
            return found
    raise AssertionError("".join(seen))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_0(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as (process, line):
        assert line["jurisdiction"] == "27"
        process.send_signal(number)
        _, rest = process.communicate(timeout=BOUND)
        events = [json.loads(each)["event"] for each in rest.splitlines()]
        assert process.returncode == 0
        assert "gateway.stopping" in events  # a timed job may have ended between the start and the signal
        assert events[-1] == "gateway.stopped"


def test_what_a_command_queues_beside_the_running_gateway_leaves(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _):
        asyncio.run(put_case(tmp_path))
        wish = '{"case_id": "2701", "far": "MSC P GSC15"}'
        command = [sys.executable, "-m", "csenet.gateway", "submit", "-", "--config"]
        subprocess.run(
            [*command, str(tmp_path / "gateway.toml")],
            input=wish,
            text=True,
            capture_output=True,
            check=True,
            env=clean_environment(),
        )
        assert process.stderr is not None
        delivered = next(line for line in process.stderr if '"transaction.delivered"' in line)
        assert json.loads(delivered)["far"] == "MSC P GSC15"
        assert len(list((tmp_path / "out").glob("*.txt"))) == 1


async def put_case(folder: Path) -> None:
    """Give the store of a running gateway one case."""
    facts = {
        "role": "initiating",
        "other_fips": "2000000",
        "other_case_id": "20-77",
        "case": {"case_type": "A", "case_status": "O"},
    }
    async with open_desk(load_settings(folder / "gateway.toml", {})) as desk:
        await desk.put_case("2701", facts)


def test_a_second_gateway_on_the_same_data_folder_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _):
        command = [
            sys.executable,
            "-m",
            "csenet.gateway",
            "serve",
            "--config",
            str(tmp_path / "gateway.toml"),
        ]
        second = subprocess.run(
            command, capture_output=True, text=True, timeout=BOUND, env=clean_environment(), check=False
        )
        assert second.returncode == 2
        assert f"another gateway (process {process.pid}) works on {tmp_path / 'data'}" in second.stderr
        assert process.poll() is None


def test_a_killed_gateway_leaves_the_folder_to_the_next(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _):
        process.kill()
        process.wait(BOUND)
    with serving(tmp_path) as (process, _):
        process.terminate()
        process.communicate(timeout=BOUND)
        assert process.returncode == 0


def test_settings_mistakes_stop_the_start_with_exit_2(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "[htp]\n")
    command = [sys.executable, "-m", "csenet.gateway", "serve", "--config", str(file)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=BOUND, env=clean_environment(), check=False
    )
    assert done.returncode == 2
    assert f"{file}:11: htp: unknown key; did you mean 'http'?" in done.stderr


def test_a_signal_during_a_long_start_ends_it(tmp_path: Path) -> None:
    code = (
        "import sys, asyncio, os, signal\n"
        "from csenet.gateway.desk import Desk\n"
        "async def long(self):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await asyncio.Event().wait()\n"
        "Desk.settle_pending = long\n"
        "from csenet.gateway.cli import main\n"
        f"sys.argv = ['csenet', 'serve', '--config', {str(settings_file(tmp_path))!r}]\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=BOUND,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 0
    assert '"gateway.started"' not in done.stderr
    assert '"gateway.stopped"' in done.stderr


async def test_a_crashed_task_is_noticed(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        assert app.desk is not None

        async def crash() -> None:
            raise RuntimeError("disk on fire")

        app.desk.settle_pending = crash  # type: ignore[method-assign, assignment]
        app.desk.arrived.set()
        with pytest.raises(TaskCrashed, match="settle"):
            async with asyncio.timeout(BOUND):
                await app.wait()


def test_a_crash_ends_the_service_with_exit_1_and_a_log_line(tmp_path: Path) -> None:
    code = (
        "import sys, asyncio\n"
        "from csenet.gateway import app\n"
        "async def crash(self, desk): raise RuntimeError('SECRETNAME')\n"
        "app.GatewayApp._settle = crash\n"
        "from csenet.gateway.cli import main\n"
        f"sys.argv = ['csenet', 'serve', '--config', {str(settings_file(tmp_path))!r}]\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=BOUND * 2,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 1
    assert '"task.crashed"' in done.stderr
    assert '"gateway.stopped"' in done.stderr
    assert "SECRETNAME" not in done.stderr


async def test_an_address_in_use_stops_the_start_and_frees_everything(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    async with running(first) as app:
        settings = load_settings(settings_file(second), {"CSENET_HTTP__PORT": str(app.port)})
        with pytest.raises(ListenError, match=f"http: cannot listen on 127.0.0.1 port {app.port}"):
            await GatewayApp(settings).start()
        lock = DataLock(second / "data")
        lock.take()
        lock.release()


async def test_it_stops_twice_without_harm_and_starts_again(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        await app.stop()
    async with running(tmp_path):
        pass


async def test_the_api_answers_to_a_token_and_to_nobody_else(tmp_path: Path) -> None:
    async with running(tmp_path) as app, aiohttp.ClientSession() as session:
        assert app.store is not None
        assert app.clock is not None
        async with app.store.begin() as conn:
            secret = await tokens.create(conn, "t", "caseworker", app.clock.now())
        url = f"http://127.0.0.1:{app.port}/v1/work-items"
        async with session.get(url) as refused:
            assert refused.status == 401
        async with session.get(url, headers={"Authorization": f"Bearer {secret}"}) as answer:
            assert answer.status == 200


async def test_what_was_accepted_before_a_kill_is_decided_at_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        assert app.desk is not None
        app._no_more_settling.set()
        app.desk.at_once = False
        app.desk.arrived.set()
        await app._finish("settle", BOUND)
        receipt = await app.desk.accept(b"NOT A TRANSACTION\n", source="test", name="x")
        assert (await app.desk.ledger_check()).files_waiting == 1
    async with running(tmp_path) as app:
        assert app.desk is not None
        report = await app.desk.ledger_check()
        assert (receipt.duplicate, report.files_waiting, report.inbound["malformed"]) == (False, 0, 1)


def test_a_lock_is_refused_to_a_second_owner_and_free_afterwards(tmp_path: Path) -> None:
    first, second = DataLock(tmp_path / "data"), DataLock(tmp_path / "data")
    first.take()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        second.take()
    first.release()
    second.take()
    second.release()
