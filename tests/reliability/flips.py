"""Flip bits, one at a time, in signed and sealed messages and in signed receipts: each must be found.

Messages and receipts signed with RSA and with both curves, and messages sealed with and without an
authenticated cipher, take their share of the flips; the places are chosen at random.
"""

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path

from harness import Outcome, prove

from csenet.codecs import envelope
from csenet.codecs.envelope import EnvelopeError, ReceiptOutcome

sys.path.append(str(Path(__file__).parent.parent / "codecs"))

from envelope_people import NOON, identity, pin

CONTENT = b"27000  20000  003 invented transactions\r\n" * 12
SHA = "ab" * 32
Case = tuple[str, bytes, Callable[[bytes], object]]


def cases() -> list[Case]:
    """Make messages and receipts of every kind, each with what opens it."""
    made: list[Case] = []
    them = identity("p256", "kansas")
    for kind in ("rsa", "p256", "p384"):
        us = identity(kind)
        signed = envelope.sign(CONTENT, us, NOON)
        made.append((f"signed {kind}", signed, lambda each, us=us: envelope.verify(each, [pin(us)], NOON)))
        receipt = envelope.sign_receipt("CSENET-27-1", SHA, NOON, ReceiptOutcome.ACCEPTED, us)
        opened = lambda each, us=us: envelope.verify_receipt(each, [pin(us)], NOON)  # noqa: E731
        made.append((f"receipt {kind}", receipt, opened))
        for safe in (True, False):
            sealed = envelope.seal(CONTENT, us, [pin(them)], NOON, authenticated=safe)
            opened = lambda each, us=us: envelope.unseal(each, [them], [pin(us)], NOON)  # noqa: E731
            made.append((f"sealed {kind} {'GCM' if safe else 'CBC'}", sealed, opened))
    return made


def unnoticed(case: Case, count: int, chance: random.Random) -> tuple[int, list[str]]:
    """Flip ``count`` bits of one message; tell how many were flipped and which passed."""
    name, message, opened = case
    opened(message)
    bits = range(len(message) * 8)
    passed = []
    chosen = bits if len(bits) <= count else chance.sample(bits, count)
    for bit in chosen:
        changed = bytearray(message)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            opened(bytes(changed))
        except EnvelopeError:
            continue
        passed.append(f"{name}: bit {bit} changed, and nobody noticed")
    return len(chosen), passed


def run(asked: argparse.Namespace, _folder: Path) -> Outcome:
    """Flip so many bits over all kinds."""
    chance, made = random.Random(asked.seed), cases()
    each = -(-asked.flips // len(made))
    found = [unnoticed(case, each, chance) for case in made]
    tried, passed = sum(count for count, _ in found), [name for _, names in found for name in names]
    if tried < asked.flips:
        passed.append(f"only {tried} bits to flip")
    return Outcome(f"{tried} bits flipped in {len(made)} kinds of messages and receipts", passed)


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, flips=10_000))
