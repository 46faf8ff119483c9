"""Watch the daemon's system calls: no acknowledgment leaves before its own bytes were synchronised.

Each submission is a file of its own, so its SHA-256 tells it apart: the digest stands in the page that goes
into the store's log (pwrite64) and in the receipt (send).  For each receipt a synchronisation of that log
(fdatasync) must have begun after the page was written and ended before the receipt was sent.  The embedded
store only: a database server synchronises in its own process.
"""

import argparse
import asyncio
import hashlib
import os
import re
import shutil
import sys
import threading
from pathlib import Path

import messages
from crowd import Caller, all_at_once
from harness import BATCHES, BOUND, Gateway, Outcome, Skip, prove

CALLS = "pwrite64,write,fdatasync,fsync,sendto,sendmsg,writev"
_LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)", re.DOTALL)
# Overlapping: the end of an escape such as \1 before a digest looks like a part of it.
_DIGEST = re.compile(r"(?=([0-9a-f]{64}))")
_LOG = re.compile(r"\d+<[^>]*-wal>")
_SOCKET = re.compile(r"(?:\d+<(?:socket|TCP)[^>]*>)")


class Trace:
    """Read strace's lines in their order, and judge each receipt as it is sent."""

    def __init__(self, digests: set[str]) -> None:
        """Take the digests of what is submitted."""
        self._digests = digests
        self._now = 0
        self._written: dict[str, int] = {}
        self._begun: dict[str, int] = {}
        self._safe_up_to = 0
        self._pending: dict[str, set[str]] = {}
        self.syncs = 0
        self.acknowledged: set[str] = set()
        self.wrong: list[str] = []

    def feed(self, line: str) -> None:
        """Take one line."""
        self._now += 1
        found = _LINE.match(line)
        if found is None:
            return
        thread, call, rest = found.groups()
        resumed, unfinished = "<... " in line[:20], "<unfinished" in line[-30:]
        if call in ("fdatasync", "fsync"):
            self._sync(thread, rest, resumed=resumed, unfinished=unfinished)
        elif call == "pwrite64":
            self._write(thread, rest, resumed=resumed, unfinished=unfinished)
        elif not resumed and _SOCKET.match(rest):
            self._send(rest)

    def _sync(self, thread: str, rest: str, *, resumed: bool, unfinished: bool) -> None:
        if not resumed and _LOG.match(rest):
            self._begun[thread] = self._now
        if not unfinished and thread in self._begun and "= 0" in rest:
            self.syncs += 1
            self._safe_up_to = max(self._safe_up_to, self._begun.pop(thread))

    def _write(self, thread: str, rest: str, *, resumed: bool, unfinished: bool) -> None:
        if not resumed:
            self._pending[thread] = self._known(rest) if _LOG.match(rest) else set()
        if not unfinished:
            # On its way to the disk only from the moment at which the call has ended.
            for digest in self._pending.pop(thread, set()):
                self._written.setdefault(digest, self._now)

    def _send(self, rest: str) -> None:
        for digest in self._known(rest) - self.acknowledged:
            self.acknowledged.add(digest)
            if (at := self._written.get(digest)) is None:
                self.wrong.append(f"{digest[:12]}: acknowledged before it was written")
            elif at > self._safe_up_to:
                self.wrong.append(f"{digest[:12]}: acknowledged before it was synchronised")

    def _known(self, text: str) -> set[str]:
        return {each for each in _DIGEST.findall(text) if each in self._digests}


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Submit everything under strace and read along."""
    if shutil.which("strace") is None:
        raise Skip("STRACE", "strace is not installed (apt-get install strace)")
    cases, files = messages.requests(asked.submissions)
    trace = Trace({hashlib.sha256(each).hexdigest() for each in files})
    gateway = Gateway(folder)
    gateway.prepare(messages.cases(cases))
    pipe = folder / "trace"
    os.mkfifo(pipe)

    def read_along() -> None:
        with pipe.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                trace.feed(line)

    reader = threading.Thread(target=read_along)
    reader.start()
    # With 9000 characters of each buffer, a page of the log is seen whole.
    words = (
        "strace",
        "-f",
        "-y",
        "-qq",
        "-s",
        "9000",
        "-e",
        f"trace={CALLS}",
        "-e",
        "signal=none",
        "-o",
        str(pipe),
    )
    gateway.start(*words)
    try:
        gateway.wait_until_up()
        headers = {
            "Authorization": f"Bearer {gateway.tokens['exchange']}",
            "Content-Type": "application/octet-stream",
        }
        caller = Caller(gateway.url + BATCHES, lambda _: headers)
        calls = asyncio.run(all_at_once(caller, files, asked.connections))
    finally:
        assert gateway.process is not None
        # Sent to strace, it would end strace alone.
        for child in (
            Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
        ):
            os.kill(int(child), 15)
        gateway.process.wait(2 * BOUND)
        reader.join()
    wrong = list(trace.wrong)
    wrong += [f"submission {each.number}: answered {each.status}" for each in calls if each.status != 202]
    if len(trace.acknowledged) != len(files):
        wrong.append(
            f"{len(trace.acknowledged)} receipts seen for {len(files)} submissions: nothing is proved"
        )
    figures = (
        f"{len(trace.acknowledged)} submissions over {asked.connections} connections, each synchronised "
        f"before its acknowledgment, by {trace.syncs} synchronisations"
    )
    return Outcome(figures, wrong + gateway.unsound())


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, submissions=2000, connections=64))
