"""Run two gateways on one PostgreSQL, kill one or the other again and again under load, and add it all up.

Usage: postgres_pair.py [--kills N] [--transactions N] [--seed S] [--folder DIR]

Both take files in over HTTP and deliver into one folder.  Each kill (SIGKILL) hits one of the two at a random
moment; it is started again after a while.  In the end one is killed for good, in the middle of work, and the
other has to finish alone.  Exit status 0 only if every acknowledged transaction was answered exactly once,
each case in order, and the ledger balances.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from csenet.codecs import flatfile
from csenet.codecs.transaction import Direction
from csenet.gateway.delivery.courier import CourierSettings

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "gateway")]

import kill  # noqa: E402
import postgres  # noqa: E402

FILE_SIZE = 10
PER_CASE = 4
LEASE = CourierSettings(jurisdiction="27").lease_seconds
ASK = """
SELECT (SELECT count(*) FROM inbound_file WHERE state <> 'settled')
     + (SELECT count(*) FROM outbound WHERE status <> 'delivered')
"""


class Gateway(kill.Daemon):
    """One of the two: a data folder and a port of its own, the database and the way out shared."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.port = kill.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "gateway.toml"
        self.config.write_text(
            f"""[gateway]
jurisdiction = "27"
data_dir = "data"
[sealing]
key_file = "{folder.parent / "wrapping.key"}"
[delivery.folder]
path = "{folder.parent / "out"}"
[delivery]
batch_size = 5
[http]
port = {self.port}
[log]
level = "info"
format = "json"
"""
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.lives = 0

    def live(self) -> None:
        """Start, once more."""
        self.process = self.start()
        self.lives += 1

    def die(self) -> None:
        """Kill, and complain of a process that had ended by itself."""
        assert self.process is not None
        self.process.kill()
        if self.process.wait() != -signal.SIGKILL:
            raise SystemExit(f"{self.folder.name} ended by itself: see {self.folder}/serve.log")


class Feed:
    """Hands files to either gateway, from one thread for each, until every file is acknowledged."""

    def __init__(self, files: list[bytes]) -> None:
        self.files = files
        self.allowed = 0
        self.acknowledged: set[int] = set()
        self._under_way: set[int] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def run(self, gateway: Gateway) -> None:
        while not self._over.is_set():
            number = self._next()
            if number is None:
                time.sleep(0.01)
                continue
            acknowledged = self._post(gateway, number)
            with self._lock:
                self._under_way.discard(number)
            if not acknowledged:
                time.sleep(0.05)  # the other one may have it meanwhile

    def _post(self, gateway: Gateway, number: int) -> bool:
        try:
            gateway.ask(
                "POST",
                "/v1/exchange/batches",
                self.files[number],
                gateway.exchange_token,
                "application/octet-stream",
            )
        except OSError:
            return False
        self.acknowledged.add(number)
        return True

    def _next(self) -> int | None:
        with self._lock:
            taken = self.acknowledged | self._under_way
            number = next((n for n in range(min(self.allowed, len(self.files))) if n not in taken), None)
            if number is not None:
                self._under_way.add(number)
            return number

    def is_done(self) -> bool:
        return len(self.acknowledged) == len(self.files)

    def stop(self) -> None:
        self._over.set()


def ask_store(url: str, statement: str) -> list[Any]:
    """Read from the database, past the gateways."""

    async def asked() -> list[Any]:
        engine = create_async_engine(url)
        async with engine.connect() as conn:
            rows = list(await conn.execute(text(statement)))
        await engine.dispose()
        return rows

    return asyncio.run(asked())


def request(number: int) -> bytes:
    """Write the interest request with this serial number; each case gets several."""
    raw = kill.interest_request(number)
    mine, theirs = kill.case_ids(number)
    case = kill.case_ids((number - 1) // PER_CASE + 1)
    return raw.replace(mine.encode(), case[0].encode()).replace(theirs.encode(), case[1].encode())


def torment(pair: list[Gateway], feed: Feed, kills: int, chance: random.Random) -> None:
    """Kill one of the two at a time; the other works on."""
    for number in range(1, kills + 1):
        feed.allowed = len(feed.files) * number // (kills + 1)
        victim = chance.choice(pair)
        time.sleep(chance.uniform(0.2, 2.5))
        victim.die()
        time.sleep(chance.uniform(0.0, 1.0))
        victim.live()
    print(f"{kills} kills, {len(feed.acknowledged)} of {len(feed.files)} files acknowledged", flush=True)


def finish_alone(pair: list[Gateway], feed: Feed, url: str) -> float:
    """Kill one for good while both have work, and return how long the other took to finish everything."""
    for gateway in pair:
        gateway.wait_until_up()
    feed.allowed = len(feed.files)
    time.sleep(0.3)
    pair[0].die()
    began = time.monotonic()
    kill.wait_until(
        lambda: feed.is_done() and ask_store(url, ASK)[0][0] == 0,
        LEASE + 5 + kill.DRAIN_SECONDS,
        "the survivor to finish",
    )
    took = time.monotonic() - began
    survivor = pair[1].process
    assert survivor is not None
    survivor.terminate()
    if survivor.wait(timeout=30) != 0:
        raise SystemExit("SIGTERM ended the survivor with an error")
    return took


def add_up(out: Path, url: str, gateway: Gateway, transactions: int) -> list[str]:
    """Compare what came in, what the database says and what left; return every difference."""
    answers: Counter[str] = Counter()
    left: dict[str, list[tuple[int, int]]] = defaultdict(list)
    serials: Counter[int] = Counter()
    for path in sorted(out.glob("*.txt")):
        at = path.stat().st_mtime_ns
        for record in flatfile.read_all(path.read_bytes(), direction=Direction.TO_SERVER):
            if record.transaction is None:
                return [f"{path.name}: not readable"]
            header = record.transaction.header
            answers[str(header.case_id)] += 1
            serials[int(header.transaction_serial_number or 0)] += 1
            left[str(header.case_id)].append((int(header.transaction_serial_number or 0), at))
    cases = transactions // PER_CASE
    wanted = {kill.case_ids(number)[0] for number in range(1, cases + 1)}
    wrong = [f"{case}: {answers[case]} answers" for case in sorted(wanted) if answers[case] != PER_CASE]
    if serials != Counter(range(1, transactions + 1)):
        wrong.append("the serial numbers that left are not one of each")
    for case, each in left.items():
        moments = [at for _, at in sorted(each)]
        if moments != sorted(moments):
            wrong.append(f"{case}: left out of order")
    disorder = ask_store(
        url,
        "SELECT a.case_id FROM outbound a JOIN outbound b ON a.case_id = b.case_id "
        "AND a.serial < b.serial AND a.in_reply_to > b.in_reply_to",
    )
    wrong += [f"{row[0]}: answered out of order" for row in disorder]
    statuses = {row[0]: row[1] for row in ask_store(url, "SELECT status, count(*) FROM inbound GROUP BY 1")}
    if statuses != {"decided": transactions}:
        wrong.append(f"inbound statuses: {statuses}")
    print(gateway.csenet("ledger", "check").strip())
    return wrong


def run(url: str, asked: argparse.Namespace, folder: Path) -> list[str]:
    """Run the whole story on an empty database."""
    os.environ["CSENET_STORE__URL"] = url
    (folder / "out").mkdir(parents=True)
    pair = [Gateway(folder / "one"), Gateway(folder / "two")]
    pair[0].csenet("db", "upgrade")
    tokens = {role: pair[0].token(role) for role in ("exchange", "caseworker")}
    for gateway in pair:
        gateway.exchange_token, gateway.caseworker_token = tokens["exchange"], tokens["caseworker"]
        gateway.live()
    pair[0].wait_until_up()
    cases = asked.transactions // PER_CASE
    for number in range(1, cases + 1):
        path, body = f"/v1/cases/{kill.case_ids(number)[0]}", json.dumps(kill.facts(number)).encode()
        pair[0].ask("PUT", path, body, pair[0].caseworker_token, "application/json")

    requests = [request(number) for number in range(1, cases * PER_CASE + 1)]
    chance = random.Random(asked.seed)
    chance.shuffle(requests)
    feed = Feed([b"".join(requests[at : at + FILE_SIZE]) for at in range(0, len(requests), FILE_SIZE)])
    threads = [threading.Thread(target=feed.run, args=(gateway,), daemon=True) for gateway in pair]
    for thread in threads:
        thread.start()
    try:
        torment(pair, feed, asked.kills, chance)
        took = finish_alone(pair, feed, url)
    finally:
        feed.stop()
        for gateway in pair:
            if gateway.process is not None and gateway.process.poll() is None:
                gateway.process.kill()
    print(f"the survivor finished {took:.1f} s after the last kill; a lease is {LEASE:.0f} s")
    return add_up(folder / "out", url, pair[1], cases * PER_CASE)


def main() -> int:
    """Find a server, run, and print one line of result."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--transactions", type=int, default=2000)
    words.add_argument("--seed", type=int, default=27)
    words.add_argument("--folder", type=Path)
    asked = words.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="csenet-pair-"))
    print(f"folder {folder}, seed {asked.seed}")
    began = time.monotonic()
    with postgres.server() as server:
        name = f"csenet_pair_{os.getpid()}"
        asyncio.run(postgres.execute(server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
        url = server.set(database=name)
        wrong = run(postgres.plain(url), asked, folder)
        asyncio.run(postgres.execute(make_url(server), f"DROP DATABASE {name} WITH (FORCE)"))
    print("\n".join(wrong[:20]))
    print(
        f"{asked.kills} kills -9 of one of two gateways, {asked.transactions} transactions fed in, "
        f"{len(wrong)} differences, {time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
