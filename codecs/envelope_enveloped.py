"""Write and open EnvelopedData (AES-256-CBC) and AuthEnvelopedData (AES-256-GCM).

CBC hides but does not protect: content changed on the way comes out as other content.  It is there for
partners who know nothing else, and only with a signature inside.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from pyasn1.type import univ  # type: ignore[import-untyped]
from pyasn1_modules import rfc5083, rfc5084, rfc5652  # type: ignore[import-untyped]

from csenet.codecs import envelope_algorithms as algorithms
from csenet.codecs import envelope_asn1 as asn1
from csenet.codecs.envelope_agreement import EC_KEY, agree_and_unwrap, agree_and_wrap
from csenet.codecs.envelope_keys import EnvelopeError, Identity, Pin, Reason, encryption_key, key_identifier
from csenet.codecs.envelope_signed import issuer_and_serial, named_by

_CBC: Final = "2.16.840.1.101.3.4.1.42"
_GCM: Final = "2.16.840.1.101.3.4.1.46"
_KEY_BYTES: Final = 32
_BLOCK: Final = 16
_NONCE: Final = 12
_TAG: Final = 16
_MOST_RECIPIENTS: Final = 8
# Version, recipients, content (and its tag): nothing that nobody needs and nothing protects.
_SHAPE: Final = b"\x02\x31\x30"
_AUTH_SHAPE: Final = b"\x02\x31\x30\x04"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what was inside, and whether its encryption alone proves that nobody changed it."""

    content: bytes
    authenticated: bool

    def __repr__(self) -> str:
        """Show the size only."""
        return f"Opened(bytes={len(self.content)}, authenticated={self.authenticated})"


def encrypt(content: bytes, recipients: Sequence[Pin], at: datetime, *, authenticated: bool = True) -> bytes:
    """Encrypt ``content`` so that the holder of any one of the certificates can open it.

    Give both certificates of a partner during a roll-over: it opens the message with whichever key it has.
    Raises `EnvelopeError` if there is none, or one is weak, not for encryption or outside its window.
    """
    if not recipients or any(not pin.covers(at) for pin in recipients):
        raise EnvelopeError(Reason.RECIPIENT_WINDOW)
    secret = secrets.token_bytes(_KEY_BYTES)
    infos = sorted(_recipient(pin.certificate, secret) for pin in recipients)
    if authenticated:
        nonce = secrets.token_bytes(_NONCE)
        sealed = AESGCM(secret).encrypt(nonce, content, None)
        name = (_GCM, asn1.tlv(0x30, asn1.octets(nonce), asn1.write(univ.Integer(_TAG))))
        inside = _content_info(name, sealed[:-_TAG])
        whole = asn1.tlv(0x30, b"\x02\x01\x00", asn1.tlv(0x31, *infos), inside, asn1.octets(sealed[-_TAG:]))
        return asn1.wrap(asn1.AUTH_ENVELOPED, whole)
    start = secrets.token_bytes(_BLOCK)
    padder = padding.PKCS7(_BLOCK * 8).padder()
    encryptor = Cipher(AES256(secret), CBC(start)).encryptor()
    body = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    version = b"\x02\x01\x02" if any(info[0] == 0xA1 for info in infos) else b"\x02\x01\x00"
    inside = _content_info((_CBC, asn1.octets(start)), body)
    return asn1.wrap(asn1.ENVELOPED, asn1.tlv(0x30, version, asn1.tlv(0x31, *infos), inside))


def decrypt(message: bytes, identities: Sequence[Identity]) -> Opened:
    """Open an encrypted message with any of our keys, old ones included.

    Raises `EnvelopeError`; everything that goes wrong with keys and content is told alike.
    """
    content_type, der = asn1.unwrap(message)
    if content_type == asn1.AUTH_ENVELOPED and asn1.shape(der) == _AUTH_SHAPE:
        envelope = asn1.read(der, rfc5083.AuthEnvelopedData())
        _demand_nothing_loose(envelope, 0)
        secret = _secret(envelope["recipientInfos"], identities)
        sealed = _encrypted(envelope["authEncryptedContentInfo"])
        return Opened(content=_open_gcm(sealed, bytes(envelope["mac"]), secret), authenticated=True)
    if content_type == asn1.ENVELOPED and asn1.shape(der) == _SHAPE:
        envelope = asn1.read(der, rfc5652.EnvelopedData())
        _demand_nothing_loose(envelope, _version(envelope["recipientInfos"]))
        secret = _secret(envelope["recipientInfos"], identities)
        sealed = _encrypted(envelope["encryptedContentInfo"])
        return Opened(content=_open_cbc(sealed, secret), authenticated=False)
    raise asn1.malformed()


def _content_info(name: asn1.Algorithm, body: bytes) -> bytes:
    kind = asn1.write(univ.ObjectIdentifier(asn1.DATA))
    return asn1.tlv(0x30, kind, asn1.algorithm_der(name), asn1.tlv(0x80, body))


def _recipient(certificate: x509.Certificate, secret: bytes) -> bytes:
    key = encryption_key(certificate)
    rid = issuer_and_serial(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        name = asn1.algorithm_der(algorithms.key_transport())
        encrypted = asn1.octets(algorithms.encrypt_key(key, secret))
        return asn1.tlv(0x30, b"\x02\x01\x00", rid, name, encrypted)
    point, agreement, wrapped = agree_and_wrap(key, secret)
    public = asn1.tlv(0xA1, asn1.algorithm_der((EC_KEY, None)), asn1.tlv(0x03, b"\0", point))
    keys = asn1.tlv(0x30, asn1.tlv(0x30, rid, asn1.octets(wrapped)))
    return asn1.tlv(0xA1, b"\x02\x01\x03", asn1.tlv(0xA0, public), asn1.algorithm_der(agreement), keys)


def _demand_nothing_loose(envelope: Any, version: int) -> None:
    """Refuse another version than the parts call for, and a crowd."""
    if int(envelope["version"]) != version:
        raise asn1.malformed()
    if len(envelope["recipientInfos"]) > _MOST_RECIPIENTS:
        raise asn1.malformed()


def _version(recipients: Any) -> int:
    """Give the version that EnvelopedData must have: 0 exactly if all recipients are of the oldest form."""
    old = all(each.getName() == "ktri" and int(each["ktri"]["version"]) == 0 for each in recipients)
    return 0 if old else 2


def _secret(recipients: Any, identities: Sequence[Identity]) -> bytes:
    """Find the part that is for one of our certificates and get the content key out of it."""
    for recipient in recipients:
        for identity in identities:
            secret = _try(recipient, identity)
            if secret is None:
                continue
            if len(secret) != _KEY_BYTES:
                raise EnvelopeError(Reason.DECRYPTION)
            return secret
    raise EnvelopeError(Reason.RECIPIENT)


def _try(recipient: Any, identity: Identity) -> bytes | None:
    kind = recipient.getName()
    info = recipient[kind]
    if kind == "ktri":
        if not named_by(info["rid"], identity.certificate):
            return None
        if int(info["version"]) != (0 if info["rid"].getName() == "issuerAndSerialNumber" else 2):
            raise asn1.malformed()
        name = asn1.get_algorithm(info["keyEncryptionAlgorithm"])
        return algorithms.decrypt_key(identity.key, name, bytes(info["encryptedKey"]))
    if kind != "kari":
        return None
    if int(info["version"]) != 3:
        raise asn1.malformed()
    for each in info["recipientEncryptedKeys"]:
        if _agreed_by(each["rid"], identity.certificate):
            return agree_and_unwrap(identity.key, info, bytes(each["encryptedKey"]))
    return None


def _agreed_by(rid: Any, certificate: x509.Certificate) -> bool:
    if rid.getName() != "rKeyId":
        return named_by(rid, certificate)
    named = rid["rKeyId"]
    plain = asn1.optional(named, "date") is None and asn1.optional(named, "other") is None
    return plain and bytes(named["subjectKeyIdentifier"]) == key_identifier(certificate)


def _encrypted(info: Any) -> tuple[asn1.Algorithm, bytes]:
    if str(info["contentType"]) != asn1.DATA or asn1.optional(info, "encryptedContent") is None:
        raise asn1.malformed()
    return asn1.get_algorithm(info["contentEncryptionAlgorithm"]), bytes(info["encryptedContent"])


def _open_gcm(sealed: tuple[asn1.Algorithm, bytes], mac: bytes, secret: bytes) -> bytes:
    (oid, parameters), body = sealed
    if oid != _GCM or parameters is None:
        raise algorithms.not_allowed()
    value = asn1.read(parameters, rfc5084.GCMParameters())
    nonce, length = bytes(value["aes-nonce"]), int(value["aes-ICVlen"])
    if (len(nonce), length, len(mac)) != (_NONCE, _TAG, _TAG):
        raise algorithms.not_allowed()
    try:
        return AESGCM(secret).decrypt(nonce, body + mac, None)
    except InvalidTag:
        raise EnvelopeError(Reason.DECRYPTION) from None


def _open_cbc(sealed: tuple[asn1.Algorithm, bytes], secret: bytes) -> bytes:
    (oid, parameters), body = sealed
    if oid != _CBC or parameters is None:
        raise algorithms.not_allowed()
    start = asn1.read_octets(parameters)
    if len(start) != _BLOCK or not body or len(body) % _BLOCK:
        raise EnvelopeError(Reason.DECRYPTION)
    decryptor = Cipher(AES256(secret), CBC(start)).decryptor()
    unpadder = padding.PKCS7(_BLOCK * 8).unpadder()
    try:
        padded = decryptor.update(body) + decryptor.finalize()
        return bytes(unpadder.update(padded) + unpadder.finalize())
    except ValueError:
        raise EnvelopeError(Reason.DECRYPTION) from None
