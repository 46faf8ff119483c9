"""Ask more of the gateway than it can take: refusals are quick, memory is bounded, nothing taken is lost.

First as many callers as requests may be in hand post files of ``--size`` transactions without a pause: that
is the rate it takes.  Then, for ``--seconds``, ten times that rate comes by the clock, whatever is answered;
the time of a refusal counts from when its call was due.  Then, as long, ten times as many callers post
without a pause and come again at once when they are refused.  Judged are: each refusal says when to come
again, the share of those within 50 ms at ten times the rate (``--quick``, in percent), the peak of memory
(``--megabytes``), and that all that was taken is answered once.
"""

import argparse
import sys
import threading
from pathlib import Path

import messages
from crowd import percentile
from harness import BATCHES, DRAIN_SECONDS, Gateway, Outcome, prove, wait_until
from lean import Call, Called, Plan, call

PER_CASE = 50
FINE = (200, 202)
QUICK = 0.05
BASE_SECONDS = 5.0
# Callers by the clock each have a connection; more than this are not offered.
CONNECTIONS = 400


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


class Load:
    """Hold what is still to be posted, and what was."""

    def __init__(self, gateway: Gateway, files: list[bytes]) -> None:
        """Take the files."""
        self._gateway, self._files, self._next = gateway, files, 0
        self.calls: list[Call] = []

    def press(self, connections: int, seconds: float, rate: float = 0.0, most: int = 0) -> Called:
        """Post for so many seconds; ``most`` files at the most."""
        files = self._files[self._next : self._next + most] if most else self._files[self._next :]
        token = self._gateway.tokens["exchange"]
        plan = Plan(self._gateway.port, BATCHES, token, connections, seconds, rate)
        found = call(plan, files, self._next)
        self._next = max((each.number for each in found.calls), default=self._next) + 1
        self.calls += found.calls
        return found


def described(name: str, found: Called) -> str:
    """Write the figures of one way to press."""
    took = [each.seconds for each in found.calls if each.status == 503]
    taken, seconds = sum(each.status in FINE for each in found.calls), lasted(found)
    shares = " / ".join(f"{1000 * percentile(took, share):.0f}" for share in (0.5, 0.95, 0.99))
    late = f", callers late by {1000 * percentile(found.late, 0.99):.0f} ms (p99)" if found.late else ""
    left_out = f", {found.left_out} not posted as every connection waited" if found.left_out else ""
    return (
        f"{name}: {len(found.calls) / seconds:.0f} posts a second, {taken / seconds:.0f} taken, refused in "
        f"{shares} ms (p50 / p95 / p99), {quick(found):.1f} % within 50 ms{late}{left_out}"
    )


def lasted(found: Called) -> float:
    """Give the seconds from the first call to the last answer."""
    begins = [each.answered - each.seconds for each in found.calls]
    return max(each.answered for each in found.calls) - min(begins) if found.calls else 1.0


def quick(found: Called) -> float:
    """Give the percentage of refusals within 50 ms."""
    took = [each.seconds for each in found.calls if each.status == 503]
    return 100 * sum(each <= QUICK for each in took) / max(1, len(took))


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Press, drain, and add up."""
    gateway = Gateway(folder, limits={"requests_at_once": asked.at_once, "retry_after_seconds": 1})
    total = asked.most // asked.size * asked.size
    gateway.prepare(messages.cases(total // PER_CASE + 1))
    requests = [messages.interest_request(n, (n - 1) // PER_CASE + 1) for n in range(1, total + 1)]
    load = Load(gateway, messages.packed(requests, asked.size))
    gateway.up()
    assert gateway.process is not None
    memory = Memory(gateway.process.pid)
    try:
        seconds = min(BASE_SECONDS, asked.seconds)
        base = load.press(asked.at_once, seconds, most=len(requests) // asked.size // 10)
        rate = asked.times * len(base.calls) / lasted(base)
        by_rate = load.press(CONNECTIONS, asked.seconds, rate)
        by_callers = load.press(asked.times * asked.at_once, asked.seconds)
        wait_until(lambda: gateway.on_the_way() == 0, DRAIN_SECONDS, "everything to leave")
        memory.stop()
        gateway.stop()
    finally:
        memory.stop()
        gateway.make_sure_it_is_gone()
    taken = {each.number for each in load.calls if each.status in FINE}
    refused = [each for each in load.calls if each.status == 503]
    arrived = messages.Answers(messages.in_folder(folder / "out"))
    answered, peak = sum(arrived.serials.values()), max(memory.megabytes)
    odd = [each for each in load.calls if each.status not in (*FINE, 503)]
    wrong = [f"file {each.number}: answered {each.status}" for each in odd]
    wrong += ["a refusal without Retry-After" for each in refused if not each.told]
    wrong += [f"{answered} answers to {len(taken)} files taken"] if answered < asked.size * len(taken) else []
    wrong += [f"serial {n} left {times} times" for n, times in arrived.serials.items() if times != 1]
    wrong += [f"{peak:.0f} MB of memory"] if peak > asked.megabytes else []
    wrong += ["nothing was refused: nothing is proved"] if not refused else []
    wrong += [f"{quick(by_rate):.1f} % within 50 ms"] if quick(by_rate) < asked.quick else []
    early = max(memory.megabytes[: max(1, len(memory.megabytes) // 3)])
    figures = (
        f"files of {asked.size}, {asked.at_once} in hand at once; "
        f"{described(f'{asked.times} times the rate', by_rate)}; "
        f"{described(f'{asked.times * asked.at_once} callers without a pause', by_callers)}; "
        f"{len(taken)} taken and answered; memory at most {early:.0f} MB in the first third, "
        f"{peak:.0f} MB in all"
    )
    return Outcome(figures, wrong + arrived.wrong + gateway.unsound())


if __name__ == "__main__":
    sys.exit(
        prove(
            run,
            __doc__,
            times=10,
            at_once=32,
            size=20,
            seconds=30.0,
            most=200_000,
            megabytes=400,
            quick=0.0,
        )
    )
