"""List the algorithms that are allowed, and do nothing with any other.

Signatures: RSA (PSS, PKCS#1 v1.5) and ECDSA on P-256 and P-384, over SHA-256, SHA-384 or SHA-512.  Keys to
content keys: RSA-OAEP (never PKCS#1 v1.5, whose padding answers tell the key) and ECDH with a one-time key.
Content: AES-256 in CBC and in GCM.  SHA-1, MD5, DES in any form and short keys are refused, not warned about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyasn1_modules import rfc4055  # type: ignore[import-untyped]

from csenet.codecs.envelope_asn1 import (
    NULL,
    Algorithm,
    algorithm_der,
    get_algorithm,
    optional,
    read,
    read_octets,
    tlv,
)
from csenet.codecs.envelope_keys import EnvelopeError, Identity, PrivateKey, PublicKey, Reason

Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

DIGESTS: Final[Mapping[str, type[Hash]]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
_OID_OF: Final = {made: oid for oid, made in DIGESTS.items()}
RSA: Final = "1.2.840.113549.1.1.1"
PSS: Final = "1.2.840.113549.1.1.10"
OAEP: Final = "1.2.840.113549.1.1.7"
_MGF1: Final = "1.2.840.113549.1.1.8"
_PKCS1: Final[Mapping[str, type[Hash]]] = {
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
_ECDSA: Final[Mapping[str, type[Hash]]] = {
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
_NOTHING: Final = (None, NULL)


class Scheme(msgspec.Struct, frozen=True):
    """Choose how to sign: the digest, and for RSA keys whether with PSS or the older PKCS#1 v1.5."""

    digest: type[Hash] = hashes.SHA256
    pss: bool = True


def not_allowed() -> EnvelopeError:
    """Make the refusal of an algorithm that is not on the lists."""
    return EnvelopeError(Reason.NOT_ALLOWED)


def digest_algorithm(made: type[Hash]) -> Algorithm:
    """Name a digest; RFC 5754 wants no parameters."""
    return _OID_OF[made], None


def digest_named(algorithm: Algorithm) -> type[Hash]:
    """Find an allowed digest by its name."""
    oid, parameters = algorithm
    if oid not in DIGESTS or parameters not in _NOTHING:
        raise not_allowed()
    return DIGESTS[oid]


def digest_of(data: bytes, made: type[Hash]) -> bytes:
    """Compute a digest."""
    hasher = hashes.Hash(made())
    hasher.update(data)
    return hasher.finalize()


def sign(identity: Identity, scheme: Scheme, data: bytes) -> tuple[Algorithm, bytes]:
    """Sign ``data``; give the algorithm's name as it goes into the message, and the signature."""
    made, key = scheme.digest, identity.key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return (_oid(_ECDSA, made), None), key.sign(data, ec.ECDSA(made()))
    if scheme.pss:
        salt = made.digest_size
        return (PSS, _pss_parameters(made, salt)), key.sign(data, _pss(made, salt), made())
    return (_oid(_PKCS1, made), NULL), key.sign(data, padding.PKCS1v15(), made())


def verify(key: PublicKey, algorithm: Algorithm, made: type[Hash], signature: bytes, data: bytes) -> None:
    """Check a signature over ``data``, whose digest the message names as well.

    Raises `EnvelopeError`: the algorithm is not allowed or does not fit key and digest, or the signature is
    not the key's.
    """
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            _expect(algorithm, {(_oid(_ECDSA, made), None)})
            key.verify(signature, data, ec.ECDSA(made()))
            return
        key.verify(signature, data, _rsa_padding(algorithm, made), made())
    except InvalidSignature:
        raise EnvelopeError(Reason.SIGNATURE) from None


def _rsa_padding(algorithm: Algorithm, made: type[Hash]) -> padding.AsymmetricPadding:
    if algorithm[0] == PSS:
        return _pss(made, _pss_salt(algorithm[1], made))
    named = _oid(_PKCS1, made)
    # RFC 3370 lets a signer name the key's algorithm alone; the digest stands beside it.
    _expect(algorithm, {(RSA, NULL), (named, NULL), (named, None)})
    return padding.PKCS1v15()


def _expect(algorithm: Algorithm, allowed: set[Algorithm]) -> None:
    if algorithm not in allowed:
        raise not_allowed()


def _oid(table: Mapping[str, type[Hash]], made: type[Hash]) -> str:
    return next(oid for oid, each in table.items() if each is made)


def _pss(made: type[Hash], salt: int) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(made()), salt_length=salt)


def _hash_parts(made: type[Hash]) -> tuple[bytes, bytes]:
    """Write the parts that PSS and OAEP share: the digest and the mask made with it."""
    digest = algorithm_der((_OID_OF[made], NULL))
    return tlv(0xA0, digest), tlv(0xA1, algorithm_der((_MGF1, digest)))


def _pss_parameters(made: type[Hash], salt: int) -> bytes:
    return tlv(0x30, *_hash_parts(made), tlv(0xA2, tlv(0x02, bytes((salt,)))))


def _pss_salt(parameters: bytes | None, made: type[Hash]) -> int:
    """Read the length of the salt, and demand the message's own digest everywhere."""
    value = _read_parameters(parameters, rfc4055.RSASSA_PSS_params())
    salt = int(value["saltLength"])
    if _hash_pair(value, "hashAlgorithm", "maskGenAlgorithm") != (made, made):
        raise not_allowed()
    if salt < made.digest_size or salt > 1024 or int(value["trailerField"]) != 1:
        raise not_allowed()
    return salt


def _hash_pair(value: Any, hash_name: str, mask_name: str) -> tuple[type[Hash], type[Hash]]:
    """Read both digests; left out, they would mean SHA-1."""
    hash_value, mask_value = optional(value, hash_name), optional(value, mask_name)
    if hash_value is None or mask_value is None:
        raise not_allowed()
    mask, inner = get_algorithm(mask_value)
    if mask != _MGF1 or inner is None:
        raise not_allowed()
    masked = get_algorithm(read(inner, rfc4055.HashAlgorithm()))
    return digest_named(get_algorithm(hash_value)), digest_named(masked)


def _read_parameters(parameters: bytes | None, spec: Any) -> Any:
    """Read parameters, which must be there."""
    if parameters is None:
        raise not_allowed()
    return read(parameters, spec)


def key_transport(made: type[Hash] = hashes.SHA256) -> Algorithm:
    """Name RSA-OAEP with one digest throughout."""
    return OAEP, tlv(0x30, *_hash_parts(made))


def encrypt_key(key: rsa.RSAPublicKey, secret: bytes, made: type[Hash] = hashes.SHA256) -> bytes:
    """Encrypt a content key with RSA-OAEP."""
    return key.encrypt(secret, _oaep(made, made))


def decrypt_key(key: PrivateKey, algorithm: Algorithm, encrypted: bytes) -> bytes:
    """Decrypt a content key; whatever goes wrong inside is told alike."""
    if algorithm[0] != OAEP:
        raise not_allowed()
    value = _read_parameters(algorithm[1], rfc4055.RSAES_OAEP_params())
    source = optional(value, "pSourceFunc")
    if source is not None and _label(source) != b"":
        raise not_allowed()
    digest, mask = _hash_pair(value, "hashFunc", "maskGenFunc")
    if not isinstance(key, rsa.RSAPrivateKey):
        raise EnvelopeError(Reason.DECRYPTION)
    try:
        return key.decrypt(encrypted, _oaep(digest, mask))
    except ValueError:
        raise EnvelopeError(Reason.DECRYPTION) from None


def _label(source: Any) -> bytes:
    """Read the label of OAEP, which nobody uses."""
    oid, parameters = get_algorithm(source)
    if oid != "1.2.840.113549.1.1.9" or parameters is None:
        raise not_allowed()
    return read_octets(parameters)


def _oaep(digest: type[Hash], mask: type[Hash]) -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(mask()), algorithm=digest(), label=None)
