"""Kill the daemon again and again while transactions are fed in, then add everything up.

Usage: kill.py [--kills N] [--transactions N] [--seed S] [--folder DIR]

A real `csenet serve` runs with a folder and an HTTP way in and a folder out.  Interest requests come in
through both; a timer sends SIGKILL at a random moment of each life, from before the daemon can serve to
the middle of a commit.  At the end one life is left alone, and then: every acknowledged transaction stands
in the ledger, every request has exactly one answer among the files that left, and `csenet ledger check`
balances.  Exit status 0 only then.
"""

import argparse
import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from csenet.codecs import flatfile
from csenet.codecs.transaction import Direction, from_json

CSENET = Path(sys.executable).with_name("csenet")
FILE_SIZE = 20
START_SECONDS = 30.0
DRAIN_SECONDS = 300.0


@dataclass
class Feed:
    """What is to be fed in, and what has been acknowledged so far."""

    files: list[bytes]
    acknowledged: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)

    def is_by_folder(self, number: int) -> bool:
        """Send every other file through the folder, the rest over HTTP."""
        return number % 2 == 0


class Daemon:
    """One jurisdiction's gateway in a folder of its own, started and killed as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "gateway.toml"
        self.config.write_text(
            f"""[gateway]
jurisdiction = "27"
data_dir = "data"
[intake.folder]
path = "in"
poll_seconds = 0.1
[delivery.folder]
path = "out"
[delivery]
batch_size = 7
[http]
port = {self.port}
[log]
level = "warning"
format = "json"
"""
        )
        for name in ("in", "out"):
            (folder / name).mkdir(exist_ok=True)
        self.exchange_token = self.token("exchange")
        self.caseworker_token = self.token("caseworker")

    def token(self, role: str) -> str:
        """Make an API token."""
        return self.csenet("token", "create", "--role", role).strip()

    def csenet(self, *words: str) -> str:
        """Run a command on this gateway's store and return what it prints."""
        command = [str(CSENET), *words, "--config", str(self.config)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def start(self) -> subprocess.Popen[bytes]:
        """Start the daemon; its log goes to a file."""
        command = [str(CSENET), "serve", "--config", str(self.config)]
        with (self.folder / "serve.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def ask(self, method: str, path: str, body: bytes, token: str, kind: str) -> dict[str, object]:
        """Send one request and return the JSON answer; raise OSError when there is none."""
        request = urllib.request.Request(
            self.url + path,
            data=body,
            method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            document: dict[str, object] = json.load(answer)
            return document

    def wait_until_up(self) -> None:
        """Wait until the daemon answers."""
        wait_until(lambda: self._is_up(), START_SECONDS, "the daemon to answer")

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/healthz", timeout=1):
                return True
        except OSError:
            return False


def free_port() -> int:
    """Ask the system for a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(true: object, seconds: float, what: str) -> None:
    """Look until the condition holds; SystemExit naming it when it never does."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.05)


def case_ids(number: int) -> tuple[str, str]:
    """Name the case of one request in Minnesota and in Kansas."""
    return f"MNKILL{number:06d}", f"KSKILL{number:06d}"


def facts(number: int) -> dict[str, object]:
    """Write Minnesota's facts of one case: a balance that differs from case to case."""
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    return {
        "role": "initiating",
        "other_fips": "2000000",
        "other_case_id": case_ids(number)[1],
        "case": {"case_type": "N", "case_status": "O"},
        "balances": {"as_of": yesterday.isoformat(), "arrears": f"{number}.00", "interest": "0.00"},
    }


def interest_request(number: int) -> bytes:
    """Write an interest request from Kansas as it leaves the exchange for Minnesota."""
    mine, theirs = case_ids(number)
    header = {
        "local_fips_state": "27",
        "local_fips_county": "000",
        "other_fips_state": "20",
        "other_fips_county": "000",
        "csenet_version_number": "003",
        "transaction_serial_number": f"{number:012d}",
        "action_code": "R",
        "functional_type_code": "MSC",
        "action_reason": "GRINT",
        "transaction_date": (datetime.now(UTC).date() - timedelta(days=1)).isoformat(),
        "case_id": mine,
        "other_case_id": theirs,
        "attachments_ind": "N",
    }
    return flatfile.encode([from_json({"header": header})], direction=Direction.FROM_SERVER)


def feed_while_alive(daemon: Daemon, process: subprocess.Popen[bytes], feed: Feed, allowed: int) -> None:
    """Hand in files, at most up to `allowed`, until the process is dead."""
    while process.poll() is None:
        note_folder_receipts(daemon, feed)
        missing = [n for n in range(allowed) if n not in feed.acknowledged and n not in feed.dropped]
        if missing:
            hand_in(daemon, feed, missing[0])
        else:
            time.sleep(0.01)


def hand_in(daemon: Daemon, feed: Feed, number: int) -> None:
    """Hand in a file by its own way, unless it is acknowledged or lies in the folder already."""
    if number in feed.acknowledged or number in feed.dropped:
        return
    if feed.is_by_folder(number):
        drop(daemon, feed, number)
    else:
        post(daemon, feed, number)


def drop(daemon: Daemon, feed: Feed, number: int) -> None:
    """Put a file into the folder the way a careful sender does: whole, then renamed."""
    partial = daemon.folder / "in" / f".{number:05d}.partial"
    partial.write_bytes(feed.files[number])
    partial.rename(daemon.folder / "in" / f"{number:05d}.txt")
    feed.dropped.add(number)


def post(daemon: Daemon, feed: Feed, number: int) -> None:
    """Post a file; only an answer counts as acknowledged."""
    try:
        path = "/v1/exchange/batches"
        daemon.ask("POST", path, feed.files[number], daemon.exchange_token, "application/octet-stream")
    except OSError:
        time.sleep(0.01)
    else:
        feed.acknowledged.add(number)


def note_folder_receipts(daemon: Daemon, feed: Feed) -> None:
    """Count a dropped file as acknowledged once its receipt lies beside it in the archive."""
    for receipt in (daemon.folder / "in" / "archive").glob("*.receipt.json"):
        feed.acknowledged.add(int(receipt.name[:5]))


def torment(daemon: Daemon, feed: Feed, kills: int, start_seconds: float, chance: random.Random) -> None:
    """Let the daemon live and die `kills` times while the feed goes on.

    `start_seconds` is what one start takes on this machine: about half of the lives end before they serve.
    """
    for life in range(1, kills + 1):
        process = daemon.start()
        killer = threading.Timer(chance.uniform(0.1, 2.0 * start_seconds), process.kill)
        killer.start()
        feed_while_alive(daemon, process, feed, allowed=len(feed.files) * life // kills)
        killer.join()
        if process.wait() != -signal.SIGKILL:
            raise SystemExit(f"life {life} ended by itself with status {process.returncode}: see serve.log")
        if life % 50 == 0 or life == kills:
            acknowledged = f"{len(feed.acknowledged)} of {len(feed.files)} files acknowledged"
            print(f"{life} kills, {acknowledged}", flush=True)


def drain(daemon: Daemon, feed: Feed) -> None:
    """Leave one life alone until everything is acknowledged and has left, then end it politely."""
    process = daemon.start()
    daemon.wait_until_up()

    def is_done() -> bool:
        note_folder_receipts(daemon, feed)
        for number in range(len(feed.files)):
            # The last answer may have died with the daemon: the same bytes again.
            hand_in(daemon, feed, number)
        return len(feed.acknowledged) == len(feed.files) and waiting(daemon) == 0

    wait_until(is_done, DRAIN_SECONDS, "everything to be acknowledged, answered and delivered")
    process.terminate()
    if process.wait(timeout=30) != 0:
        raise SystemExit(f"SIGTERM ended the daemon with status {process.returncode}")


def waiting(daemon: Daemon) -> int:
    """Count the transactions and files that are still on their way through the gateway."""
    with sqlite3.connect(f"file:{daemon.folder}/data/gateway.db?mode=ro", uri=True) as store:
        files = store.execute("SELECT count(*) FROM inbound_file WHERE state <> 'settled'").fetchone()[0]
        rows = store.execute("SELECT count(*) FROM outbound WHERE status <> 'delivered'").fetchone()[0]
    store.close()
    return int(files) + int(rows)


def add_up(daemon: Daemon, transactions: int) -> list[str]:
    """Compare what came in, what the ledger says and what left; return every difference."""
    answers: Counter[str] = Counter()
    serials: Counter[str] = Counter()
    for path in sorted((daemon.folder / "out").glob("*.txt")):
        for record in flatfile.read_all(path.read_bytes(), direction=Direction.TO_SERVER):
            if record.transaction is None or str(record.transaction.far) != "MSC P GSTAI":
                return [f"{path.name}: not an answer"]
            answers[record.transaction.header.case_id] += 1
            serials[record.transaction.header.transaction_serial_number] += 1
    wanted = {case_ids(number)[0] for number in range(1, transactions + 1)}
    wrong = [f"{case_id}: {answers[case_id]} answers" for case_id in sorted(wanted) if answers[case_id] != 1]
    wrong += [f"serial {serial} left {times} times" for serial, times in serials.items() if times != 1]
    with sqlite3.connect(f"file:{daemon.folder}/data/gateway.db?mode=ro", uri=True) as store:
        statuses = dict(store.execute("SELECT status, count(*) FROM inbound GROUP BY status").fetchall())
        sound = store.execute("PRAGMA integrity_check").fetchone()[0]
    store.close()
    if statuses != {"decided": transactions}:
        wrong.append(f"inbound statuses: {statuses}")
    if sound != "ok":
        wrong.append(f"integrity_check: {sound}")
    print(daemon.csenet("ledger", "check").strip())
    return wrong


def main() -> int:
    """Run the torment and print one line of result."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kills", type=int, default=500)
    words.add_argument("--transactions", type=int, default=2000)
    words.add_argument("--seed", type=int, default=27)
    words.add_argument("--folder", type=Path)
    asked = words.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="csenet-kill-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"folder {folder}, seed {asked.seed}")
    began = time.monotonic()

    requests = [interest_request(number) for number in range(1, asked.transactions + 1)]
    feed = Feed([b"".join(requests[at : at + FILE_SIZE]) for at in range(0, len(requests), FILE_SIZE)])
    daemon = Daemon(folder)
    started = time.monotonic()
    process = daemon.start()
    daemon.wait_until_up()
    start_seconds = time.monotonic() - started
    for number in range(1, asked.transactions + 1):
        path, body = f"/v1/cases/{case_ids(number)[0]}", json.dumps(facts(number)).encode()
        daemon.ask("PUT", path, body, daemon.caseworker_token, "application/json")
    process.kill()
    process.wait()

    torment(daemon, feed, asked.kills, start_seconds, random.Random(asked.seed))
    drain(daemon, feed)
    wrong = add_up(daemon, asked.transactions)
    print("\n".join(wrong[:20]))
    print(
        f"{asked.kills} kills -9, {asked.transactions} transactions fed in, {len(wrong)} differences, "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
