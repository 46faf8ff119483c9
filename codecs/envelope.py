"""Seal and open CMS envelopes (RFC 5652) around batches and receipts: pure functions over bytes.

`sign` and `verify`, `encrypt` and `decrypt`, and both at once with `seal` and `unseal`.  A signed message
holds its content; a sealed one is the whole signed message, encrypted, so that ``openssl cms -decrypt`` and
``openssl cms -verify`` one after the other open it.  Time is an argument, keys are arguments, and what is
wrong is an `EnvelopeError` whose `Reason` never tells content.

Every bit of a signed message counts: a part that the signature does not cover may have one form only.  In a
message encrypted for two certificates that holds for all but the part that is for the other certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from csenet.codecs import envelope_asn1 as asn1
from csenet.codecs.envelope_algorithms import Scheme
from csenet.codecs.envelope_enveloped import Opened, decrypt, encrypt
from csenet.codecs.envelope_keys import (
    EnvelopeError,
    Identity,
    Pin,
    Reason,
    current,
    fingerprint,
    load_certificates,
    load_identity,
)
from csenet.codecs.envelope_receipt import ReceiptOutcome, SignedReceipt, sign_receipt, verify_receipt
from csenet.codecs.envelope_signed import Verified, sign, verify

__all__ = [
    "MEDIA_TYPE",
    "EnvelopeError",
    "Identity",
    "Opened",
    "Pin",
    "Reason",
    "ReceiptOutcome",
    "Scheme",
    "SignedReceipt",
    "Verified",
    "current",
    "decrypt",
    "encrypt",
    "fingerprint",
    "load_certificates",
    "load_identity",
    "open_message",
    "seal",
    "sign",
    "sign_receipt",
    "unseal",
    "verify",
    "verify_receipt",
]

MEDIA_TYPE: Final = "application/pkcs7-mime"


def seal(
    content: bytes,
    identity: Identity,
    recipients: Sequence[Pin],
    at: datetime,
    *,
    scheme: Scheme | None = None,
    authenticated: bool = True,
) -> bytes:
    """Sign, then encrypt for every one of the recipients' certificates; raises `EnvelopeError`."""
    return encrypt(sign(content, identity, at, scheme), recipients, at, authenticated=authenticated)


def unseal(message: bytes, identities: Sequence[Identity], pins: Sequence[Pin], at: datetime) -> Verified:
    """Decrypt, then check the signature inside; raises `EnvelopeError`.

    Inside CBC every failure is told as one: a stranger who could tell bad padding from a bad signature
    could have us decrypt for him.
    """
    opened = decrypt(message, identities)
    try:
        return verify(opened.content, pins, at)
    except EnvelopeError as error:
        if opened.authenticated:
            raise
        raise EnvelopeError(Reason.DECRYPTION, inner=error.reason) from None


def open_message(
    message: bytes, identities: Sequence[Identity], pins: Sequence[Pin], at: datetime
) -> Verified:
    """Open what a partner sent, signed or sealed; what is only encrypted has no sender and is refused."""
    if asn1.unwrap(message)[0] == asn1.SIGNED:
        return verify(message, pins, at)
    return unseal(message, identities, pins, at)
