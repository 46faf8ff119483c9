"""Agree on a key with the holder of an elliptic-curve certificate (RFC 5753), once for each message.

The sender makes a key pair for this message alone; both sides compute the same secret from one private and
the other public key, derive a key from it (X9.63), and that key wraps the content key (RFC 3394).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyasn1_modules import rfc3565, rfc5280  # type: ignore[import-untyped]

from csenet.codecs.envelope_algorithms import Hash, not_allowed
from csenet.codecs.envelope_asn1 import (
    NULL,
    Algorithm,
    algorithm_der,
    get_algorithm,
    malformed,
    octets,
    optional,
    read,
    tlv,
)
from csenet.codecs.envelope_keys import EnvelopeError, PrivateKey, Reason

EC_KEY: Final = "1.2.840.10045.2.1"
_SCHEMES: Final[Mapping[str, type[Hash]]] = {
    "1.3.132.1.11.1": hashes.SHA256,
    "1.3.132.1.11.2": hashes.SHA384,
    "1.3.132.1.11.3": hashes.SHA512,
}
_WRAP: Final = str(rfc3565.id_aes256_wrap)
_WRAP_BITS: Final = 256
_CURVE_NAMES: Final = {
    "secp256r1": bytes.fromhex("06082a8648ce3d030107"),
    "secp384r1": bytes.fromhex("06052b81040022"),
}


def agree_and_wrap(key: ec.EllipticCurvePublicKey, secret: bytes) -> tuple[bytes, Algorithm, bytes]:
    """Wrap a content key for a public key; give our one-time point, the algorithm, and the wrapped key."""
    once = ec.generate_private_key(key.curve)
    made: type[Hash] = hashes.SHA384 if isinstance(key.curve, ec.SECP384R1) else hashes.SHA256
    wrap = algorithm_der((_WRAP, None))
    scheme = next(oid for oid, each in _SCHEMES.items() if each is made)
    wrapped = aes_key_wrap(_derive(once.exchange(ec.ECDH(), key), made, wrap, None), secret)
    point = once.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point, (scheme, wrap), wrapped


def agree_and_unwrap(key: PrivateKey, recipient: Any, wrapped: bytes) -> bytes:
    """Unwrap a content key out of a KeyAgreeRecipientInfo; what goes wrong inside is told alike."""
    oid, wrap = get_algorithm(recipient["keyEncryptionAlgorithm"])
    if oid not in _SCHEMES or wrap is None:
        raise not_allowed()
    wrapping, parameters = get_algorithm(read(wrap, rfc5280.AlgorithmIdentifier()))
    if wrapping != _WRAP or parameters not in (None, NULL):
        raise not_allowed()
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnvelopeError(Reason.DECRYPTION)
    material = optional(recipient, "ukm")
    ukm = None if material is None else bytes(material)
    try:
        shared = key.exchange(ec.ECDH(), _point(recipient["originator"], key.curve))
        return aes_key_unwrap(_derive(shared, _SCHEMES[oid], wrap, ukm), wrapped)
    except (InvalidUnwrap, ValueError):
        raise EnvelopeError(Reason.DECRYPTION) from None


def _point(originator: Any, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    """Read the sender's one-time point, which must be on the recipient's own curve."""
    if originator.getName() != "originatorKey":
        raise not_allowed()
    oid, parameters = get_algorithm(originator["originatorKey"]["algorithm"])
    if oid != EC_KEY or parameters not in (None, NULL, _CURVE_NAMES[curve.name]):
        raise not_allowed()
    bits = originator["originatorKey"]["publicKey"]
    point = bits.asOctets()
    if len(bits) != 8 * len(point) or point[:1] != b"\x04":
        raise malformed()
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)


def _derive(shared: bytes, made: type[Hash], wrap: bytes, ukm: bytes | None) -> bytes:
    """Derive the wrapping key; what it is for goes into it, as RFC 5753, section 7.2 says."""
    entity = b"" if ukm is None else tlv(0xA0, octets(ukm))
    bits = tlv(0xA2, octets(_WRAP_BITS.to_bytes(4, "big")))
    info = tlv(0x30, wrap, entity, bits)
    return X963KDF(algorithm=made(), length=_WRAP_BITS // 8, sharedinfo=info).derive(shared)
