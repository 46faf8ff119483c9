"""Read and write the ASN.1 of CMS messages, so strictly that one value has one form.

Whoever may write the same value in two ways can change a message without anybody noticing.  Therefore only
DER is read: what was read is written again, and must come out byte for byte.  Messages in BER with lengths
left open, as programs write them that sign while they send, are first put into DER.

The structures are pyasn1-modules' of RFC 5652, 5083 and 5753, which carry no types: this module and its
callers in the package see them as ``Any``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from pyasn1.codec.der.decoder import decode  # type: ignore[import-untyped]
from pyasn1.codec.der.encoder import encode  # type: ignore[import-untyped]
from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]
from pyasn1.type import univ, useful  # type: ignore[import-untyped]
from pyasn1_modules import rfc5652  # type: ignore[import-untyped]

from csenet.codecs.envelope_keys import EnvelopeError, Reason

DATA: Final = str(rfc5652.id_data)
SIGNED: Final = str(rfc5652.id_signedData)
ENVELOPED: Final = str(rfc5652.id_envelopedData)
AUTH_ENVELOPED: Final = "1.2.840.113549.1.9.16.1.23"
NULL: Final = b"\x05\x00"

# No structure of CMS goes deeper than this; certificates with their names do not either.
_DEEPEST: Final = 24
_MOST_VALUES: Final = 20_000

_OCTETS, _OID, _SEQUENCE, _SET, _CONTEXT_0 = 0x04, 0x06, 0x30, 0x31, 0xA0

Algorithm = tuple[str, bytes | None]
"""An algorithm's dotted number and its parameters in DER; None where they are absent."""


def malformed() -> EnvelopeError:
    """Make the refusal of bytes that are not what they should be; it says nothing about them."""
    return EnvelopeError(Reason.MALFORMED)


def read(der: bytes, spec: Any) -> Any:
    """Read one value and nothing besides; raises `EnvelopeError` unless it is in DER to the last bit."""
    try:
        value, rest = decode(der, asn1Spec=spec)
        if rest or bytes(encode(value)) != der:
            raise malformed()
    # pyasn1 lets other exceptions through where lengths or tags are nonsense.
    except (PyAsn1Error, ValueError, TypeError, IndexError, KeyError, AttributeError, RecursionError):
        raise malformed() from None
    return value


def write(value: Any) -> bytes:
    """Write a value in DER."""
    return bytes(encode(value))


def wrap(content_type: str, der: bytes) -> bytes:
    """Put a structure into the outermost ContentInfo."""
    return tlv(_SEQUENCE, write(univ.ObjectIdentifier(content_type)), tlv(_CONTEXT_0, der))


def unwrap(message: bytes) -> tuple[str, bytes]:
    """Take the outermost ContentInfo off: the type's dotted number and the structure in DER."""
    der = to_der(message)
    info = children(der, _SEQUENCE)
    if len(info) != 2 or info[0][0] != _OID or info[1][0] != _CONTEXT_0:
        raise malformed()
    return str(read(info[0], univ.ObjectIdentifier())), body(info[1])


def tlv(tag: int, *parts: bytes) -> bytes:
    """Write a tag of one byte, the length and the parts."""
    size = sum(map(len, parts))
    if size < 0x80:
        return b"".join((bytes((tag, size)), *parts))
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return b"".join((bytes((tag, 0x80 | len(digits))), digits, *parts))


def body(der: bytes) -> bytes:
    """Take tag and length off one value."""
    start, end = _measure(der, 0)
    if end != len(der):
        raise malformed()
    return der[start:end]


def children(der: bytes, tag: int) -> list[bytes]:
    """Cut a constructed value with this tag into its parts."""
    if not der or der[0] != tag:
        raise malformed()
    inside = body(der)
    found, place = [], 0
    while place < len(inside):
        _, end = _measure(inside, place)
        found.append(inside[place:end])
        place = end
    return found


def shape(der: bytes) -> bytes:
    """Give the tags of a sequence's parts, which say what is there and what was left out."""
    return bytes(part[0] for part in children(der, _SEQUENCE))


def _measure(der: bytes, place: int) -> tuple[int, int]:
    """Give where the content of the value at ``place`` starts and ends; lengths in DER only."""
    if place + 2 > len(der) or der[place] & 0x1F == 0x1F:
        raise malformed()
    first, start = der[place + 1], place + 2
    if first < 0x80:
        size = first
    else:
        count = first & 0x7F
        digits = der[start : start + count]
        size = int.from_bytes(digits, "big")
        start += count
        if not 1 <= count <= 4 or len(digits) < count or digits[0] == 0 or size < 0x80:
            raise malformed()
    if start + size > len(der):
        raise malformed()
    return start, start + size


def to_der(message: bytes) -> bytes:
    """Give a message in DER: as it is, or put into DER if its outermost length is left open."""
    if message[:2] != bytes((_SEQUENCE, 0x80)):
        _walk(message)
        return message
    der, end = _Definite(message).value(0, 0)
    if end != len(message):
        raise malformed()
    return der


def _walk(der: bytes) -> None:
    """Refuse open lengths, depth and sheer numbers before a slow reader sees them."""
    waiting, seen = [(0, len(der), 0)], 0
    if not der or _measure(der, 0)[1] != len(der):
        raise malformed()
    while waiting:
        place, stop, depth = waiting.pop()
        while place < stop:
            start, end = _measure(der, place)
            seen += 1
            if end > stop or depth > _DEEPEST or seen > _MOST_VALUES:
                raise malformed()
            if der[place] & 0x20:
                waiting.append((start, end, depth + 1))
            place = end


class _Definite:
    """Put one BER value into DER: lengths counted, strings in pieces joined, sets in order."""

    def __init__(self, ber: bytes) -> None:
        self._ber = ber
        self._seen = 0

    def value(self, place: int, depth: int) -> tuple[bytes, int]:
        """Rewrite the value at ``place``; give it with the place behind it."""
        self._seen += 1
        if depth > _DEEPEST or self._seen > _MOST_VALUES or place + 2 > len(self._ber):
            raise malformed()
        tag = self._ber[place]
        if not tag & 0x20:
            start, end = _measure(self._ber, place)
            return tlv(tag, self._ber[start:end]), end
        parts, end = self._parts(place, depth)
        return _constructed(tag, parts), end

    def _parts(self, place: int, depth: int) -> tuple[list[bytes], int]:
        open_ended = self._ber[place + 1] == 0x80
        start, end = (place + 2, len(self._ber)) if open_ended else _measure(self._ber, place)
        parts: list[bytes] = []
        while start < end:
            if open_ended and self._ber[start : start + 2] == b"\0\0":
                return parts, start + 2
            part, start = self.value(start, depth + 1)
            parts.append(part)
        if open_ended or start != end:
            raise malformed()
        return parts, end


def _constructed(tag: int, parts: list[bytes]) -> bytes:
    """Write a constructed value; the places where CMS has strings in pieces are two."""
    if tag == _OCTETS | 0x20:
        return tlv(_OCTETS, *_pieces(parts))
    if tag == _SET:
        parts = sorted(parts)
    # EncryptedContentInfo: type, algorithm, and the content under a tag that hides that it is a string.
    if tag == _SEQUENCE and [part[0] for part in parts] == [_OID, _SEQUENCE, _CONTEXT_0]:
        parts[2] = tlv(0x80, *_pieces(children(parts[2], _CONTEXT_0)))
    return tlv(tag, *parts)


def _pieces(parts: list[bytes]) -> list[bytes]:
    if any(part[0] != _OCTETS for part in parts):
        raise malformed()
    return [body(part) for part in parts]


def optional(value: Any, name: str) -> Any:
    """Give a part that may be left out; None if it was."""
    return value.getComponentByName(name, default=None, instantiate=False)


def get_algorithm(value: Any) -> Algorithm:
    """Take an AlgorithmIdentifier apart."""
    parameters = optional(value, "parameters")
    return str(value["algorithm"]), None if parameters is None else bytes(parameters)


def algorithm_der(algorithm: Algorithm) -> bytes:
    """Write an AlgorithmIdentifier by itself."""
    return tlv(_SEQUENCE, write(univ.ObjectIdentifier(algorithm[0])), algorithm[1] or b"")


def octets(data: bytes) -> bytes:
    """Write an OCTET STRING."""
    return tlv(_OCTETS, data)


def read_octets(der: bytes) -> bytes:
    """Read an OCTET STRING."""
    return bytes(read(der, univ.OctetString()))


def utc_time(moment: datetime) -> bytes:
    """Write a moment as CMS wants it: two digits of the year until 2049, four from then on."""
    text = moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    return write(useful.UTCTime(text[2:]) if text[:4] < "2050" else useful.GeneralizedTime(text))


def read_time(der: bytes) -> datetime:
    """Read a moment that `utc_time` or another writer of DER has written."""
    try:
        text = body(der).decode("ascii")
        if der[0] == 0x17:
            text = ("20" if text[:2] < "50" else "19") + text
        moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except (ValueError, IndexError):
        raise malformed() from None
    if der != utc_time(moment):
        raise malformed()
    return moment
