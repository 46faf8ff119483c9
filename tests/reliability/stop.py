"""End the daemon by SIGTERM again and again under load: no new work after a second, out within thirty.

Requests come in over several connections and every delivery takes a while.  At a random moment of each life
SIGTERM comes.  A request that begins more than ``--last-work`` seconds later may not be taken any more; the
process has to end by itself with status 0 within ``--breath`` seconds, and what was acknowledged is answered
once, after the next start if need be.
"""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

import messages
from aiohttp import web
from harness import BOUND, DRAIN_SECONDS, Feed, Gateway, Outcome, prove, wait_until
from receiver import Receiver

FILE_SIZE = 10


async def slowly(_request: web.Request) -> web.StreamResponse | None:
    """Let every delivery take a while."""
    await asyncio.sleep(0.3)
    return None


def one_life(gateway: Gateway, feed: Feed, seconds: float) -> tuple[float, float, int]:
    """Start, and stop after some time of service.

    Tells for how long it took work on and lived on, and how many it turned away meanwhile.
    """
    gateway.up()
    time.sleep(seconds)
    assert gateway.process is not None
    began = time.monotonic()
    gateway.process.terminate()
    status = gateway.process.wait(timeout=2 * BOUND)
    ended = time.monotonic() - began
    if status != 0:
        raise SystemExit(f"SIGTERM ended the daemon with status {status}: see {gateway.folder}/serve.log")
    taken = [start - began for start, _ in list(feed.acknowledged.values()) if start > began]
    turned_away = sum(began < start < began + ended for start in list(feed.refused))
    return max(taken, default=0.0), ended, turned_away


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Stop and start, then drain and add up."""
    chance = random.Random(asked.seed)
    cases, requests = messages.requests(asked.transactions)
    chance.shuffle(requests)
    feed = Feed(messages.packed(requests, FILE_SIZE))
    with Receiver() as receiver:
        receiver.after = slowly
        gateway = Gateway(folder, out=receiver.url, delivery={"batch_size": 5, "parallel": 8})
        gateway.prepare(messages.cases(cases))
        feed.to(*[gateway] * asked.connections)
        try:
            lives = []
            for life in range(1, asked.stops + 1):
                feed.allowed = len(feed.files) * life // (asked.stops + 1)
                lives.append(one_life(gateway, feed, chance.uniform(0.0, 1.5)))
            feed.allowed = len(feed.files)
            gateway.up()
            wait_until(lambda: feed.done and gateway.on_the_way() == 0, DRAIN_SECONDS, "everything to leave")
            gateway.stop()
        finally:
            feed.stop()
            gateway.make_sure_it_is_gone()
        wrong = messages.Answers(receiver.arrived()).differences(cases) + receiver.conflicts
    work, breath, _ = (max(each) for each in zip(*lives, strict=True))
    turned_away = sum(each[2] for each in lives)
    wrong += [f"new work {work:.2f} s after SIGTERM"] if work > asked.last_work else []
    wrong += [f"out {breath:.1f} s after SIGTERM"] if breath > asked.breath else []
    figures = (
        f"{asked.stops} times SIGTERM while {len(requests)} transactions came in: the last request that was "
        f"taken began {work:.2f} s after it, {turned_away} that came later were not taken, out after "
        f"{breath:.1f} s at the latest"
    )
    return Outcome(figures, wrong + gateway.unsound())


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, stops=20, transactions=4000, connections=4, last_work=1.0, breath=30.0))
