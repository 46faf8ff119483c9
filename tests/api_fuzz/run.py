"""Call every operation of the API with what its description allows, and with what it does not.

Each answer has a status that the description names, none is a failure of ours, and nobody who is to see
content masked finds one of the marked people in it.  `make api-fuzz` makes 10,000 calls; a few hundred are
among the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import threading
import unittest
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
import structlog
from aiohttp import web
from hypothesis import HealthCheck, Phase, given
from schemathesis import GenerationMode
from sqlalchemy import insert

from csenet.gateway import log
from csenet.gateway.casework import build_app
from csenet.gateway.clock import SystemClock
from csenet.gateway.delivery.transports.folder import FolderTransport
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.people import tokens
from csenet.gateway.settings.model import LogSection
from csenet.gateway.store.engine import open_store
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.tables_people import api_token
from csenet.gateway.store.wrapping import KeyFile

MASKED = ("viewer", "operator", "supervisor")
ROLES = (*MASKED, "casesystem")
UNMASKING = "supervisor"
MARKS = ("QUETZALCOATLUS", "ARCHAEOPTERYX", "900558877", "900-55-8877")
FACTS = {
    "role": "initiating",
    "other_fips": "2000000",
    "other_case_id": "KS1",
    "ncp_identification": {"name_last": MARKS[0], "name_first": MARKS[1], "ssn": MARKS[2]},
    "case": {"case_type": "A", "case_status": "O"},
}
PATIENCE = 90
MOST_WRONG = 20


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the API of a state with marked people on a port of this machine; give its address."""
    ready, done = threading.Event(), threading.Event()
    place: list[str] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        quiet = structlog.wrap_logger(None, processors=[_drop])
        store = await open_store(folder / "gateway.db", keyring=Keyring(KeyFile(folder / "wrapping.key")))
        clock = SystemClock(agency_of("27").zone)
        desk = Desk(store, agency_of("27"), clock, quiet)
        desk.way_out = lambda: FolderTransport(folder / "out")
        for number in range(1, 4):
            await desk.put_case(f"MN{number}", {**FACTS, "other_case_id": f"KS{number}"})
            await desk.submit({"case_id": f"MN{number}", "far": "MSC P GSC15"})
        async with store.begin() as conn:
            for role in ROLES:
                row = {"name": role, "role": role, "sha256": tokens._digest(secret_of(role))}
                await conn.execute(insert(api_token).values(**row, created_at=datetime.now(UTC)))
        runner = web.AppRunner(build_app(desk, store, clock=clock, jurisdiction_name="Minnesota"))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        place.append(site._server.sockets[0].getsockname()[1])
        ready.set()
        await asyncio.to_thread(done.wait)
        await runner.cleanup()
        await store.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    if not ready.wait(PATIENCE):
        raise RuntimeError("the gateway did not start")
    try:
        yield f"http://127.0.0.1:{place[0]}"
    finally:
        done.set()
        thread.join(PATIENCE)
        loop.close()


def _drop(*_: object) -> str:
    raise structlog.DropEvent


def secret_of(role: str) -> str:
    return f"csn_{role}{'x' * 40}"


def fuzz(address: str, calls: int, seed: int) -> tuple[Counter[int], list[str]]:
    """Spread calls over all operations and roles; return how often which status came, and what was wrong."""
    described = requests.get(f"{address}/v1/openapi.json", timeout=PATIENCE).json()
    schema = schemathesis.openapi.from_dict(described)
    operations = [found.ok() for found in schema.get_all_operations()]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    ways = [(operation, role, mode) for operation in operations for role in ROLES for mode in modes]
    if calls < len(ways):
        ways = random.Random(seed).sample(ways, calls)
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    session = requests.Session()
    for operation, role, mode in ways:
        documented = set(operation.definition.raw["responses"])
        for case in cases(operation, mode, -(-calls // len(ways)), seed):
            headers = {"Authorization": f"Bearer {secret_of(role)}"}
            told = case.call(base_url=address, session=session, headers=headers, timeout=PATIENCE)
            statuses[told.status_code] += 1
            wrong += [f"{operation.label} as {role}: {what}" for what in faults(told, role, documented)]
        if len(wrong) >= MOST_WRONG:
            break
    return statuses, wrong


def cases(operation: Any, mode: GenerationMode, count: int, seed: int) -> list[Any]:
    """Make so many calls of one operation, the same ones for the same seed."""
    found: list[Any] = []
    try:
        strategy = operation.as_strategy(generation_mode=mode)

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def collect(case: Any) -> None:
            found.append(case)

        collect()
    except (hypothesis.errors.Unsatisfiable, unittest.SkipTest, schemathesis.errors.SchemathesisError):
        # What takes nothing cannot be given anything wrong.
        return found
    return found


def faults(told: Any, role: str, documented: set[str]) -> list[str]:
    """Say what is wrong about an answer."""
    found = []
    status = told.status_code
    if status >= 500 and status != 503:
        found.append(f"answered {status}")
    if str(status) not in documented:
        found.append(f"answered {status}, which its description does not name")
    # Who may see in clear and says why is shown it.
    told_why = role == UNMASKING and "X-Purpose" in told.request.headers
    if (role in MASKED and not told_why) or status >= 400:
        seen = [mark for mark in MARKS if mark in told.text]
        if seen:
            found.append(f"told of {len(seen)} marks with {status}")
    return found


def main() -> int:
    """Run, print what came, and end with 1 if anything was wrong."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=20261122)
    given_ = options.parse_args()
    log.configure(LogSection(level="error"))
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        statuses, wrong = fuzz(address, given_.calls, given_.seed)
        seed = given_.seed
        while sum(statuses.values()) < given_.calls and not wrong:
            # Of what takes nothing there are few different calls; others make up for it.
            seed += 1
            more, wrong = fuzz(address, given_.calls - sum(statuses.values()), seed)
            statuses += more
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(f"{sum(statuses.values())} calls ({counts}), {len(wrong)} wrong")
    for line in dict.fromkeys(wrong):
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
