"""Make the certificates and keys that tests of envelopes need; nobody real has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from csenet.codecs.envelope import Identity, Pin

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def certify(
    name: str,
    key: Any,
    *,
    since: datetime = NOON - YEAR,
    until: datetime = NOON + YEAR,
    usage: x509.KeyUsage | None = None,
) -> x509.Certificate:
    """Make a certificate that its own key signed."""
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if usage is not None:
        made = made.add_extension(usage, critical=True)
    return made.sign(key, hashes.SHA256())


@cache
def identity(kind: str = "rsa", name: str = "minnesota") -> Identity:
    """Give an identity with a key of one kind: rsa, rsa3072, p256 or p384; always the same one."""
    makers: dict[str, Any] = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    }
    key = makers[kind]()
    # openssl judges by the machine's clock, so these have to last.
    return Identity(certify(f"{name} {kind}", key, until=NOON + 30 * YEAR), key)


def pin(who: Identity) -> Pin:
    """Pin an identity's certificate for as long as it lasts."""
    return Pin(who.certificate)


def certificate_pem(who: Identity) -> bytes:
    """Write a certificate for openssl."""
    return who.certificate.public_bytes(Encoding.PEM)


def key_pem(who: Identity) -> bytes:
    """Write a key for openssl."""
    return who.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def usage(**allowed: bool) -> x509.KeyUsage:
    """Write what a key may be used for."""
    every = {
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    }
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in sorted(every)})
