"""Translate between EBCDIC, as mainframes write text, and ASCII: one byte for one byte.

Code page 037 comes with Python, code page 1047 does not. Both hold the same 256 characters, those of Latin-1,
and differ in six places: `[ ] ^` and the three that stand there instead. A translation therefore loses
nothing. In EBCDIC a line ends with NEL (0x15); where lines are told by their ends, it reads as LF.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

NEL = b"\x15"
"""The line end of EBCDIC text."""

_LATIN_NEL = b"\x85"
_DIFFERENCES_1047 = {0x5F: "^", 0xAD: "[", 0xB0: "¬", 0xBA: "Ý", 0xBB: "¨", 0xBD: "]"}
_DIFFERENCES_EITHER = {0x5F: "^", 0xAD: "[", 0xB0: "^", 0xBA: "[", 0xBB: "]", 0xBD: "]"}


class Encoding(StrEnum):
    """Name a character set of the flat form."""

    ASCII = "ascii"
    CP037 = "cp037"
    CP1047 = "cp1047"


def _page(differences: Mapping[int, str]) -> bytes:
    """Write code page 037 with other characters in some places, as the Latin-1 bytes it stands for."""
    characters = bytes(range(256)).decode("cp037")
    return "".join(differences.get(n, each) for n, each in enumerate(characters)).encode("latin-1")


def _inverse(table: bytes) -> bytes:
    return bytes(table.index(n) for n in range(256))


_TO_ASCII: Mapping[Encoding, bytes] = MappingProxyType(
    {
        Encoding.ASCII: bytes(range(256)),
        Encoding.CP037: _page({}),
        Encoding.CP1047: _page(_DIFFERENCES_1047),
    }
)
_FROM_ASCII = MappingProxyType({encoding: _inverse(table) for encoding, table in _TO_ASCII.items()})
_EITHER_PAGE = _page(_DIFFERENCES_EITHER)
"""What a byte means as far as both pages allow it: each of `[ ] ^` may stand in either place.

The characters that lose their places by that may not occur in a transaction.
"""


def decode(data: bytes | bytearray | memoryview, encoding: Encoding) -> bytes:
    """Translate to ASCII; what has no place there becomes the byte of Latin-1, so nothing is lost."""
    return bytes(data).translate(_TO_ASCII[encoding])


def encode(data: bytes, encoding: Encoding) -> bytes:
    """Translate from ASCII: the inverse of `decode`."""
    return data.translate(_FROM_ASCII[encoding])


def reading_table(encoding: Encoding | None, *, lines: bool) -> bytes:
    """Return the table that `bytes.translate` takes to read one code page, or either if it is not known.

    With `lines`, NEL becomes LF.
    """
    table = _EITHER_PAGE if encoding is None else _TO_ASCII[encoding]
    return table.replace(_LATIN_NEL, b"\n") if lines and encoding is not Encoding.ASCII else table


_ASCII_SIGNS = b" 0123456789"
_EBCDIC_SIGNS = bytes([0x40, *range(0xF0, 0xFA)])


def looks_ebcdic(sample: bytes | bytearray | memoryview) -> bool:
    """Tell EBCDIC from ASCII by where the digits and blanks of a header stand."""
    data = bytes(sample)
    # Deleting them and measuring what is left is much quicker than looking at each.
    return len(data.translate(None, _EBCDIC_SIGNS)) < len(data.translate(None, _ASCII_SIGNS))
