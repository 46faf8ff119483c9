"""Kill the daemon again and again while transactions are fed in, then add everything up.

A real `csenet serve` runs with a folder and an HTTP way in and a folder out.  Interest requests come in
through both, each 1 to ``--times`` times in different files; a timer sends SIGKILL at a random moment of
each life, from before the daemon can serve to the middle of a commit.  At the end one life is left alone, and
then: every acknowledged transaction stands in the ledger, every request has exactly one answer among the
files that left, every repetition is known as one, and `csenet ledger check` balances.  Exit status 0 only
then.
"""

import argparse
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import messages
from harness import DRAIN_SECONDS, Gateway, Outcome, prove, wait_until

FILE_SIZE = 20


@dataclass
class Feed:
    """What is to be fed in, and what has been acknowledged so far."""

    files: list[bytes]
    acknowledged: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    first: int = 0

    def missing(self, allowed: int) -> int | None:
        """Give the first file that nobody has handed in yet."""
        while self.first < allowed and (self.first in self.acknowledged or self.first in self.dropped):
            self.first += 1
        return self.first if self.first < allowed else None


def daemon_in(folder: Path) -> Gateway:
    """Make the gateway: a folder and an HTTP way in, a folder out."""
    (folder / "in").mkdir(exist_ok=True)
    return Gateway(
        folder,
        intake__folder={"path": str(folder / "in"), "poll_seconds": 0.1},
        delivery={"batch_size": 7},
    )


def feed_while_alive(daemon: Gateway, feed: Feed, allowed: int) -> None:
    """Hand in files, at most up to `allowed`, until the process is dead."""
    assert daemon.process is not None
    while daemon.process.poll() is None:
        number = feed.missing(allowed)
        if number is None:
            time.sleep(0.01)
        else:
            hand_in(daemon, feed, number)


def hand_in(daemon: Gateway, feed: Feed, number: int) -> None:
    """Hand in a file by its own way, every other one through the folder; only an answer acknowledges."""
    if number % 2 == 0:
        # The way a careful sender does: whole, then renamed.
        partial = daemon.folder / "in" / f".{number:05d}.partial"
        partial.write_bytes(feed.files[number])
        partial.rename(daemon.folder / "in" / f"{number:05d}.txt")
        feed.dropped.add(number)
        return
    try:
        daemon.post(feed.files[number], timeout=10)
    except OSError:
        time.sleep(0.01)
    else:
        feed.acknowledged.add(number)


def note_folder_receipts(daemon: Gateway, feed: Feed) -> None:
    """Count a dropped file as acknowledged once its receipt lies beside it in the archive."""
    for receipt in (daemon.folder / "in" / "archive").glob("*.receipt.json"):
        feed.acknowledged.add(int(receipt.name[:5]))


def torment(daemon: Gateway, feed: Feed, kills: int, start_seconds: float, chance: random.Random) -> None:
    """Let the daemon live and die `kills` times while the feed goes on.

    `start_seconds` is what one start takes on this machine: about half of the lives end before they serve.
    """
    for life in range(1, kills + 1):
        process = daemon.start()
        killer = threading.Timer(chance.uniform(0.1, 2.0 * start_seconds), process.kill)
        killer.start()
        feed_while_alive(daemon, feed, allowed=len(feed.files) * life // kills)
        killer.join()
        if process.wait() != -signal.SIGKILL:
            raise SystemExit(f"life {life} ended by itself with status {process.returncode}: see serve.log")


def drain(daemon: Gateway, feed: Feed) -> None:
    """Leave one life alone until everything is acknowledged and has left, then end it politely."""
    daemon.up()

    def is_done() -> bool:
        while (number := feed.missing(len(feed.files))) is not None:
            hand_in(daemon, feed, number)
        note_folder_receipts(daemon, feed)
        return len(feed.acknowledged) == len(feed.files) and daemon.on_the_way() == 0

    wait_until(is_done, DRAIN_SECONDS, "everything to be acknowledged, answered and delivered")
    daemon.stop()


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Feed, kill, drain, and add up."""
    chance = random.Random(asked.seed)
    cases, requests = messages.requests(asked.transactions)
    files, deliveries = messages.repeated(requests, asked.times, FILE_SIZE, chance)
    feed = Feed(files)
    daemon = daemon_in(folder)
    try:
        daemon.prepare(messages.cases(cases))
        started = time.monotonic()
        daemon.up()
        start_seconds = time.monotonic() - started
        daemon.kill()
        torment(daemon, feed, asked.kills, start_seconds, chance)
        drain(daemon, feed)
    finally:
        daemon.make_sure_it_is_gone()
    wrong = messages.Answers(messages.in_folder(folder / "out")).differences(cases)
    wanted = {"decided": len(requests), "duplicate": deliveries - len(requests)}
    if (statuses := daemon.count("inbound")) != {each: count for each, count in wanted.items() if count}:
        wrong.append(f"inbound statuses: {statuses} instead of {wanted}")
    figures = f"{asked.kills} kills -9, {len(requests)} transactions fed in {deliveries} times"
    return Outcome(figures, wrong + daemon.unsound())


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, kills=500, transactions=2000, times=1))
