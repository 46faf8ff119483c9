"""Write the files of `fixtures/forms`: the same three transactions in each physical form, without the codec.

EBCDIC comes from Python's own code page 037, or from it with the bytes exchanged that code page 1047 has
elsewhere; descriptor words are packed here with `struct`. Run `python tests/codecs/build_forms.py` after a
change.
"""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SLUGS = ("msc-r-grint", "csi-p-fuinf", "lo1-p-lsadr")
HEADERS = {"to-server": 127, "from-server": 121}
LENGTHS = (351, 181, 1421, 341, 254, 70, 416)
"""Charts C-5 to C-11: what each of the seven block counts at 90-96 counts."""

PAGE_1047 = {"^": 0x5F, "[": 0xAD, "]": 0xBD}


def raws(direction: str) -> list[bytes]:
    """Return the three transactions in flat form."""
    folder = FIXTURES / "transactions"
    return [(folder / f"{slug}.{direction}.txt").read_bytes().rstrip(b"\n") for slug in SLUGS]


def parts(raw: bytes, direction: str) -> list[bytes]:
    """Cut a transaction into header and blocks by the columns of the charts."""
    found, at = [raw[: HEADERS[direction]]], HEADERS[direction]
    for digit, length in zip(raw[89:96].decode(), LENGTHS, strict=True):
        for _ in range(int(digit)):
            found.append(raw[at : at + length])
            at += length
    return found


def cp037(raw: bytes) -> bytes:
    """Translate with Python's own table."""
    return raw.decode("ascii").encode("cp037")


def cp1047(raw: bytes) -> bytes:
    """Translate with Python's table but for the characters that stand elsewhere."""
    return bytes(PAGE_1047.get(chr(byte), cp037(bytes([byte]))[0]) for byte in raw)


def word(content: bytes, code: int = 0) -> bytes:
    """Put a record descriptor word before a record."""
    return struct.pack(">HBB", len(content) + 4, code, 0) + content


def block(records: bytes) -> bytes:
    """Put a block descriptor word before a block."""
    return struct.pack(">HH", len(records) + 4, 0) + records


def spanned(records: Iterable[bytes], size: int) -> bytes:
    """Fill every block to its size, cutting records wherever it ends."""
    out, here = b"", b""
    for content in records:
        at, code = 0, 1
        while at < len(content):
            room = size - 4 - len(here) - 4
            if room < 1:
                out, here = out + block(here), b""
                continue
            piece = content[at : at + room]
            last = at + len(piece) == len(content)
            here += word(piece, (0 if at == 0 else 2) if last else code)
            at, code = at + len(piece), 3
    return out + block(here)


def forms(direction: str) -> dict[str, bytes]:
    """Return every file of one direction by name."""
    flat = raws(direction)
    blocks = [part for raw in flat for part in parts(raw, direction)]
    code: Callable[[bytes], bytes] = cp037
    files = {
        "lines-lf.txt": b"".join(raw + b"\n" for raw in flat),
        "lines-crlf.txt": b"".join(raw + b"\r\n" for raw in flat),
        "lines-padded.txt": b"".join(raw.ljust(max(map(len, flat)) + 3) + b"\n" for raw in flat),
        "stream.txt": b"".join(flat),
        "blocks.txt": b"".join(part + b"\n" for part in blocks),
        "lines-cp037.dat": b"".join(code(raw) + b"\x15" for raw in flat),
        "lines-cp1047.dat": b"".join(cp1047(raw) + b"\x15" for raw in flat),
        "stream-cp037.dat": b"".join(map(code, flat)),
        "blocks-cp037.dat": b"".join(code(part) + b"\x25" for part in blocks),
        "v-ascii.dat": b"".join(map(word, flat)),
        "v-cp037.dat": b"".join(word(code(raw)) for raw in flat),
        "v-blocks-cp037.dat": b"".join(word(code(part)) for part in blocks),
        "vb-cp037.dat": block(word(code(flat[0])) + word(code(flat[1]))) + block(word(code(flat[2]))),
        "vbs-cp1047.dat": spanned(map(cp1047, flat), 500),
    }
    return {f"{Path(name).stem}.{direction}{Path(name).suffix}": data for name, data in files.items()}


def main() -> None:
    """Write all files."""
    folder = FIXTURES / "forms"
    folder.mkdir(exist_ok=True)
    for direction in HEADERS:
        for name, content in forms(direction).items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
