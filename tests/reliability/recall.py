"""Kill -9 who takes transactions back, at every step of it, while the courier tries to send them.

A gateway has answers to deliver and finds nobody: its batches are sealed and tried in vain, again and again.
Beside it one answer after the other is taken back by a process that is killed after so many calls of our
code, from the first to the last; the gateway itself is killed now and then.  In the end somebody is there.
Each answer must have been taken back or have arrived, never both, never neither; who was told that one is
taken back was told the truth; whatever shared a batch with one arrived once, in order.  All this is done on
an embedded store and on PostgreSQL.
"""

import argparse
import asyncio
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import messages
from harness import DRAIN_SECONDS, QUIET, Feed, Gateway, Outcome, prove, wait_until
from postgres_pair import on_a_database
from receiver import Receiver

from csenet.gateway.settings.loading import load_settings
from csenet.gateway.wiring import desk_of

FILE_SIZE = 8
OURS = f"{os.sep}gateway{os.sep}"
IN_VAIN = {"batch_size": 4, "first_delay_seconds": 0.2, "max_delay_seconds": 0.2, "breaker_after": 1_000_000}
TAKEN, NOT_TAKEN = 0, 3
AFTERWARDS = -1


async def _recall(gateway: Gateway, number: int, fatal: int) -> tuple[bool, int]:
    """Take one back, and be killed at the call with this number, or when it is done; else count the calls."""
    settings = load_settings(gateway.config, gateway.environment)
    store, desk, _ = await desk_of(settings, clock=None, log=QUIET, migrate=False)
    calls = 0

    def count(frame: FrameType, event: str, _given: object) -> None:
        nonlocal calls
        if event == "call" and OURS in frame.f_code.co_filename:
            calls += 1
            if calls == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    found = await desk.recall([number], "a proof", actor="proof")
    if found.taken and fatal == AFTERWARDS:
        os.kill(os.getpid(), signal.SIGKILL)
    await store.close()
    sys.setprofile(None)
    return number in found.taken, calls


def aside(gateway: Gateway, number: int, fatal: int) -> tuple[int, int]:
    """Take one back in a process of its own; return how that ended and how many calls it took."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        ended = 1
        try:
            taken, calls = asyncio.run(_recall(gateway, number, fatal))
            os.write(writing, str(calls).encode())
            ended = TAKEN if taken else NOT_TAKEN
        finally:
            os._exit(ended)
    os.close(writing)
    with os.fdopen(reading) as told:
        calls = int(told.read() or 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), calls


def torment(gateway: Gateway, kills: int, chance: random.Random) -> Iterator[tuple[int, int]]:
    """Take back one after the other; give each number with how it ended."""
    numbers = [row[0] for row in gateway.ask("SELECT id FROM outbound ORDER BY id")]
    chance.shuffle(numbers)
    ended, calls = aside(gateway, numbers.pop(), 0)
    if ended != TAKEN:
        raise SystemExit(f"what waits could not be taken back: {ended}")
    for step in range(kills):
        if step % 10 == 9:
            gateway.kill()
            gateway.up()
        number = numbers.pop()
        fatal = AFTERWARDS if step % 4 == 3 else 1 + step * calls // kills
        yield number, aside(gateway, number, fatal)[0]


def run(asked: argparse.Namespace, folder: Path, url: str = "") -> Outcome:
    """Have it out on one store, and add up."""
    chance = random.Random(asked.seed)
    cases, requests = messages.requests(asked.kills * 2 + 8)
    with socket.socket() as nobody:
        # A port that is taken and does not listen refuses whoever comes.
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        gateway = Gateway(folder, out=address, url=url, delivery=dict(IN_VAIN))
        gateway.prepare(messages.cases(cases))
        feed = Feed(messages.packed(requests, FILE_SIZE)).to(gateway)
        try:
            gateway.up()
            feed.allowed = len(feed.files)
            answers = "SELECT count(*) FROM outbound"
            wait_until(lambda: gateway.ask(answers)[0][0] == len(requests), DRAIN_SECONDS, "all answers")
            feed.stop()
            ended = dict(torment(gateway, asked.kills, chance))
        finally:
            feed.stop()
            gateway.make_sure_it_is_gone()
    return _added_up(gateway, ended, cases, address)


def _added_up(gateway: Gateway, ended: dict[int, int], cases: int, address: str) -> Outcome:
    """Let the rest leave, and compare what arrived with what was taken back."""
    with Receiver() as receiver:
        gateway.config.write_text(gateway.config.read_text().replace(address, receiver.url))
        try:
            gateway.up()
            open_ones = "SELECT count(*) FROM outbound WHERE status NOT IN ('delivered', 'cancelled')"
            wait_until(lambda: gateway.ask(open_ones)[0][0] == 0, DRAIN_SECONDS, "everything to leave")
            gateway.stop()
        finally:
            gateway.make_sure_it_is_gone()
        answers = messages.Answers(receiver.arrived())
        wrong = receiver.conflicts + answers.wrong + answers.disorder()
    rows = gateway.ask("SELECT id, serial, status FROM outbound ORDER BY id")
    for number, serial, status in rows:
        times = answers.serials[int(serial)]
        if times != (status == "delivered"):
            wrong.append(f"out-{number} is {status} and arrived {times} times")
        if ended.get(number) == TAKEN and status != "cancelled":
            wrong.append(f"out-{number} was told to be taken back and is {status}")
    back = {number for number, _, status in rows if status == "cancelled"}
    killed = [number for number, how in ended.items() if how == -signal.SIGKILL]
    others = Counter(how for how in ended.values() if how not in (-signal.SIGKILL, TAKEN, NOT_TAKEN))
    wrong += [f"taking back ended {times} times with status {how}" for how, times in others.items()]
    whole = len(back & set(killed))
    if not 0 < whole < len(killed):
        wrong.append(f"of {len(killed)} that were killed {whole} had committed: that proves little")
    figures = f"{len(killed)} kills -9, of which {whole} after the commit, among {len(rows)} answers"
    return Outcome(figures, wrong + gateway.unsound())


def both(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Do it on an embedded store, then on a server."""
    one = run(asked, folder / "embedded")
    two = on_a_database(lambda url, given, at: run(given, at / "server", url), asked, folder)
    return Outcome(f"SQLite: {one.figures}; PostgreSQL: {two.figures}", one.wrong + two.wrong)


if __name__ == "__main__":
    sys.exit(prove(both, __doc__, kills=160))
