"""Certify what was destroyed: a signed document that names no case to whoever does not know it already."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from csenet.gateway.durable import replace_durably
from csenet.gateway.errors import GatewayError

FORM: Final = "csenet purge certificate 1"


FORMER: Final = "former ID"
"""The kind of a row that only names an ID that a case had."""


class CertificateError(GatewayError):
    """Report a certificate, or the key that signs them, that is not what it should be."""


def build(rows: Sequence[Mapping[str, Any]], **about: Any) -> dict[str, Any]:
    """Write down what went: sums of each table, and a keyed digest of each case."""
    records: Counter[str] = Counter()
    for row in rows:
        records.update(row["records"])
    subjects = sorted(row["subject"] for row in rows if row["subject"])
    return {
        "form": FORM,
        **about,
        "from": rows[0]["at"] if rows else None,
        "to": rows[-1]["at"] if rows else None,
        "steps": [row["id"] for row in rows],
        "cases": sum(1 for row in rows if row["subject"] and row["kind"] != FORMER),
        "records": dict(sorted(records.items())),
        "subjects": subjects,
    }


class Signer:
    """Sign with a key of this gateway's own (Ed25519), made at first need."""

    def __init__(self, file: Path) -> None:
        """Read the key, or make it; raises ``CertificateError`` for a file that is none."""
        self._file = file
        self._key = self._read() if file.exists() else self._make()

    @property
    def public(self) -> str:
        """Give the public key as it stands in certificates."""
        return _text(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, document: Mapping[str, Any]) -> bytes:
        """Return the document with key and signature, ready for a file."""
        whole = {**document, "public_key": self.public}
        signature = _text(self._key.sign(_canonical(whole)))
        return msgspec.json.format(msgspec.json.encode({**whole, "signature": signature}), indent=2) + b"\n"

    def _read(self) -> Ed25519PrivateKey:
        try:
            found = load_pem_private_key(self._file.read_bytes(), None)
        except (OSError, ValueError, TypeError):
            raise CertificateError(f"{self._file}: cannot be read as a key") from None
        if not isinstance(found, Ed25519PrivateKey):
            raise CertificateError(f"{self._file}: is a key of another kind")
        return found

    def _make(self) -> Ed25519PrivateKey:
        key = Ed25519PrivateKey.generate()
        data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_durably(self._file, data, 0o600)
        return key


def check(data: bytes) -> dict[str, Any]:
    """Return a certificate whose signature fits; raises ``CertificateError`` for any other."""
    try:
        document = msgspec.json.decode(data)
        signature = base64.b64decode(document.pop("signature"), validate=True)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(document["public_key"], validate=True))
        if document["form"] != FORM:
            raise CertificateError("this is a certificate of another form")
        key.verify(signature, _canonical(document))
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError, ValueError, binascii.Error):
        raise CertificateError("this is no certificate of a purge") from None
    except InvalidSignature:
        raise CertificateError("the certificate was changed after it was signed") from None
    found: dict[str, Any] = document
    return found


def digest_of(data: bytes) -> str:
    """Return the digest under which the audit knows a certificate."""
    return hashlib.sha256(data).hexdigest()


def _canonical(document: Mapping[str, Any]) -> bytes:
    # Once through JSON, so that moments are the text that they are in the file.
    plain = msgspec.json.decode(msgspec.json.encode(document))
    return msgspec.json.encode(plain, order="sorted")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
