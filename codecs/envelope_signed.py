"""Write and check SignedData: one signer, signed attributes, nothing that no signature covers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyasn1.type import univ  # type: ignore[import-untyped]
from pyasn1_modules import rfc5280, rfc5652  # type: ignore[import-untyped]

from csenet.codecs import envelope_algorithms as algorithms
from csenet.codecs import envelope_asn1 as asn1
from csenet.codecs.envelope_keys import (
    EnvelopeError,
    Identity,
    Pin,
    Reason,
    fingerprint,
    key_identifier,
    names,
    signing_key,
)

_CONTENT_TYPE: Final = str(rfc5652.id_contentType)
_DIGEST: Final = str(rfc5652.id_messageDigest)
_TIME: Final = str(rfc5652.id_signingTime)
# Version, digests, content, certificates (or none), signer: no lists of revoked certificates.
_SHAPES: Final = (b"\x02\x31\x30\xa0\x31", b"\x02\x31\x30\x31")
# Version, name, digest, signed attributes, algorithm, signature: no attributes outside the signature.
_SIGNER_SHAPES: Final = (b"\x02\x30\x30\xa0\x30\x04", b"\x02\x80\x30\xa0\x30\x04")
# Two machines' clocks may differ by this much without anybody having cheated.
CLOCK_SKEW: Final = timedelta(minutes=15)


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a checked message says: its content, whose certificate signed it, and when, by its word."""

    content: bytes
    signer: x509.Certificate
    signed_at: datetime | None

    def __repr__(self) -> str:
        """Show who signed, never what."""
        return f"Verified(signer={fingerprint(self.signer)}, bytes={len(self.content)})"


def sign(content: bytes, identity: Identity, at: datetime, scheme: algorithms.Scheme | None = None) -> bytes:
    """Sign ``content`` at a moment; give a whole CMS message in DER with content and certificate in it.

    Raises `EnvelopeError` if our own certificate is weak, not for signing, or outside its dates.
    """
    chosen = scheme or algorithms.Scheme()
    signing_key(identity.certificate)
    if not Pin(identity.certificate).covers(at):
        raise EnvelopeError(Reason.SIGNER_WINDOW)
    attributes = _attributes(algorithms.digest_of(content, chosen.digest), at)
    name, signature = algorithms.sign(identity, chosen, asn1.tlv(0x31, *attributes))
    digest = asn1.algorithm_der(algorithms.digest_algorithm(chosen.digest))
    signer = asn1.tlv(
        0x30,
        b"\x02\x01\x01",
        issuer_and_serial(identity.certificate),
        digest,
        asn1.tlv(0xA0, *attributes),
        asn1.algorithm_der(name),
        asn1.octets(signature),
    )
    whole = asn1.tlv(
        0x30,
        b"\x02\x01\x01",
        asn1.tlv(0x31, digest),
        asn1.tlv(0x30, _oid(asn1.DATA), asn1.tlv(0xA0, asn1.octets(content))),
        asn1.tlv(0xA0, identity.certificate.public_bytes(Encoding.DER)),
        asn1.tlv(0x31, signer),
    )
    return asn1.wrap(asn1.SIGNED, whole)


def verify(message: bytes, pins: Sequence[Pin], at: datetime) -> Verified:
    """Check a signed message against a partner's pinned certificates at a moment.

    Certificates that came with the message prove nothing: they only may be there, and only pinned ones.
    Raises `EnvelopeError` with the reason.
    """
    content_type, der = asn1.unwrap(message)
    if content_type != asn1.SIGNED or asn1.shape(der) not in _SHAPES:
        raise asn1.malformed()
    signed = asn1.read(der, rfc5652.SignedData())
    signer = _only(signed["signerInfos"])
    content = _content(signed)
    _demand_nothing_loose(signed, signer, pins)
    pin = _pin_of(signer["sid"], pins, at)
    made = algorithms.digest_named(asn1.get_algorithm(signer["digestAlgorithm"]))
    attributes = asn1.write(signer["signedAttrs"])
    data = b"\x31" + attributes[1:]
    named = asn1.get_algorithm(signer["signatureAlgorithm"])
    key = signing_key(pin.certificate)
    algorithms.verify(key, named, made, bytes(signer["signature"]), data)
    signed_at = _check_attributes(asn1.children(data, 0x31), algorithms.digest_of(content, made))
    if signed_at is not None and (signed_at > at + CLOCK_SKEW or not _plausible(pin, signed_at)):
        raise EnvelopeError(Reason.SIGNING_TIME)
    return Verified(content=content, signer=pin.certificate, signed_at=signed_at)


def issuer_and_serial(certificate: x509.Certificate) -> bytes:
    """Write the name of a certificate as CMS wants it."""
    issuer, serial = names(certificate)
    return asn1.tlv(0x30, issuer, asn1.write(univ.Integer(serial)))


def named_by(name: Any, certificate: x509.Certificate) -> bool:
    """Say whether a SignerIdentifier or RecipientIdentifier names this certificate."""
    if name.getName() == "subjectKeyIdentifier":
        return bytes(name["subjectKeyIdentifier"]) == key_identifier(certificate)
    return asn1.write(name["issuerAndSerialNumber"]) == issuer_and_serial(certificate)


def _oid(dotted: str) -> bytes:
    return asn1.write(univ.ObjectIdentifier(dotted))


def _attributes(digest: bytes, at: datetime) -> list[bytes]:
    """Write what is signed: type, digest and time, in the order of their bytes as DER wants a set."""
    values = ((_CONTENT_TYPE, _oid(asn1.DATA)), (_DIGEST, asn1.octets(digest)), (_TIME, asn1.utc_time(at)))
    return sorted(asn1.tlv(0x30, _oid(kind), asn1.tlv(0x31, value)) for kind, value in values)


def _only(values: Any) -> Any:
    """Take the one element of a set; more signers would mean more answers to who it was."""
    if len(values) != 1:
        raise asn1.malformed()
    return values[0]


def _content(signed: Any) -> bytes:
    inside = signed["encapContentInfo"]
    if str(inside["eContentType"]) != asn1.DATA or asn1.optional(inside, "eContent") is None:
        raise asn1.malformed()
    return bytes(inside["eContent"])


def _demand_nothing_loose(signed: Any, signer: Any, pins: Sequence[Pin]) -> None:
    """Refuse every part that no signature covers unless it can have one value only."""
    versions = {"issuerAndSerialNumber": 1, "subjectKeyIdentifier": 3}
    expected = versions[signer["sid"].getName()]
    if int(signed["version"]) != expected or int(signer["version"]) != expected:
        raise asn1.malformed()
    if asn1.shape(asn1.write(signer)) not in _SIGNER_SHAPES:
        raise asn1.malformed()
    digests = signed["digestAlgorithms"]
    if [asn1.get_algorithm(each) for each in digests] != [asn1.get_algorithm(signer["digestAlgorithm"])]:
        raise asn1.malformed()
    known = {pin.certificate.public_bytes(Encoding.DER) for pin in pins}
    if any(asn1.write(each) not in known for each in asn1.optional(signed, "certificates") or ()):
        raise EnvelopeError(Reason.SIGNER_UNKNOWN)


def _pin_of(sid: Any, pins: Sequence[Pin], at: datetime) -> Pin:
    named = [pin for pin in pins if named_by(sid, pin.certificate)]
    if not named:
        raise EnvelopeError(Reason.SIGNER_UNKNOWN)
    found = next((pin for pin in named if pin.covers(at)), None)
    if found is None:
        raise EnvelopeError(Reason.SIGNER_WINDOW)
    return found


def _plausible(pin: Pin, signed_at: datetime) -> bool:
    """Say whether the certificate counted when it signed, give or take the clocks."""
    return any(pin.covers(signed_at + shift) for shift in (timedelta(), CLOCK_SKEW, -CLOCK_SKEW))


def _check_attributes(attributes: Sequence[bytes], digest: bytes) -> datetime | None:
    """Demand that the signed attributes speak of this content; give the time of signing if they name one."""
    found: dict[str, bytes] = {}
    for der in attributes:
        attribute = asn1.read(der, rfc5280.Attribute())
        kind, values = str(attribute["type"]), attribute["values"]
        if kind in found or len(values) != 1:
            raise asn1.malformed()
        found[kind] = bytes(values[0])
    if found.get(_CONTENT_TYPE) != _oid(asn1.DATA) or _DIGEST not in found:
        raise asn1.malformed()
    if asn1.read_octets(found[_DIGEST]) != digest:
        raise EnvelopeError(Reason.DIGEST)
    return asn1.read_time(found[_TIME]) if _TIME in found else None
