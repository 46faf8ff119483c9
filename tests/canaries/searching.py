"""Search bytes for marks in every form in which they could slip out."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from marking import LETTERS, NUMBER, YEAR

Confirm = Callable[[bytes, int], bool]

_DIGEST = re.compile(rb"[0-9a-f]{24,}")
_LONGEST_NUMBER = 9
_AROUND = 64
"""How many bytes before and after a find are looked at to be sure of it."""


class Form:
    """One way of writing a mark: bytes that can be looked for fast, and what makes a find sure."""

    def __init__(self, name: str, needle: bytes, confirm: Confirm = lambda data, at: True) -> None:
        self.name, self.needle, self._confirm = name, needle, confirm

    def count(self, data: bytes) -> int:
        found, at = 0, data.find(self.needle)
        while at >= 0:
            found += self._confirm(data, at)
            at = data.find(self.needle, at + 1)
        return found


def forms() -> list[Form]:
    """List all forms of all marks."""
    return [*_letters(), *_numbers(), *_births()]


def _letters() -> Iterator[Form]:
    low, title = LETTERS.lower(), LETTERS.capitalize()
    for text in (LETTERS, low, title):
        yield Form("raw", text.encode())
        yield Form("reversed", text[::-1].encode())
        yield Form("hex", text.encode().hex().encode())
        yield Form("hex", text.encode().hex().upper().encode())
        yield from (Form("base64", piece) for piece in _pieces(text.encode()))
        yield Form("utf-16", text.encode("utf-16-le"))
    for between in (" ", "-", "."):
        yield Form("spaced", between.join(LETTERS).encode())
    # Both code pages, 037 and 1047, write letters and digits alike.
    yield Form("ebcdic", LETTERS.encode("cp037"))
    yield Form("ebcdic", LETTERS.encode("cp037").hex().encode())


def _numbers() -> Iterator[Form]:
    """Write SSNs; a find inside a digest in hexadecimal or a fraction of a second is chance."""
    yield Form("raw", NUMBER.encode(), _sure(rb"[0-9]{4}", len(NUMBER)))
    yield Form("dashed", f"{NUMBER[:3]}-{NUMBER[3:]}-".encode())
    yield Form("spaced", f"{NUMBER[:3]} {NUMBER[3:]} ".encode())
    yield Form("spaced", b" ".join(NUMBER.encode()[at : at + 1] for at in range(5)))
    yield Form("reversed", NUMBER[::-1].encode(), _sure(rb"[0-9]{4}", -4))
    digits = NUMBER.encode().hex().encode()
    yield Form("hex", digits, _matches(rb"(3[0-9]){9}"))
    yield Form("base64", _pieces(NUMBER.encode())[0], _decodes)
    yield Form("base64", _pieces(NUMBER.encode())[1], _decodes)
    yield Form("base64", _pieces(NUMBER.encode())[2], _decodes)
    yield Form("utf-16", NUMBER.encode("utf-16-le"))
    yield Form("ebcdic", NUMBER.encode("cp037"), _matches(rb"[\xf0-\xf9]{9}"))
    yield Form("ebcdic", NUMBER.encode("cp037").hex().encode(), _matches(rb"(f[0-9]){9}"))


def _births() -> Iterator[Form]:
    """Write birth dates; the year alone says nothing."""
    year = f"{YEAR}"
    alone = _within(rb"(?<![0-9])%s(0[1-9]|1[0-2])(0[1-9]|[12][0-9])(?![0-9])" % year.encode())
    yield Form("raw", year.encode(), alone)
    yield Form("dashed", f"{year}-0".encode(), _matches(rb"[0-9]{4}-0[1-9]-[0-3][0-9]"))
    yield Form("dashed", f"{year}-1".encode(), _matches(rb"[0-9]{4}-1[0-2]-[0-3][0-9]"))
    yield Form("ebcdic", year.encode("cp037"), _matches(rb"[\xf0-\xf9]{8}"))


def _pieces(mark: bytes) -> list[bytes]:
    """Give what of a mark stands in base64, whatever comes before and after it."""
    found = []
    for before in range(3):
        text = base64.b64encode(b"\0" * before + mark)
        found.append(text[-(-before * 8 // 6) : (before + len(mark)) * 8 // 6])
    return found


def _matches(pattern: bytes) -> Confirm:
    wanted = re.compile(pattern)
    return lambda data, at: wanted.match(data, at) is not None


def _within(pattern: bytes) -> Confirm:
    wanted = re.compile(pattern)
    return lambda data, at: wanted.match(data, at) is not None and not _is_digest(data, at)


def _sure(pattern: bytes, away: int) -> Confirm:
    wanted = re.compile(pattern)

    def sure(data: bytes, at: int) -> bool:
        found = wanted.match(data, max(0, at + away)) is not None
        return found and not _is_digest(data, at) and not _is_measured(data, at)

    return sure


def _is_digest(data: bytes, at: int) -> bool:
    """Say whether a place lies in a long run of hexadecimal digits with letters among them."""
    start = max(0, at - _AROUND)
    return any(
        run.start() + start <= at < run.end() + start and re.search(rb"[a-f]", run[0])
        for run in _DIGEST.finditer(data[start : at + _AROUND])
    )


def _is_measured(data: bytes, at: int) -> bool:
    """Say whether a place lies among the many digits after the point of a number that was measured."""
    before = re.search(rb"[0-9]\.[0-9]*$", data[max(0, at - 20) : at])
    after = re.match(rb"[0-9]*", data[at : at + 20])
    return before is not None and after is not None and len(before[0]) - 2 + len(after[0]) > _LONGEST_NUMBER


def _decodes(data: bytes, at: int) -> bool:
    """Decode what stands around a find, at each of the four places where base64 may begin."""
    around = re.search(rb"[A-Za-z0-9+/_-]*$", data[max(0, at - 16) : at])
    first = at - len(around[0]) if around else at
    run = re.match(rb"[A-Za-z0-9+/_-]*", data[first : at + 24])
    text = (run[0] if run else b"").replace(b"-", b"+").replace(b"_", b"/")
    for skip in range(4):
        piece = text[skip:]
        piece = piece[:-1] if len(piece) % 4 == 1 else piece + b"=" * (-len(piece) % 4)
        try:
            if re.search(NUMBER.encode() + rb"[0-9]{4}", base64.b64decode(piece)):
                return True
        except binascii.Error:
            continue
    return False


def search(data: bytes, known: list[Form]) -> Counter[str]:
    """Count finds by form."""
    return Counter({form.name: number for form in known if (number := form.count(data))})


def search_file(path: Path, known: list[Form]) -> Counter[str]:
    """Search a file, its name included, piece by piece."""
    found = search(path.name.encode(), known)
    size, overlap = 32 << 20, 256
    with path.open("rb") as file:
        before = b""
        while piece := file.read(size):
            found += search(before + piece, known)
            before = piece[-overlap:]
    return found
