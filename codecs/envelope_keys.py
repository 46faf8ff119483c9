"""Hold the certificates and keys of envelopes: which are strong enough, and when each of them counts.

A partner's certificate counts because it was agreed with the partner and stands in our table (it is
*pinned*), not because somebody signed it.  Each has a window; two windows that overlap make a roll-over in
which either certificate is good, so that nothing sent before, during or after it is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

SMALLEST_RSA: Final = 2048
# Larger keys only slow down whoever has to check them.
LARGEST_RSA: Final = 8192
CURVES: Final = (ec.SECP256R1, ec.SECP384R1)
HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Reason(StrEnum):
    """Say why an envelope was refused, without a word of what was in it."""

    MALFORMED = "malformed"
    NOT_ALLOWED = "algorithm_not_allowed"
    WEAK_KEY = "weak_key"
    KEY_USAGE = "key_usage"
    KEY_MISMATCH = "key_mismatch"
    SIGNER_UNKNOWN = "signer_unknown"
    SIGNER_WINDOW = "signer_outside_window"
    SIGNING_TIME = "signing_time"
    SIGNATURE = "signature"
    DIGEST = "content_digest"
    RECIPIENT = "not_for_us"
    RECIPIENT_WINDOW = "recipient_outside_window"
    DECRYPTION = "decryption"
    RECEIPT = "receipt"


class EnvelopeError(ValueError):
    """Refuse an envelope or a key; ``reason`` and the text are the same word and may be logged.

    ``inner`` is what was found inside an envelope whose encryption does not protect itself.  It may go into
    our log but never to the sender: from such answers a stranger could learn the content bit by bit.
    """

    def __init__(self, reason: Reason, inner: Reason | None = None) -> None:
        """Keep the reason."""
        super().__init__(reason.value)
        self.reason = reason
        self.inner = inner


class Identity(msgspec.Struct, frozen=True):
    """Hold one of our own certificates with its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    def __repr__(self) -> str:
        """Show which certificate it is and nothing of the key."""
        return f"Identity({fingerprint(self.certificate)})"


class Pin(msgspec.Struct, frozen=True):
    """Hold a partner's certificate and from when to when we agreed to use it; ``until`` is not included."""

    certificate: x509.Certificate
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Say whether the certificate counts at a moment, by our agreement and by its own dates."""
        own = self.certificate.not_valid_before_utc <= at <= self.certificate.not_valid_after_utc
        return own and (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def fingerprint(certificate: x509.Certificate) -> str:
    """Name a certificate by the SHA-256 of its bytes, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def current(pins: Iterable[Pin], at: datetime) -> tuple[Pin, ...]:
    """Give the pins that count at a moment, the one that lasts longest first."""
    return tuple(
        sorted(
            (pin for pin in pins if pin.covers(at)),
            key=lambda pin: pin.certificate.not_valid_after_utc,
            reverse=True,
        )
    )


def public_key(certificate: x509.Certificate) -> PublicKey:
    """Give a certificate's key; raises `EnvelopeError` (weak_key) for a weak key or a weak signature."""
    try:
        key = certificate.public_key()
        hashed = certificate.signature_hash_algorithm
    except Exception:
        raise EnvelopeError(Reason.WEAK_KEY) from None
    if not isinstance(hashed, HASHES):
        raise EnvelopeError(Reason.WEAK_KEY)
    if isinstance(key, rsa.RSAPublicKey) and SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES):
        return key
    raise EnvelopeError(Reason.WEAK_KEY)


def signing_key(certificate: x509.Certificate) -> PublicKey:
    """Give the key of a certificate that may sign."""
    key = public_key(certificate)
    usage = _usage(certificate)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise EnvelopeError(Reason.KEY_USAGE)
    return key


def encryption_key(certificate: x509.Certificate) -> PublicKey:
    """Give the key of a certificate to which content may be encrypted."""
    key = public_key(certificate)
    usage = _usage(certificate)
    if usage is not None:
        allowed = usage.key_encipherment if isinstance(key, rsa.RSAPublicKey) else usage.key_agreement
        if not allowed:
            raise EnvelopeError(Reason.KEY_USAGE)
    return key


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    """Give what a certificate says about its use; one that says nothing may be used for anything."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    except ValueError:
        raise EnvelopeError(Reason.KEY_USAGE) from None


def load_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a PEM text; raises `EnvelopeError` (malformed) if there is none."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise EnvelopeError(Reason.MALFORMED) from None


def load_identity(certificate_pem: bytes, key_pem: bytes) -> Identity:
    """Read a certificate and its unencrypted key; raises `EnvelopeError` if they do not belong together."""
    certificate = load_certificates(certificate_pem)[0]
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        raise EnvelopeError(Reason.MALFORMED) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise EnvelopeError(Reason.WEAK_KEY)
    if key.public_key() != public_key(certificate):
        raise EnvelopeError(Reason.KEY_MISMATCH)
    return Identity(certificate, key)


def names(certificate: x509.Certificate) -> tuple[bytes, int]:
    """Give issuer (DER) and serial number, by which CMS names a certificate."""
    return certificate.issuer.public_bytes(), certificate.serial_number


def key_identifier(certificate: x509.Certificate) -> bytes | None:
    """Give the subject key identifier, by which CMS names a certificate as well."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        return None
    return found.value.digest


Certificates = Sequence[x509.Certificate]
