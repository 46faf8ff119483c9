"""Run two gateways on one PostgreSQL, kill one or the other again and again under load, and add it all up.

Both take files in over HTTP, each transaction 1 to ``--times`` times, and deliver into one folder.  Each kill
(SIGKILL) hits one of the two at a random moment; it is started again after a while.  In the end one is killed
for good, in the middle of work; the other takes over what the dead one held within a lease and ``--slack``
seconds, and finishes alone.  Exit status 0 only if every acknowledged transaction was answered exactly once,
each case in order, and the ledger balances.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

import messages
from harness import BOUND, DRAIN_SECONDS, Feed, Gateway, Outcome, Skip, prove, wait_until
from sqlalchemy import make_url

from csenet.gateway.delivery.courier import CourierSettings
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.wiring import holder_of

sys.path.append(str(Path(__file__).parent.parent / "gateway"))

import postgres

FILE_SIZE = 10
LEASE = CourierSettings(jurisdiction="27").lease_seconds
OF_WORK = "AND kind IN ('batch', 'settle')"
DISORDER = """
SELECT a.case_id FROM outbound a JOIN outbound b ON a.case_id = b.case_id
AND a.serial < b.serial AND a.in_reply_to > b.in_reply_to
"""


def pair_in(folder: Path, url: str, out: Path | str, **sections: dict[str, object]) -> list[Gateway]:
    """Make two gateways on one database, with the same key and the same tokens."""
    key = {"key_file": str(folder / "wrapping.key")}
    return [Gateway(folder / name, url=url, out=out, sealing=key, **sections) for name in ("one", "two")]


def torment(pair: list[Gateway], feed: Feed, kills: int, chance: random.Random) -> None:
    """Kill one of the two at a time; the other works on."""
    for number in range(1, kills + 1):
        feed.allowed = len(feed.files) * number // (kills + 1)
        victim = chance.choice(pair)
        time.sleep(chance.uniform(0.2, 2.5))
        victim.kill()
        time.sleep(chance.uniform(0.0, 1.0))
        victim.start()


def finish_alone(pair: list[Gateway], feed: Feed) -> float:
    """Kill one for good while both have work, and return how long until the other had nothing left of it."""
    for gateway in pair:
        gateway.wait_until_up()
    feed.allowed = len(feed.files)
    time.sleep(0.3)
    dead, survivor = pair
    dead.kill()
    began = time.monotonic()
    holder = holder_of(load_settings(dead.config, dead.environment))
    held = f"SELECT count(*) FROM lease WHERE holder = '{holder}' AND until IS NOT NULL {OF_WORK}"
    wait_until(lambda: survivor.ask(held)[0][0] == 0, LEASE + BOUND, "the survivor to take over")
    took = time.monotonic() - began
    wait_until(
        lambda: feed.done and survivor.on_the_way() == 0, LEASE + DRAIN_SECONDS, "the survivor to finish"
    )
    survivor.stop()
    return took


def run_on(url: str, asked: argparse.Namespace, folder: Path) -> Outcome:
    """Run the whole story on an empty database."""
    chance = random.Random(asked.seed)
    cases, requests = messages.requests(asked.transactions)
    files, deliveries = messages.repeated(requests, asked.times, FILE_SIZE, chance)
    pair = pair_in(folder, url, folder / "out", delivery={"batch_size": 5})
    pair[0].prepare(messages.cases(cases))
    pair[1].tokens = pair[0].tokens
    for gateway in pair:
        gateway.up()
    feed = Feed(files).to(*pair)
    try:
        torment(pair, feed, asked.kills, chance)
        took = finish_alone(pair, feed)
    finally:
        feed.stop()
        for gateway in pair:
            gateway.make_sure_it_is_gone()
    wrong = messages.Answers(messages.in_folder(folder / "out")).differences(cases)
    wrong += [f"{row[0]}: answered out of order" for row in pair[1].ask(DISORDER)]
    wanted = {"decided": len(requests), "duplicate": deliveries - len(requests)}
    if (statuses := pair[1].count("inbound")) != {each: count for each, count in wanted.items() if count}:
        wrong.append(f"inbound statuses: {statuses} instead of {wanted}")
    if took > LEASE + asked.slack:
        wrong.append(f"taken over after {took:.1f} s, a lease and {asked.slack:.0f} s were allowed")
    figures = (
        f"{asked.kills} kills -9 of one of two gateways, {len(requests)} transactions fed in {deliveries} "
        f"times, taken over {took:.1f} s after the last kill (a lease is {LEASE:.0f} s), "
        f"PostgreSQL {pair[1].ask('SHOW server_version')[0][0].split()[0]}"
    )
    return Outcome(figures, wrong + pair[1].unsound())


def on_a_database(work, asked: argparse.Namespace, folder: Path) -> Outcome:  # type: ignore[no-untyped-def]
    """Find a server, make an empty database, work on it, and remove it."""
    try:
        with postgres.server() as server:
            name = f"csenet_proof_{os.getpid()}"
            asyncio.run(
                postgres.execute(server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
            )
            try:
                found: Outcome = work(postgres.plain(server.set(database=name)), asked, folder)
            finally:
                asyncio.run(postgres.execute(make_url(server), f"DROP DATABASE {name} WITH (FORCE)"))
            return found
    except postgres.NoPostgres as missing:
        raise Skip("POSTGRES", str(missing)) from None


if __name__ == "__main__":
    sizes = {"kills": 20, "transactions": 1200, "times": 1, "slack": 5.0}
    sys.exit(prove(lambda *given: on_a_database(run_on, *given), __doc__, **sizes))
