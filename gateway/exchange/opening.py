"""Open the envelopes that states send to the simulated exchange, and sign its receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from csenet.codecs.envelope import (
    EnvelopeError,
    Identity,
    Pin,
    ReceiptOutcome,
    decrypt,
    open_message,
    sign_receipt,
)


class Opener(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the exchange's keys, the newest last, and the certificates that each state signs with."""

    identities: Sequence[Identity]
    states: Mapping[str, Sequence[Pin]]

    def opened(self, sender: str, raw: bytes, at: datetime) -> bytes:
        """Take the envelope off; raises `EnvelopeError`.

        One that is only encrypted is taken as well: who sent it is known by the caller's secret.
        """
        pins = [each for each in self.states.get(sender, ()) if each.covers(at)]
        try:
            return open_message(raw, self.identities, pins, at).content
        except EnvelopeError as error:
            try:
                inside = decrypt(raw, self.identities).content
            except EnvelopeError:
                raise error from None
            # What is signed inside had to be signed right; a flat record is never of this form.
            if inside[:1] == b"0" and inside[1:2] >= b"\x80":
                raise error from None
            return inside

    def receipt(self, key: str, sha256: str, outcome: ReceiptOutcome, at: datetime) -> bytes:
        """Sign with the newest key that counts at that moment."""
        ours = [each for each in self.identities if Pin(each.certificate).covers(at)]
        return sign_receipt(key, sha256, at, outcome, ours[-1])
