"""Know what the seven block counts of a header mean: which records follow, where, and how to read them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from csenet.codecs import blocks
from csenet.codecs.compiler import Codec
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction, Transaction

_INDICATOR_FIELDS = tuple(HEADERS[Direction.TO_SERVER].layout.field(name) for name in blocks.INDICATORS)


class Counts(msgspec.Struct, frozen=True):
    """Hold what the seven block counts mean: the codec and place of every record that follows the header.

    `places` are codec, offset behind the header, and occurrence. `slots` tell where each block's records
    stand among them: one for a block that comes once, a slice for one that repeats. `checks` recognise the
    records in canonical form; `to_server` and `from_server` read a whole canonical transaction.
    """

    length: int
    places: tuple[tuple[Codec[Any], int, int], ...]
    slots: tuple[tuple[str, int | slice], ...]
    checks: tuple[tuple[Callable[[str, int], object], int], ...]
    to_server: Callable[[str], Transaction]
    from_server: Callable[[str], Transaction]


@lru_cache(maxsize=4096)
def counts_of(digits: str) -> Counts | None:
    """Read the seven block counts; None if one is no count the chart allows."""
    for digit, field in zip(digits, _INDICATOR_FIELDS, strict=False):
        if digit not in (field.values or ()):
            return None
    if len(digits) != len(_INDICATOR_FIELDS):
        return None
    return _arrange([int(digit) for digit in digits])


def _arrange(numbers: Sequence[int]) -> Counts:
    places: list[tuple[Codec[Any], int, int]] = []
    slots: list[tuple[str, int | slice]] = []
    at = 0
    for (name, codec), number in zip(BLOCKS.items(), numbers, strict=True):
        first = len(places)
        for occurrence in range(1, number + 1):
            places.append((codec, at, occurrence))
            at += codec.length
        if number:
            slots.append((name, slice(first, len(places)) if name in REPEATING else first))
    checks = tuple((codec.check.match, place) for codec, place, _ in places)
    readers = (_reader(numbers, HEADERS[direction]) for direction in Direction)
    return Counts(at, tuple(places), tuple(slots), checks, *readers)


def _reader(numbers: Sequence[int], header: Codec[Any]) -> Callable[[str], Transaction]:
    """Make the function that reads a canonical transaction with these block counts in one expression."""
    scope: dict[str, Any] = {"_transaction": Transaction, "header": header.fast_read}
    parts = ["header(text, 0)"]
    at = header.length
    for (name, codec), number in zip(BLOCKS.items(), numbers, strict=True):
        scope[name] = codec.fast_read
        calls = "".join(f"{name}(text, {at + codec.length * place}), " for place in range(number))
        at += codec.length * number
        parts.append(f"({calls})" if name in REPEATING else calls.rstrip(", ") or "None")
    source = f"lambda text: _transaction({', '.join(parts)})"
    made: Callable[[str], Transaction] = eval(source, scope)  # noqa: S307
    return made


def _writer() -> Callable[[Transaction, Callable[[Any, str], str]], tuple[str, str]]:
    """Make the function that writes a canonical transaction, given its header's writer; see below."""
    scope: dict[str, Any] = {f"_{name}": codec.fast_write for name, codec in BLOCKS.items()}
    scope |= {"_astuple": msgspec.structs.astuple, "_digits": "0123456789"}
    digits, parts = "", ""
    for name in BLOCKS:
        number, written = "'1'", f"_{name}({name})"
        if name in REPEATING:
            number, written = f"_digits[len({name})]", f"''.join(map(_{name}, {name}))"
        digits += f"{{{number} if {name} else '0'}}"
        parts += f"{{{written} if {name} else ''}}"
    source = (
        "def write(tx, header_writer):\n"
        f"    header, {', '.join(BLOCKS)}, = _astuple(tx)\n"
        f'    counts = f"{digits}"\n'
        f'    return f"{{header_writer(header, counts)}}{parts}", counts\n'
    )
    exec(source, scope)  # noqa: S102
    made: Callable[[Transaction, Callable[[Any, str], str]], tuple[str, str]] = scope["write"]
    return made


write_canonical = _writer()
"""Write a transaction the short way: its text, which may be too long, and its block counts."""
