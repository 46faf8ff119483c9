"""Stop one of two gateways in mid-work (SIGSTOP) until the other has taken over, and let it wake up again.

Both work on one PostgreSQL and deliver over HTTP, each try taking a while, so that some are always under way.
One is stopped while it has some; the other has to take over what it held, within its lease and ``--slack``
seconds.
When it goes on, it believes that it still holds all that: each of its commits shows an old token and must be
refused.  ``--hurry 1`` puts the leases' end forward instead of waiting for it; ``--unlimited 1`` takes the
server for one that cannot limit a transaction, as none before PostgreSQL 17 can.
"""

import argparse
import asyncio
import random
import signal
import sys
import time
from pathlib import Path

import messages
from aiohttp import web
from harness import BOUND, CSENET, DRAIN_SECONDS, Feed, Gateway, Outcome, prove, wait_until
from postgres_pair import DISORDER, LEASE, OF_WORK, on_a_database, pair_in, postgres
from receiver import Receiver
from sqlalchemy import make_url
from stop import slowly

from csenet.gateway.settings.loading import load_settings
from csenet.gateway.wiring import holder_of

FILE_SIZE = 10
LOOKS = 15
AT_WORK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend' AND state <> 'idle'
"""


def named(gateway: Gateway) -> str:
    """Tell the name by which a gateway holds leases."""
    return holder_of(load_settings(gateway.config, gateway.environment))


def busy(pair: list[Gateway], feed: Feed) -> Gateway:
    """Let more in until one of the two has a batch under way, and say which."""
    names = {named(gateway): gateway for gateway in pair}
    while True:
        feed.allowed = min(feed.allowed + 2, len(feed.files))
        for (holder,) in pair[0].ask("SELECT holder FROM lease WHERE kind = 'batch' AND until IS NOT NULL"):
            return names[holder]
        if feed.done and pair[0].on_the_way() == 0:
            raise SystemExit("everything was fed in and nothing under way: hand in more")


class Gate:
    """Answer deliveries after a while, and while shut not at all: whoever has a batch under way keeps it."""

    shut = False

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Wait."""
        await slowly(request)
        while self.shut:  # noqa: ASYNC110 - another thread opens it
            await asyncio.sleep(0.02)
        return None


def stopped(pair: list[Gateway], feed: Feed, gate: Gate) -> Gateway:
    """Stop one of the two that waits for the answer to a batch, in no transaction, and say which."""
    gate.shut = True
    try:
        return _stopped(pair, feed)
    finally:
        gate.shut = False


def _stopped(pair: list[Gateway], feed: Feed) -> Gateway:
    while True:
        victim = busy(pair, feed)
        assert victim.process is not None
        victim.process.send_signal(signal.SIGSTOP)
        for _ in range(LOOKS):
            # By now it may have settled the batch, or have sent a commit on which the server still works.
            if victim.ask(AT_WORK)[0][0] == 0:
                if victim.ask(f"SELECT count(*) FROM lease WHERE {held_by(victim)} AND kind = 'batch'")[0][0]:
                    return victim
                break
            time.sleep(0.02)
        victim.process.send_signal(signal.SIGCONT)


def held_by(gateway: Gateway) -> str:
    """Write the condition of the leases of work that a gateway holds."""
    return f"holder = '{named(gateway)}' AND until IS NOT NULL {OF_WORK}"


def sleep_through(victim: Gateway, other: Gateway, hurry: bool) -> float:
    """Wait until the other holds all that the stopped one held, let it go on, and tell how long it took."""
    assert victim.process is not None
    its = held_by(victim)
    began = time.monotonic()
    if hurry:
        past = f"UPDATE lease SET until = until - interval '1 hour' WHERE {its}"
        asyncio.run(postgres.execute(make_url(victim.store_url), past))
    # Who settles matters only as long as there is something to settle.
    waits = "EXISTS (SELECT 1 FROM inbound_file WHERE state <> 'settled')"
    count = f"SELECT count(*) FROM lease WHERE {its} AND (kind = 'batch' OR {waits})"
    wait_until(lambda: other.ask(count)[0][0] == 0, LEASE + BOUND, "the other to take over")
    took = time.monotonic() - began
    victim.process.send_signal(signal.SIGCONT)
    return took


def run_on(url: str, asked: argparse.Namespace, folder: Path) -> Outcome:
    """Stop and wake one or the other, then drain and add up."""
    chance = random.Random(asked.seed)
    cases, requests = messages.requests(asked.transactions)
    chance.shuffle(requests)
    feed = Feed(messages.packed(requests, FILE_SIZE))
    with Receiver() as receiver:
        gate = receiver.after = Gate()
        program = (sys.executable, Path(__file__).with_name("unlimited.py")) if asked.unlimited else (CSENET,)
        pair = pair_in(folder, url, receiver.url, delivery={"batch_size": 5}, program=program)
        pair[0].prepare(messages.cases(cases))
        pair[1].tokens = pair[0].tokens
        try:
            for gateway in pair:
                gateway.up()
            feed.to(*pair)
            took = []
            for _ in range(asked.stops):
                time.sleep(chance.uniform(0.0, 0.5))
                victim = stopped(pair, feed, gate)
                took.append(sleep_through(victim, pair[1 - pair.index(victim)], bool(asked.hurry)))
            feed.allowed = len(feed.files)
            wait_until(lambda: feed.done and pair[0].on_the_way() == 0, DRAIN_SECONDS, "everything to leave")
            for gateway in pair:
                gateway.stop()
        finally:
            feed.stop()
            for gateway in pair:
                gateway.make_sure_it_is_gone()
        wrong = messages.Answers(receiver.arrived()).differences(cases) + receiver.conflicts
    wrong += [f"{row[0]}: answered out of order" for row in pair[0].ask(DISORDER)]
    refused = sum((each.folder / "serve.log").read_text().count('"delivery.taken_over"') for each in pair)
    if refused == 0:
        wrong.append("nobody woke up with a batch that another had taken over: nothing is proved")
    if max(took) > LEASE + asked.slack:
        wrong.append(f"taken over after {max(took):.1f} s, a lease and {asked.slack:.0f} s were allowed")
    ended = sum((each.folder / "serve.log").read_text().count('"store.sleeper_ended"') for each in pair)
    told = f", {ended} times a sleeper's transaction was ended by the other" if ended else ""
    told += f", PostgreSQL {pair[0].ask('SHOW server_version')[0][0].split()[0]}"
    figures = (
        f"{asked.stops} times SIGSTOP while {len(requests)} transactions came in: taken over after "
        f"{max(took):.1f} s at the latest (a lease is {LEASE:.0f} s), {refused} batches refused to "
        f"sleepers{told}"
    )
    return Outcome(figures, wrong + pair[0].unsound())


if __name__ == "__main__":
    sys.exit(
        prove(
            lambda *given: on_a_database(run_on, *given),
            __doc__,
            stops=10,
            transactions=1200,
            hurry=0,
            unlimited=0,
            slack=5.0,
        )
    )
