"""Sign and check receipts: one statement that binds a key, the bytes' SHA-256, a time and an outcome."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from cryptography import x509

from csenet.codecs.envelope_algorithms import Scheme
from csenet.codecs.envelope_keys import EnvelopeError, Identity, Pin, Reason
from csenet.codecs.envelope_signed import sign, verify

_KIND: Final = "csenet-receipt-1"
_KEY: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


class ReceiptOutcome(StrEnum):
    """Say what became of a batch: kept, kept before, or refused."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class SignedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a checked receipt says, and whose certificate says it."""

    key: str
    sha256: str
    time: datetime
    outcome: ReceiptOutcome
    signer: x509.Certificate


class _Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fix the form of the statement; its first word keeps it from being taken for anything else."""

    receipt: Literal["csenet-receipt-1"]
    key: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    time: str
    outcome: ReceiptOutcome


def sign_receipt(
    key: str,
    sha256: str,
    time: datetime,
    outcome: ReceiptOutcome,
    identity: Identity,
    scheme: Scheme | None = None,
) -> bytes:
    """State and sign at ``time`` what became of the bytes with this digest that came under this key.

    Raises ``ValueError`` for a key or digest of another form, `EnvelopeError` for an unusable identity.
    """
    if not _KEY.fullmatch(key) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError("a receipt needs a plain key and a SHA-256 in lower-case hexadecimal")
    stated = _Statement(
        receipt=_KIND,
        key=key,
        sha256=sha256,
        time=time.astimezone(UTC).strftime(_TIME),
        outcome=ReceiptOutcome(outcome),
    )
    return sign(msgspec.json.encode(stated), identity, time, scheme)


def verify_receipt(
    message: bytes, pins: Sequence[Pin], at: datetime, *, key: str | None = None, sha256: str | None = None
) -> SignedReceipt:
    """Check a receipt against the pinned certificates of whoever should have given it.

    With ``key`` and ``sha256`` it must be about that batch and those bytes.  Raises `EnvelopeError`.
    """
    verified = verify(message, pins, at)
    try:
        stated = msgspec.json.decode(verified.content, type=_Statement)
        time = datetime.strptime(stated.time, _TIME).replace(tzinfo=UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise EnvelopeError(Reason.RECEIPT) from None
    about = (key in (None, stated.key), sha256 in (None, stated.sha256))
    if msgspec.json.encode(stated) != verified.content or not all(about):
        raise EnvelopeError(Reason.RECEIPT)
    return SignedReceipt(
        key=stated.key, sha256=stated.sha256, time=time, outcome=stated.outcome, signer=verified.signer
    )
