"""Serve 54 partners of which one is dead, one answers after 30 s and one fails every other time.

The simulated exchange pushes to 54 states, as many transactions to each.  Rounds with all of them well and
rounds with three of them in trouble alternate on the same machine; what counts is how many transactions a
second the other 51 get.  Then the three are mended, and everything must arrive, once.  (A gateway has one way
out, the exchange: that one state's trouble is not another's is the exchange's to see to, here by the code
that the product simulates it with, over the gateway's own HTTP client.)
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import aiohttp
import messages
from aiohttp import web
from harness import DRAIN_SECONDS, QUIET, Outcome, prove
from receiver import Receiver

from csenet.codecs import flatfile
from csenet.codecs.codes import jurisdictions
from csenet.codecs.transaction import Direction, from_json
from csenet.gateway.clock import SystemClock
from csenet.gateway.exchange.routes import Route
from csenet.gateway.exchange.simulated import SimulatedExchange
from csenet.gateway.ports import free_port

STATES = sorted(jurisdictions())
DEAD, SLOW, FLAPPING = "01", "02", "04"
IN_TROUBLE = (DEAD, SLOW, FLAPPING)
BATCH = 100
SLOWNESS = 30.0


def transactions(each: int) -> dict[str, list[bytes]]:
    """Write, by sender, batches that bring each state so many transactions; nobody in trouble sends."""
    senders = {state: "20" if state != "20" else "27" for state in STATES}
    records: dict[str, list[bytes]] = {"20": [], "27": []}
    for number in range(each):
        for place, state in enumerate(STATES):
            header = {
                "local_fips_state": senders[state],
                "local_fips_county": "000",
                "other_fips_state": state,
                "other_fips_county": "000",
                "csenet_version_number": "003",
                "transaction_serial_number": f"{number * len(STATES) + place + 1:012d}",
                "action_code": "R",
                "functional_type_code": "MSC",
                "action_reason": "GRINT",
                "transaction_date": messages.YESTERDAY.isoformat(),
                "case_id": f"A{number:06d}",
                "other_case_id": f"B{number:06d}",
                "attachments_ind": "N",
            }
            raw = flatfile.encode([from_json({"header": header})], direction=Direction.TO_SERVER)
            records[senders[state]].append(raw)
    return {sender: messages.packed(raws, BATCH) for sender, raws in records.items()}


class Hall:
    """The exchange, and behind it the 54 states."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        """Connect every state to the one receiver, each by its own path."""
        self.receiver = receiver
        receiver.direction = Direction.FROM_SERVER
        self.troubled = False
        self.posts: Counter[str] = Counter()
        receiver.before = self.answer
        routes = {state: self.route(state, receiver.port) for state in STATES}
        self.exchange = SimulatedExchange(
            folder / "exchange.db", "127.0.0.1", 0, SystemClock(), routes, QUIET
        )

    def route(self, state: str, port: int) -> Route:
        """Say how a state is reached."""
        url = f"http://127.0.0.1:{port}/{state}"
        return Route(url=url, token=f"to-{state}", client_token=f"from-{state}")

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """Answer for a state in trouble; the dead one is not reached at all."""
        state = request.path[1:]
        self.posts[state] += 1
        if not self.troubled or state not in IN_TROUBLE:
            return None
        if state == SLOW:
            await asyncio.sleep(SLOWNESS)
        elif self.posts[state] % 2:
            return web.Response(status=503)
        return None

    def trouble(self, troubled: bool) -> None:
        """Begin or end the trouble of the three."""
        self.troubled = troubled
        self.exchange.connect(DEAD, self.route(DEAD, free_port() if troubled else self.receiver.port))

    def got(self) -> Counter[str]:
        """Count by state what arrived for the first time."""
        return Counter(self.receiver.records)


async def one_round(
    folder: Path, batches: dict[str, list[bytes]], each: int, *, troubled: bool
) -> tuple[float, list[str]]:
    """Push everything to everybody, and return the rate at which the 51 were served, and what was wrong."""
    wanted = Counter(dict.fromkeys(STATES, each))
    others = [state for state in STATES if state not in IN_TROUBLE]
    with Receiver() as receiver:
        hall = Hall(folder, receiver)
        await hall.exchange.start()
        try:
            hall.trouble(troubled)
            began = time.monotonic()
            async with aiohttp.ClientSession() as session:
                for place in range(max(map(len, batches.values()))):
                    for sender in batches:
                        for raw in batches[sender][place : place + 1]:
                            headers = {"Authorization": f"Bearer from-{sender}"}
                            async with session.post(hall.exchange.url, data=raw, headers=headers) as answer:
                                assert answer.status == 202
            await until(lambda: all(hall.got()[state] == each for state in others), "the 51 to be served")
            took = time.monotonic() - began
            rate = len(others) * each / took
            # On a machine on which that took so long, the slow one may well have answered.
            away = (DEAD, SLOW) if took < SLOWNESS else (DEAD,)
            early = [state for state in away if troubled and hall.got()[state]]
            hall.trouble(False)
            await until(lambda: hall.got() == wanted, "the three to be served once they were mended")
            ledger = await hall.exchange.ledger()
        finally:
            await hall.exchange.stop()
        wrong = [f"{state}: was served although it was in trouble" for state in early] + receiver.conflicts
        if not ledger["balanced"] or ledger["refused"]:
            wrong.append(f"the exchange's ledger: {ledger}")
    return rate, wrong


async def until(true: object, what: str) -> None:
    """Wait, and let the exchange work meanwhile."""
    end = time.monotonic() + DRAIN_SECONDS
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain for {what}")
        await asyncio.sleep(0.02)


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Alternate, and compare neighbours."""
    batches = transactions(asked.each)
    wrong: list[str] = []
    rates: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * asked.rounds):
        # Now the one goes first, now the other.
        troubled = number % 4 in (1, 2)
        place = folder / f"round-{number}"
        place.mkdir()
        rate, found = asyncio.run(one_round(place, batches, asked.each, troubled=troubled))
        rates[troubled].append(rate)
        wrong += found
    ratios = sorted(bad / good for good, bad in zip(rates[False], rates[True], strict=True))
    ratio = ratios[len(ratios) // 2]
    if asked.ratio and ratio < asked.ratio:
        wrong.append(f"the others keep {ratio:.2f} of their throughput")
    well, ill = ("/".join(f"{rate:.0f}" for rate in rates[which]) for which in (False, True))
    figures = (
        f"54 partners, {asked.each} transactions each, {asked.rounds} pairs of rounds: the 51 got {well} a "
        f"second with all well and {ill} with three in trouble; they keep {ratio:.2f} (median)"
    )
    return Outcome(figures, wrong)


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, each=200, rounds=5, ratio=0.95))
