"""Keep each case in order and the others undisturbed while some cases cannot be handled and the daemon dies.

Two gateways run side by side on the same traffic at the same moment: in one of them a handler fails on some
cases, in the other it never does.  Both are fed at the same rate, both are killed (SIGKILL) at the same
places, both deliver with ``--workers`` batches under way at once.  No case may leave out of order; of the
poisoned cases nothing leaves; the others take at most ``--ratio`` times as long as without poison (95th
percentile, from taken in to delivered; 0 for not judged).  That is compared turn by turn, by what both took
in within the same ``--turn`` seconds, and the median of the turns counts: what else the machine did then, it
did to both.  Then the handler is mended, `csenet parked resume` runs, and all must be answered, in order.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import messages
from crowd import percentile
from harness import CSENET, DRAIN_SECONDS, Feed, Gateway, Outcome, prove, wait_until
from receiver import Receiver

FILE_SIZE = 50
TOGETHER = 250
TIMES = """
SELECT case_id, (julianday(delivered_at) - julianday(intake_at)) * 86400, julianday(intake_at) * 86400
FROM outbound
"""
# Fewer have no 95th percentile worth comparing.
FEWEST = 100
DISORDER = """
SELECT a.case_id FROM outbound a JOIN outbound b ON a.case_id = b.case_id
AND a.serial < b.serial AND a.in_reply_to > b.in_reply_to
"""


class Side:
    """One of the two gateways, what is fed to it, and where it delivers."""

    def __init__(
        self, folder: Path, receiver: Receiver, files: list[bytes], workers: int, poison: str
    ) -> None:
        """Make a gateway that fails on the cases named by ``poison``, if any."""
        self.receiver = receiver
        self.feed = Feed(files)
        self.gateway = Gateway(
            folder,
            out=receiver.url,
            delivery={"batch_size": 20, "parallel": workers, "first_delay_seconds": 0.1},
        )
        self.gateway.environment["CSENET_PROOF_POISON"] = poison
        if poison:
            self.gateway.program = (sys.executable, Path(__file__).with_name("poisoned.py"))

    def is_through(self) -> bool:
        """Say whether nothing is left that could move."""
        return self.feed.done and self.gateway.on_the_way() == 0

    def again(self) -> None:
        """Kill and start."""
        self.gateway.kill()
        self.gateway.up()


def traffic(cases: int, per_case: int) -> list[bytes]:
    """Write the files: a few hundred cases at a time, one message of each in turn, many times over."""
    requests, serial = [], 0
    for first in range(1, cases + 1, TOGETHER):
        for _ in range(per_case):
            for case in range(first, min(first + TOGETHER, cases + 1)):
                serial += 1
                requests.append(messages.interest_request(serial, case))
    return messages.packed(requests, FILE_SIZE)


def torment(sides: list[Side], kills: int, rate: float, both: Callable[..., Any]) -> None:
    """Feed both at the same rate, and kill both at the same places."""
    files = len(sides[0].feed.files)
    dying = [files * number // (kills + 1) for number in range(1, kills + 1)]
    began, allowed, away = time.monotonic(), 0, 0.0
    while allowed < files:
        allowed = min(files, int((time.monotonic() - began - away) * rate / FILE_SIZE))
        if dying and allowed >= dying[0]:
            allowed = dying.pop(0)
            stopped = time.monotonic()
            both(lambda side: side.again())
            away += time.monotonic() - stopped
        for side in sides:
            side.feed.allowed = allowed
        time.sleep(0.01)


def seconds(side: Side, poisoned: set[str]) -> list[tuple[float, float]]:
    """Give when each transaction of the cases that are not poisoned came, and how long it took."""
    return [(float(row[2]), float(row[1])) for row in side.gateway.ask(TIMES) if row[0] not in poisoned]


def by_turn(took: list[tuple[float, float]], length: float) -> dict[int, list[float]]:
    """Sort by the turn in which they came."""
    found: dict[int, list[float]] = {}
    for at, each in sorted(took):
        found.setdefault(int(at // length), []).append(each)
    return found


def ratios(clean: dict[int, list[float]], sick: dict[int, list[float]]) -> list[float]:
    """Compare the 95th percentiles of each turn in which both had enough, from the least to the worst."""
    both = [(clean[turn], sick[turn]) for turn in clean.keys() & sick.keys()]
    enough = [pair for pair in both if min(map(len, pair)) >= FEWEST]
    return sorted(percentile(with_it, 0.95) / percentile(without, 0.95) for without, with_it in enough)


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Feed both sides, compare, mend, resume, and add up."""
    files = traffic(asked.cases, asked.messages)
    sick = set(random.Random(asked.seed).sample(range(1, asked.cases + 1), asked.poisoned))
    names = {messages.case_ids(case)[0] for case in sick}
    with ExitStack() as stack:
        both = stack.enter_context(ThreadPoolExecutor(2)).map
        sides = [
            Side(folder / name, stack.enter_context(Receiver()), files, asked.workers, poison)
            for name, poison in (("clean", ""), ("poisoned", " ".join(sorted(names))))
        ]
        for side in sides:
            stack.callback(side.gateway.make_sure_it_is_gone)
            side.gateway.prepare(messages.cases(asked.cases))
        for side in sides:
            side.gateway.up()
            stack.callback(side.feed.to(side.gateway).stop)
        torment(sides, asked.kills, asked.rate, lambda work: list(both(work, sides)))
        wait_until(lambda: all(side.is_through() for side in sides), DRAIN_SECONDS, "both to be through", 0.5)
        return judged(asked, sides, names)


def judged(asked: argparse.Namespace, sides: list[Side], names: set[str]) -> Outcome:
    """Compare the two, mend the poisoned one, and add both up."""
    poisoned = sides[1]
    wrong = [f"{case}: left although it is poisoned" for case in names & set(answers(poisoned).of_case)]
    parked = poisoned.gateway.count("inbound").get("parked", 0)
    if parked != len(names) * asked.messages:
        wrong.append(f"{parked} parked instead of {len(names) * asked.messages}")
    came = [seconds(side, names) for side in sides]
    took = [sorted(each for _, each in side) for side in came]
    tails = [percentile(each, 0.95) for each in took]
    turns = ratios(*(by_turn(each, asked.turn) for each in came)) or [tails[1] / tails[0]]
    ratio = median(turns)
    if asked.ratio and ratio > asked.ratio:
        wrong.append(f"the others' p95 is {ratio:.2f} times that without poison")

    poisoned.gateway.stop()
    poisoned.gateway.program = (CSENET,)
    poisoned.gateway.csenet("parked", "resume")
    poisoned.gateway.up()
    wait_until(poisoned.is_through, DRAIN_SECONDS, "what was parked to be delivered")
    disorder = 0
    for side in sides:
        side.gateway.stop()
        found = answers(side)
        disorder += len(found.disorder()) + len(side.gateway.ask(DISORDER))
        wrong += found.differences(asked.cases, asked.messages) + side.receiver.conflicts
        wrong += [f"{row[0]}: answered out of order" for row in side.gateway.ask(DISORDER)]
        wrong += side.gateway.unsound()
    figures = (
        f"{asked.cases} cases with {asked.messages} messages each, {asked.workers} workers, "
        f"{asked.kills} kills -9, {asked.poisoned} poisoned cases: {disorder} order violations; the others' "
        f"p95 {tails[1]:.3f} s, without poison at the same moment {tails[0]:.3f} s, of {len(turns)} turns "
        f"{turns[0]:.2f} to {turns[-1]:.2f} times as long, median {ratio:.2f} (p50 "
        f"{percentile(took[1], 0.5):.3f} and {percentile(took[0], 0.5):.3f} s; {asked.rate:.0f} messages/s)"
    )
    return Outcome(figures, wrong)


def answers(side: Side) -> messages.Answers:
    """Count what arrived."""
    return messages.Answers(side.receiver.arrived())


if __name__ == "__main__":
    sizes = {
        "cases": 5000,
        "messages": 20,
        "workers": 8,
        "kills": 10,
        "poisoned": 5,
        "rate": 100.0,
        "turn": 10.0,
        "ratio": 1.1,
    }
    sys.exit(prove(run, __doc__, **sizes))
