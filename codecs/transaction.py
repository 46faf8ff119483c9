"""Turn the bytes of one transaction into values and back, in either direction.

A transaction is a header and the data blocks its seven block counts announce, in the order of the charts. The
header differs by direction: 127 positions on the way to the exchange, 121 on the way from it.
"""

import hashlib
from functools import lru_cache
from typing import Any

import msgspec

from csenet.codecs import blocks
from csenet.codecs.compiler import Codec
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.jsonform import dump as to_json
from csenet.codecs.jsonform import load as from_json
from csenet.codecs.model import (
    BLOCKS,
    COUNTS_END,
    HEADERS,
    MOST_REPEATS,
    REPEATING,
    Direction,
    Reading,
    Transaction,
)

__all__ = [
    "Direction",
    "Reading",
    "Transaction",
    "fingerprint",
    "from_json",
    "mirror",
    "read",
    "to_json",
    "total_length",
    "write",
]

_REPEATS = tuple(name in REPEATING for name in BLOCKS)
_INDICATOR_FIELDS = tuple(HEADERS[Direction.TO_SERVER].layout.field(name) for name in blocks.INDICATORS)


class Counts(msgspec.Struct, frozen=True):
    """Hold what the seven block counts mean: the codec and place of every record that follows the header.

    `places` are codec, offset behind the header, and occurrence. `slots` tell where each block's records
    stand among them: one for a block that comes once, a slice for one that repeats.
    """

    length: int
    places: tuple[tuple[Codec[Any], int, int], ...]
    slots: tuple[tuple[str, int | slice], ...]


@lru_cache(maxsize=4096)
def _counts(digits: str) -> Counts | None:
    """Read the seven block counts; None if one is no count the chart allows."""
    for digit, field in zip(digits, _INDICATOR_FIELDS, strict=False):
        if digit not in (field.values or ()):
            return None
    if len(digits) != len(_INDICATOR_FIELDS):
        return None
    return _arrange([int(digit) for digit in digits])


def _arrange(numbers: list[int]) -> Counts:
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
    return Counts(at, tuple(places), tuple(slots))


def total_length(header_prefix: bytes, direction: Direction) -> int:
    """Return how long the transaction that begins with these bytes must be.

    The first 96 bytes are enough. CodecError if they hold no block counts.
    """
    codec = HEADERS[direction]
    counts = _counts(header_prefix[codec.counts_at].decode("latin-1"))
    if counts is None:
        raise CodecError([_length_problem("the block counts cannot be read", direction)])
    return codec.length + counts.length


def _length_problem(message: str, direction: Direction) -> Problem:
    return Problem(
        code="transaction.length.total",
        severity=Severity.FATAL,
        message=message,
        citation=f"Chart {HEADERS[direction].layout.chart}",
    )


def read(raw: bytes, direction: Direction) -> Reading:
    """Read one transaction, without its line end, and return it together with all its format problems."""
    text = raw.decode("latin-1")
    codec = HEADERS[direction]
    problems: list[Problem] = []
    if len(text) < codec.length:
        message = f"the header takes {codec.length} positions, there are {len(text)}"
        return Reading(None, (_length_problem(message, direction),))
    header = codec.read(text, 0, 1, problems)
    counts = _counts(text[codec.counts_at])
    if counts is None:
        return Reading(None, tuple(problems), header)
    expected = codec.length + counts.length
    if len(text) != expected:
        message = f"the block counts call for {expected} positions, there are {len(text)}"
        return Reading(None, (*problems, _length_problem(message, direction)), header)
    start = codec.length
    found = tuple([block.read(text, start + at, number, problems) for block, at, number in counts.places])
    if problems and any(problem.stops for problem in problems):
        return Reading(None, tuple(problems), header)
    held: dict[str, Any] = {name: found[where] for name, where in counts.slots}
    return Reading(Transaction(header=header, **held), tuple(problems), header)


def write(tx: Transaction, direction: Direction) -> bytes:
    """Write one transaction in canonical form, without a line end.

    Header fields that the direction does not have are left out; the version number, the attachment and the
    overdue indicator have defaults. CodecError lists every value that has no place in its field.
    """
    problems: list[Problem] = []
    digits = ""
    parts: list[str] = []
    for (name, codec), repeats in zip(BLOCKS.items(), _REPEATS, strict=True):
        value = getattr(tx, name)
        records = value if repeats else () if value is None else (value,)
        if len(records) > MOST_REPEATS:
            problems.append(_too_many(name, len(records)))
            records = ()
        digits += str(len(records))
        parts += [codec.write(record, "", n, problems) for n, record in enumerate(records, start=1)]
    head = HEADERS[direction].write(tx.header, digits, 1, problems)
    if problems:
        raise CodecError(problems)
    return (head + "".join(parts)).encode("ascii")


def _too_many(name: str, number: int) -> Problem:
    return Problem(
        code=f"{name}.count.most",
        severity=Severity.ERROR,
        message=f"{number} of a block that can be counted up to {MOST_REPEATS}",
        block=name,
        citation="Chart C-3",
    )


def mirror(tx: Transaction) -> Transaction:
    """Swap the local and the other side's FIPS codes and case IDs, as the exchange does on the way.

    So each state always finds itself as local.
    """
    head = tx.header
    return msgspec.structs.replace(
        tx,
        header=msgspec.structs.replace(
            head,
            local_fips_state=head.other_fips_state,
            local_fips_county=head.other_fips_county,
            local_fips_sub=head.other_fips_sub,
            other_fips_state=head.local_fips_state,
            other_fips_county=head.local_fips_county,
            other_fips_sub=head.local_fips_sub,
            case_id=head.other_case_id,
            other_case_id=head.case_id,
        ),
    )


def fingerprint(raw: bytes, direction: Direction) -> str:
    """Return the SHA-256 (hex) of what the sender wrote: the shared part of the header and all blocks.

    What stands between is stamped on the way, so the same transaction delivered twice has one fingerprint.
    """
    digest = hashlib.sha256(raw[:COUNTS_END])
    digest.update(raw[HEADERS[direction].length :])
    return digest.hexdigest()
