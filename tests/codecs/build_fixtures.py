"""Write the flat golden files from the JSON ones, by the columns of `by_hand`, without the codec.

Run `python tests/codecs/build_fixtures.py` after a change of a JSON file or of a damaged one described here.
"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RECEIVED = {"date_received": "2026-11-21", "time_received": "03:15:00"}
"""What the exchange stamps on everything it delivers in the fixtures."""


def _by_hand() -> ModuleType:
    spec = importlib.util.spec_from_file_location("by_hand", Path(__file__).with_name("by_hand.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


by_hand = _by_hand()


def load(slug: str) -> Any:
    """Read one transaction's JSON form."""
    return json.loads((FIXTURES / "transactions" / f"{slug}.json").read_text("utf-8"))


def slugs() -> list[str]:
    """Name every golden transaction."""
    return sorted(path.stem for path in (FIXTURES / "transactions").glob("*.json"))


def golden() -> dict[str, bytes]:
    """Return every flat golden file by name."""
    files: dict[str, bytes] = {}
    for slug in slugs():
        files[f"transactions/{slug}.to-server.txt"] = by_hand.to_server(load(slug)) + b"\n"
        files[f"transactions/{slug}.from-server.txt"] = by_hand.from_server(load(slug), RECEIVED) + b"\n"
    return files


def _received(slug: str) -> bytes:
    return by_hand.from_server(load(slug), RECEIVED)


def _over(raw: bytes, position: int, text: bytes) -> bytes:
    """Write over a record from a position (1-based)."""
    return raw[: position - 1] + text + raw[position - 1 + len(text) :]


def malformed() -> dict[str, bytes]:
    """Return every damaged or unusual file by name; positions are those of the charts, after a 121 header."""
    closing, request, balances = _received("msc-p-gsc17"), _received("msc-r-grint"), _received("msc-p-gstai")
    case, ncp, child, order = 121, 121 + 351, 121 + 351 + 181 + 341, 121 + 351 + 181 + 2 * 341
    files = {
        "bad-header": _over(_over(_over(closing, 1, b"A7"), 34, b"X"), 38, b"20261345"),
        "blank-serial": _over(closing, 18, b" " * 12),
        "short-line": closing[:-17],
        "long-line": closing + b"   X",
        "too-short-for-a-header": closing[:60],
        "bad-triple": _over(closing, 76, b"ZZZZZ"),
        "count-not-a-digit": _over(closing, 93, b"?"),
        "count-too-high": _over(closing, 93, b"3"),
        "case-counted-twice": _over(closing, 90, b"2"),
        "non-ascii-byte": _over(closing, ncp + 3, b"\xd6"),
        "bad-date": _over(closing, ncp + 66, b"19850230"),
        "bad-code": _over(closing, case + 2, b"X"),
        "bad-digits": _over(closing, ncp + 57, b"90055O1O1"),
        "bad-money": _over(request, order + 37, b"0000004I2.00"),
        "leading-blank-case-id": _over(closing, 46, b" 01234567902   "),
        "many-problems": _over(
            _over(_over(request, ncp + 66, b"20269999"), child + 76, b"Q"), order + 86, b"12 DOLLARS  "
        ),
        "lower-case": _over(closing, ncp + 1, b"Fernwood"),
        "right-justified": _over(closing, ncp + 22, b"         GARRETT"),
        "zero-filled": _over(_over(closing, 81, b"00000000"), ncp + 121, b"000000000"),
        "other-money-form": _over(request, order + 37, b"+00000412.00"),
    }
    lines = {name: raw + b"\n" for name, raw in files.items()}
    lines["damaged-neighbours"] = b"\r\n".join((request, closing[:200], balances, b"", request, b""))
    lines["unbroken-with-damage"] = request + _over(closing, 14 + 1, b"#0#") + balances
    return {f"malformed/{name}.txt": content for name, content in lines.items()}


def main() -> None:
    """Write all files."""
    for name, content in (golden() | malformed()).items():
        (FIXTURES / name).write_bytes(content)


if __name__ == "__main__":
    main()
