"""Fill the disk under a gateway: it stops taking in, keeps draining, and goes on once there is room.

The data folder is a tmpfs of its own (64 MB), with ballast in it.  Nothing may leave at first (an operator's
hold), and requests are handed in until the gateway refuses with 503 because its reserve is reached.  The hold
is released: all that was acknowledged must leave while nothing is taken in.  The ballast goes, and the
gateway must take in again, without a restart.  Then a file lies in the folder that is larger than the room,
and another program takes every last byte while requests come in, and gives them back.  What was acknowledged
stands in the ledger and was answered once; `integrity_check` is ok.
"""

import argparse
import os
import subprocess
import sys
import threading
import urllib.error
from contextlib import ExitStack
from pathlib import Path

import messages
from harness import DRAIN_SECONDS, Gateway, Outcome, Skip, prove, wait_until
from receiver import Receiver

PER_CASE = 50
FILE_SIZE = 50
RESERVE = 16
BALLAST = 20
LARGE = 40
PATIENCE = 240.0
MEGABYTE = 1024 * 1024


def mounted(stack: ExitStack, place: Path, megabytes: int) -> None:
    """Mount an empty tmpfs until the end of the stack; raises `Skip` where that is not allowed."""
    place.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True)
    except OSError as error:
        raise Skip("TMPFS", f"no mount: {error.strerror}") from None
    if done.returncode != 0:
        raise Skip("TMPFS", f"a tmpfs cannot be mounted here, which takes root: {done.stderr.strip()}")
    stack.callback(subprocess.run, ["umount", "-l", str(place)], check=True)


class Story:
    """Hand in file after file, and remember what was acknowledged."""

    def __init__(self, gateway: Gateway, files: list[bytes]) -> None:
        """Take what there is to hand in."""
        self.gateway = gateway
        self.files = files
        self.taken = 0
        self.refusals = 0
        self.failures = 0

    def hand_in(self) -> int:
        """Hand the next file in; give the status, 0 where there was no answer."""
        try:
            status = self.gateway.post(self.files[self.taken])
        except urllib.error.HTTPError as refused:
            self.refusals += refused.code == 503
            self.failures += refused.code != 503
            return refused.code
        except OSError:
            self.failures += 1
            return 0
        self.taken += 1
        return status

    def until_refused(self) -> None:
        """Hand in until the gateway says that its disk is full."""
        while self.taken < len(self.files) and self.hand_in() != 503:
            pass
        if self.taken == len(self.files):
            raise SystemExit("the disk never became full: nothing is proved; hand in more")


def ballast(place: Path, size: int | None) -> int:
    """Take so many bytes of the disk, or all there are; give how many."""
    written = 0
    with place.open("wb", buffering=0) as file:
        try:
            while size is None or written < size:
                written += file.write(b"\1" * 65_536)
        except OSError:
            pass
    return written


def room_in(place: Path) -> int:
    """Give the bytes that are left on a disk."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def too_large(story: Story, data: Path) -> None:
    """Put a file into the folder that passes the reserve and does not fit: the commit meets a full disk."""
    gateway = story.gateway
    # Nothing else may write meanwhile and eat into what is left above the reserve.
    wait_until(lambda: gateway.on_the_way() == 0, DRAIN_SECONDS, "what was taken in to leave")
    large = gateway.folder / "in" / "large.txt"
    ballast(data / "another", max(0, room_in(data) - (RESERVE + 1) * MEGABYTE))
    partial = large.with_name(".large.partial")
    partial.write_bytes(os.urandom(LARGE * MEGABYTE))
    partial.rename(large)
    log = gateway.folder / "serve.log"
    wait_until(lambda: b"intake.failed" in log.read_bytes(), PATIENCE, "a commit that meets a full disk")
    # It is not taken in and not lost; here it is taken away again.
    large.unlink()
    (data / "another").unlink()


def all_gone(story: Story, data: Path) -> int:
    """Take all of the disk while requests come in, look that the gateway stands, and give the disk back."""
    over = threading.Event()

    def hand_in() -> None:
        while not over.is_set() and story.taken < len(story.files):
            story.hand_in()

    feeding = threading.Thread(target=hand_in)
    feeding.start()
    seen = story.refusals + story.failures
    size = ballast(data / "another", None)
    wait_until(lambda: story.refusals + story.failures > seen + 3, PATIENCE, "a refusal without any room")
    assert story.gateway.process is not None
    ended = story.gateway.process.poll()
    (data / "another").unlink()
    over.set()
    feeding.join()
    if ended is not None:
        raise SystemExit(f"the gateway ended with {ended} when there was no room: see {story.gateway.folder}")
    return size


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Fill, drain, make room, fill to the last byte, make room again, and add up."""
    requests = [messages.interest_request(n, (n - 1) // PER_CASE + 1) for n in range(1, asked.most + 1)]
    with ExitStack() as stack:
        data = folder / "data"
        mounted(stack, data, asked.megabytes)
        receiver = stack.enter_context(Receiver())
        limits = {"disk_reserve_mb": RESERVE, "retry_after_seconds": 1}
        patience = {"first_delay_seconds": 0.05, "max_delay_seconds": 0.2, "probe_seconds": 0.2}
        (folder / "in").mkdir()
        intake = {"path": str(folder / "in"), "poll_seconds": 0.5}
        gateway = Gateway(folder, out=receiver.url, limits=limits, delivery=patience, intake__folder=intake)
        stack.callback(gateway.make_sure_it_is_gone)
        gateway.prepare(messages.cases(-(-asked.most // PER_CASE)))
        ballast(data / "ballast", (asked.ballast or BALLAST) * MEGABYTE)
        gateway.csenet("delivery", "hold", "--reason", "the disk is to be filled")
        gateway.up()
        story = Story(gateway, messages.packed(requests, FILE_SIZE))

        story.until_refused()
        full_at, waiting = story.taken * FILE_SIZE, gateway.on_the_way()
        gateway.csenet("delivery", "release")
        wait_until(lambda: gateway.on_the_way() == 0, DRAIN_SECONDS, "the full gateway to drain")
        before, status = room_in(data), story.hand_in()
        # The store's own log may have become shorter by the draining: then there is room.
        full = max(before, room_in(data)) < RESERVE * MEGABYTE
        wrong = ["it took in although its reserve was reached"] if full and status != 503 else []
        (data / "ballast").unlink()
        room = wait_until(lambda: story.hand_in() == 202, PATIENCE, "it to take in again once there was room")
        too_large(story, data)
        after = wait_until(
            lambda: story.hand_in() == 202, PATIENCE, "it to take in again after a commit failed"
        )
        all_gone(story, data)
        again = wait_until(lambda: story.hand_in() == 202, PATIENCE, "it to take in again after all")
        wait_until(lambda: gateway.on_the_way() == 0, DRAIN_SECONDS, "everything to leave")
        gateway.stop()
        arrived = messages.Answers(receiver.arrived())
        decided = gateway.count("inbound").get("decided", 0)
        # A refused file may have been kept all the same; but nothing acknowledged may be missing.
        acknowledged, answered = story.taken * FILE_SIZE, sum(arrived.serials.values())
        wrong += [f"{decided} decided, {acknowledged} acknowledged"] if decided < acknowledged else []
        wrong += [f"{answered} answers to {decided} decided"] if answered != decided else []
        wrong += [f"serial {n} arrived {times} times" for n, times in arrived.serials.items() if times != 1]
        wrong += arrived.wrong + arrived.disorder() + receiver.conflicts + gateway.unsound()
        figures = (
            f"{asked.megabytes} MB: full after {full_at} transactions, {waiting} of them drained meanwhile; "
            f"took in again {room:.2f} s after there was room, {again:.2f} s after not a byte was left; "
            f"{story.refusals} refusals with 503, {after:.2f} s after a commit met a full disk; "
            f"{decided} decided and answered once"
        )
        return Outcome(figures, wrong)


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, megabytes=64, most=40_000, ballast=0))
