"""Ask more of the gateway than it can take, for minutes: memory stays bounded, and nothing taken is lost.

Ten times as many callers as requests may be in hand at once post without a pause and come again at once when
they are refused.  The memory of the process is read all the time.  How long a refusal takes is measured at
the callers, on the same machine, and not judged; judged are the peak of memory (``--megabytes``), that each
refusal says when to come again, and that all that was taken is answered once.
"""

import argparse
import asyncio
import sys
import threading
import time
from pathlib import Path

import aiohttp
import messages
from crowd import Call, Caller, one_call, percentile
from harness import BATCHES, DRAIN_SECONDS, Gateway, Outcome, prove, wait_until

PER_CASE = 50
FINE = (200, 202)
QUICK = 0.05


class Memory:
    """Read how much memory a process has, twice a second, until told to stop."""

    def __init__(self, process: int) -> None:
        """Begin."""
        self.megabytes: list[float] = []
        self._status = Path(f"/proc/{process}/status")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._over.wait(0.5):
            line = next(each for each in self._status.read_text().splitlines() if each.startswith("VmRSS"))
            self.megabytes.append(int(line.split()[1]) / 1024)

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()


async def press(caller: Caller, callers: int, seconds: float, most: int) -> list[Call]:
    """Post without a pause from so many callers; what is refused is posted again."""
    until, calls, numbers = time.monotonic() + seconds, [], iter(range(1, most + 1))

    async def go_on(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            raw = messages.interest_request(number, (number - 1) // PER_CASE + 1)
            while True:
                call = await one_call(session, caller, number, raw)
                calls.append(call)
                if call.status in FINE:
                    break
                if time.monotonic() > until:
                    return
            if time.monotonic() > until:
                return

    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(go_on(session) for _ in range(callers)))
    return calls


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Press, drain, and add up."""
    gateway = Gateway(folder, limits={"requests_at_once": asked.at_once, "retry_after_seconds": 1})
    gateway.prepare(messages.cases(asked.most // PER_CASE + 1))
    gateway.up()
    assert gateway.process is not None
    memory = Memory(gateway.process.pid)
    try:
        headers = {"Authorization": f"Bearer {gateway.tokens['exchange']}", "Content-Type": "text/plain"}
        caller = Caller(gateway.url + BATCHES, lambda _: headers)
        calls = asyncio.run(press(caller, asked.times * asked.at_once, asked.seconds, asked.most))
        wait_until(lambda: gateway.on_the_way() == 0, DRAIN_SECONDS, "everything to leave")
        memory.stop()
        gateway.stop()
    finally:
        memory.stop()
        gateway.make_sure_it_is_gone()
    taken = {each.number for each in calls if each.status in FINE}
    refused = [each for each in calls if each.status == 503]
    arrived = messages.Answers(messages.in_folder(folder / "out"))
    answered, peak = sum(arrived.serials.values()), max(memory.megabytes)
    odd = [each for each in calls if each.status not in (*FINE, 503)]
    wrong = [f"call {each.number}: answered {each.status}" for each in odd]
    wrong += ["a refusal without Retry-After" for each in refused if not each.retry_after]
    wrong += [f"{answered} answers to {len(taken)} taken"] if answered < len(taken) else []
    wrong += [f"serial {n} left {times} times" for n, times in arrived.serials.items() if times != 1]
    wrong += [f"{peak:.0f} MB of memory"] if peak > asked.megabytes else []
    wrong += ["nothing was refused: nothing is proved"] if not refused else []
    took = [each.seconds for each in refused]
    quick = 100 * sum(each <= QUICK for each in took) / max(1, len(took))
    early = max(memory.megabytes[: max(1, len(memory.megabytes) // 3)])
    figures = (
        f"{asked.times * asked.at_once} callers for {asked.seconds:.0f} s: {len(calls)} posts, {len(taken)} "
        f"taken, {len(refused)} refused with 503 in {1000 * percentile(took, 0.5):.0f} ms (p50) and "
        f"{1000 * percentile(took, 0.95):.0f} ms (p95), {quick:.0f} % within 50 ms; memory at most "
        f"{early:.0f} MB in the first third, {peak:.0f} MB in all"
    )
    return Outcome(figures, wrong + arrived.wrong + gateway.unsound())


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, times=10, at_once=32, seconds=120.0, most=100_000, megabytes=400))
