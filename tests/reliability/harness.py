"""What every proof needs: a real gateway as a process, something to feed, and the sums at the end.

A proof is a program.  It prints what it found wrong and one line of figures, and ends with status 0 only if
nothing was wrong.  Sizes are options, full by default; the tests of this folder run it with small ones.
"""

import argparse
import asyncio
import http.client
import json
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from csenet.gateway.people import tokens
from csenet.gateway.ports import free_port
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store import postgres as server_rules
from csenet.gateway.wiring import desk_of

sys.path.append(str(Path(__file__).parent.parent / "gateway"))

from patience import BOUND

CSENET = Path(sys.executable).with_name("csenet")
DRAIN_SECONDS = 600.0
BATCHES = "/v1/exchange/batches"
ON_THE_WAY = """
SELECT (SELECT count(*) FROM inbound_file WHERE state <> 'settled')
     + (SELECT count(*) FROM outbound WHERE status <> 'delivered')
"""
QUIET = structlog.wrap_logger(
    structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)


class Skip(Exception):  # noqa: N818 - an outcome that is told
    """Say why this machine cannot run the proof; an error where CSENET_REQUIRE_``what`` is set."""

    def __init__(self, what: str, why: str) -> None:
        """Take what is missing, and why."""
        super().__init__(why)
        self.required = f"CSENET_REQUIRE_{what}"


class Gateway:
    """One jurisdiction's gateway in a folder of its own, started and killed as a process."""

    def __init__(
        self,
        folder: Path,
        *,
        out: Path | str | None = None,
        url: str = "",
        program: Sequence[str | Path] = (CSENET,),
        **sections: dict[str, Any],
    ) -> None:
        """Write the settings: delivery into a folder or to an address, a store of its own or a shared one.

        ``sections`` are laid over the settings, with ``__`` for the dot in a section's name.
        """
        self.folder = folder
        folder.mkdir(exist_ok=True, parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "gateway.toml"
        self.store_url = url
        self.program = program
        self.environment = {**os.environ, **({"CSENET_STORE__URL": url} if url else {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.tokens: dict[str, str] = {}
        out = folder / "out" if out is None else out
        way = (
            {"delivery.folder": {"path": str(out)}}
            if isinstance(out, Path)
            else {"delivery.http": {"url": out}}
        )
        if isinstance(out, Path):
            out.mkdir(exist_ok=True)
        tree: dict[str, dict[str, Any]] = {
            "gateway": {"jurisdiction": "27", "data_dir": str(folder / "data")},
            "http": {"port": self.port},
            "log": {"level": "warning", "format": "json"},
            **way,
        }
        for name, values in sections.items():
            section = tree.setdefault(name.replace("__", "."), {})
            section.update(values)
        self.config.write_text(_toml(tree))

    def prepare(self, cases: Iterable[tuple[str, dict[str, Any]]] = ()) -> None:
        """Make the store, the tokens, and the cases, before the first start."""
        # Whoever prepares and is given no processor for a while is no sleeper.
        with mock.patch.dict(server_rules._SESSION, idle_in_transaction_session_timeout=f"{BOUND:.0f}s"):
            asyncio.run(self._prepare(list(cases)))

    async def _prepare(self, cases: list[tuple[str, dict[str, Any]]]) -> None:
        settings = load_settings(self.config, self.environment)
        store, desk, _ = await desk_of(settings, clock=None, log=QUIET)
        try:
            async with store.begin() as conn:
                for role in ("exchange", "caseworker"):
                    self.tokens[role] = await tokens.create(conn, role, role, datetime.now(UTC))
            for at in range(0, len(cases), 100):
                await asyncio.gather(*(desk.put_case(*each) for each in cases[at : at + 100]))
        finally:
            await store.close()

    def csenet(self, *words: str, check: bool = True) -> str:
        """Run a command on this gateway's store and return what it prints."""
        command = [str(CSENET), *words, "--config", str(self.config)]
        done = subprocess.run(command, check=check, capture_output=True, text=True, env=self.environment)
        return done.stdout

    def start(self, *before: str) -> subprocess.Popen[bytes]:
        """Start the daemon, by another program if given; its log goes to a file."""
        words = [*before, *map(str, self.program), "serve", "--config", str(self.config)]
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env=self.environment)
        return self.process

    def up(self) -> None:
        """Start, and wait until it answers."""
        process = self.start()
        self.wait_until_up()
        assert process.poll() is None

    def wait_until_up(self) -> None:
        """Wait until the daemon answers."""
        wait_until(self._is_up, BOUND, "the daemon to answer")

    def _is_up(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise SystemExit(
                f"the daemon ended with status {self.process.returncode}: see {self.folder}/serve.log"
            )
        try:
            with urllib.request.urlopen(self.url + "/healthz", timeout=BOUND):
                return True
        except urllib.error.HTTPError:
            return True  # it answers, if only to say that it is not well
        except (OSError, http.client.HTTPException):
            return False

    def kill(self) -> None:
        """Kill -9, and complain of a process that had ended by itself."""
        assert self.process is not None
        self.process.kill()
        if self.process.wait() != -signal.SIGKILL:
            raise SystemExit(
                f"the daemon ended by itself with {self.process.returncode}: see {self.folder}/serve.log"
            )

    def stop(self) -> None:
        """End it politely."""
        assert self.process is not None
        self.process.terminate()
        if self.process.wait(timeout=2 * BOUND) != 0:
            raise SystemExit(f"SIGTERM ended the daemon with status {self.process.returncode}")

    def make_sure_it_is_gone(self) -> None:
        """Leave no process behind a proof that failed half-way."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def post(self, raw: bytes | Iterable[bytes], *, timeout: float = BOUND) -> int:
        """Hand a file in over HTTP and return the status; OSError where there is no answer or a refusal."""
        request = urllib.request.Request(
            self.url + BATCHES,
            data=raw,
            method="POST",
            headers={
                "Authorization": f"Bearer {self.tokens['exchange']}",
                "Content-Type": "application/octet-stream",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                json.load(answer)
                status: int = answer.status
                return status
        except http.client.HTTPException as broken:
            # It died in the middle of its answer.
            raise ConnectionError(type(broken).__name__) from broken

    def ask(self, statement: str) -> list[Any]:
        """Read from the store, past the gateway."""
        if self.store_url:
            return asyncio.run(_ask_server(self.store_url, statement))
        store = sqlite3.connect(f"file:{self.folder}/data/gateway.db?mode=ro", uri=True, timeout=BOUND)
        try:
            return store.execute(statement).fetchall()
        finally:
            store.close()

    def on_the_way(self) -> int:
        """Count the transactions and files that are still on their way through the gateway."""
        return int(self.ask(ON_THE_WAY)[0][0])

    def count(self, table: str, column: str = "status") -> dict[str, int]:
        """Count the rows of a table by status."""
        rows = self.ask(f"SELECT {column}, count(*) FROM {table} GROUP BY 1")
        return {str(row[0]): int(row[1]) for row in rows}

    def unsound(self) -> list[str]:
        """Say what is wrong with the store as it stands: its ledger, and the file of an embedded one."""
        ledger = json.loads(self.csenet("ledger", "check", "--json", check=False))
        found = (
            []
            if ledger["balanced"]
            else [f"ledger: {each}" for each in ledger["differences"] or ["unbalanced"]]
        )
        if not self.store_url and (sound := self.ask("PRAGMA integrity_check")[0][0]) != "ok":
            found.append(f"integrity_check: {sound}")
        return found


async def _ask_server(url: str, statement: str) -> list[Any]:
    engine = create_async_engine(url)
    async with engine.connect() as conn:
        rows = list(await conn.execute(text(statement)))
    await engine.dispose()
    return rows


def _toml(tree: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, values in tree.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


class Feed:
    """Hand files to gateways over HTTP, from a thread for each, until every one is acknowledged.

    ``allowed`` says how many of the files may be handed in so far; whoever feeds moves it on.
    """

    def __init__(self, files: Sequence[bytes]) -> None:
        """Take the files; none is allowed yet."""
        self.files = files
        self.allowed = 0
        self.acknowledged: dict[int, tuple[float, float]] = {}
        """By number of the file: when it was handed in, and when the answer had come."""
        self.refused: list[float] = []
        """When those were handed in that were not taken, for whatever reason."""
        self._next = 0
        self._again: list[int] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def to(self, *gateways: Gateway) -> "Feed":
        """Begin to feed."""
        self._threads = [threading.Thread(target=self._run, args=(each,), daemon=True) for each in gateways]
        for thread in self._threads:
            thread.start()
        return self

    def _run(self, gateway: Gateway) -> None:
        while not self._over.is_set():
            number = self._take()
            if number is None:
                time.sleep(0.005)
                continue
            began = time.monotonic()
            try:
                gateway.post(self.files[number])
            except OSError:
                # It may be dead: the same bytes again, to whoever has time.
                with self._lock:
                    self.refused.append(began)
                    self._again.append(number)
                time.sleep(0.02)
            else:
                self.acknowledged[number] = began, time.monotonic()

    def _take(self) -> int | None:
        with self._lock:
            if self._again:
                return self._again.pop()
            if self._next < min(self.allowed, len(self.files)):
                self._next += 1
                return self._next - 1
            return None

    @property
    def done(self) -> bool:
        """Say whether everything is acknowledged."""
        return len(self.acknowledged) == len(self.files)

    def stop(self) -> None:
        """End the threads."""
        self._over.set()
        for thread in self._threads:
            thread.join()


class Outcome(msgspec.Struct):
    """Hold what a proof found: figures for its line, and everything that was wrong."""

    figures: str
    wrong: list[str]


Run = Callable[[argparse.Namespace, Path], Outcome]


def prove(run: Run, description: str | None, **sizes: Any) -> int:
    """Run a proof with the sizes asked for; print what was wrong and one line, and return the exit status."""
    name = Path(sys.argv[0]).stem
    words = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for size, default in sizes.items():
        words.add_argument(f"--{size.replace('_', '-')}", type=type(default), default=default)
    words.add_argument("--seed", type=int, default=27)
    words.add_argument("--folder", type=Path)
    asked = words.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix=f"csenet-{name}-"))
    folder.mkdir(parents=True, exist_ok=True)
    random.seed(asked.seed)
    began = time.monotonic()
    try:
        found = run(asked, folder)
    except Skip as skip:
        print(f"{name}: skipped: {skip}")
        return 1 if os.environ.get(skip.required) else 0
    print("".join(f"{each}\n" for each in found.wrong[:20]), end="")
    print(
        f"{name}: {found.figures}; {len(found.wrong)} differences, {time.monotonic() - began:.0f} s "
        f"(seed {asked.seed}, folder {folder}, load {os.getloadavg()[0]:.1f})"
    )
    return 1 if found.wrong else 0


def wait_until(true: Callable[[], object], seconds: float, what: str, pause: float = 0.05) -> float:
    """Look until the condition holds and return how long it took; SystemExit naming it if it never does."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)
    return time.monotonic() - began
