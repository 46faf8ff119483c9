"""Put batches into the CMS envelope that a partner demands, and believe only the receipts that it signed.

What is demanded stands with the partner in ``partners.toml``; which certificates count is asked at each try,
so that a roll-over needs no restart: while two of the partner's are in force both can open what we send.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from csenet.codecs.envelope import (
    MEDIA_TYPE,
    EnvelopeError,
    Identity,
    Pin,
    ReceiptOutcome,
    SignedReceipt,
    encrypt,
    seal,
    sign,
    verify_receipt,
)
from csenet.gateway.partners import EXCHANGE, Demand, Partners
from csenet.gateway.store.receipts import Told

PLAIN: Final = "application/octet-stream"


class NotWrapped(Exception):  # noqa: N818 - told to a person as a setting to mend
    """Report that the envelope could not be made, in one word of ours."""


class Wrapper:
    """Wrap for one partner, by what the table in force says of it."""

    def __init__(
        self,
        partners: Callable[[], Partners | None],
        identities: Sequence[Identity],
        *,
        partner: str = EXCHANGE,
    ) -> None:
        """Remember whom to ask, and our own keys: the one in use first, then the one that follows."""
        self._partners = partners
        self._identities = tuple(identities)
        self._partner = partner

    @property
    def demand(self) -> Demand:
        """Give what the partner demands now."""
        table = self._partners()
        return Demand() if table is None else table.demand(self._partner)

    def wrap(self, payload: bytes, at: datetime) -> tuple[bytes, str]:
        """Give the bytes to send and their media type; raises `NotWrapped` without the key for it."""
        kind = self.demand.envelope
        if kind == "none":
            return payload, PLAIN
        try:
            return self._wrapped(kind, payload, at), MEDIA_TYPE
        except EnvelopeError as error:
            raise NotWrapped(f"envelope_{error.reason.value}") from None

    def receipt(self, stated: dict[str, Any], key: str, sha256: str, at: datetime) -> SignedReceipt:
        """Check the signed receipt in an answer; raises `EnvelopeError`, or ``LookupError`` without one."""
        signed = stated.get("signed_receipt")
        if not isinstance(signed, str):
            raise LookupError("no signed receipt")
        try:
            raw = base64.b64decode(signed, validate=True)
        except (binascii.Error, ValueError):
            raise LookupError("no signed receipt") from None
        return verify_receipt(raw, self._pins("sign", at), at, key=key, sha256=sha256)

    def _wrapped(self, kind: str, payload: bytes, at: datetime) -> bytes:
        if kind == "signed":
            return sign(payload, self._ours(at), at)
        recipients = self._pins("encrypt", at)
        if not recipients:
            raise NotWrapped("envelope_no_recipient")
        if kind == "encrypted":
            return encrypt(payload, recipients, at)
        return seal(payload, self._ours(at), recipients, at)

    def _ours(self, at: datetime) -> Identity:
        for each in self._identities:
            if Pin(each.certificate).covers(at):
                return each
        raise NotWrapped("envelope_no_key")

    def _pins(self, use: Any, at: datetime) -> tuple[Pin, ...]:
        table = self._partners()
        return () if table is None else table.pins(use, at, self._partner)


def told_of(told: Told, signed: SignedReceipt) -> Told:
    """Believe the signed words before the plain ones."""
    return msgspec.structs.replace(
        told, signed=True, outcome=signed.outcome.value, sha256=signed.sha256, stated_at=signed.time
    )


def refused(signed: SignedReceipt) -> bool:
    """Say whether the receipt says that the batch was refused."""
    return signed.outcome is ReceiptOutcome.REFUSED
