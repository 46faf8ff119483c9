"""csenet bench: how fast this machine reads and writes transactions, beside the plain way of doing it."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from time import perf_counter
from typing import Any, NamedTuple

import click

from csenet.gateway.cli.bench_delivery import delivery
from csenet.gateway.cli.common import Listing, example, json_option, print_json, print_table

ROUNDS = 5
CHUNK = 100
"""Transactions a contender gets at a time: short, so that a busy machine disturbs all of them alike."""

TODAY = date(2026, 11, 21)
HEADER_LENGTH = 127
COUNTS = range(89, 96)
"""Where the seven block counts stand in the header, from 0."""

PLAIN_WAY = (
    "The plain way: reading slices, decodes and strips each field into a dictionary; writing pads each\n"
    "field to its width, an absent value with blanks, cuts what is too long, encodes and joins. It checks\n"
    "nothing, and dates and amounts stay text. Same process, same bytes, turn by turn."
)
"""What the baseline does, so that nobody takes the ratios for more than they are."""

Fields = Sequence[tuple[str, int, int]]


class Figure(NamedTuple):
    """Name a contender, the plain way that it is measured against, and the ratio it should reach."""

    name: str
    label: str
    target: float
    baseline: str


FIGURES = (
    Figure("decode", "decode all fields", 1.9, "plain_decode"),
    Figure("decode_edits", "decode with all edits", 1.5, "plain_decode"),
    Figure("route", "format edits and routing fields", 3.0, "plain_decode"),
    Figure("encode", "encode", 2.6, "plain_encode"),
)


@click.group(cls=Listing)
def bench() -> None:
    """Measure this machine."""


bench.add_command(delivery)


@bench.command(epilog=example("csenet bench codec --mb 1"))
@click.option(
    "--mb", type=click.IntRange(1), default=100, show_default=True, help="Size of the traffic, in 10^6 bytes."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Where the traffic begins.")
@json_option
def codec(mb: int, seed: int, as_json: bool) -> None:
    """Read and write synthetic traffic, and compare with the plain way.

    The plain way is a loop over (name, first, last) that slices, decodes and strips each field into a
    dictionary, and one that pads, cuts and encodes each field and joins them; it checks nothing and leaves
    dates and amounts as text. It runs in the same process on the same bytes,
    turn by turn with ours, so that whatever else the machine does disturbs both. Each figure is the median
    of five rounds.
    """
    raws = _traffic(mb * 1_000_000, seed)
    rounds = [_round(raws) for _ in range(ROUNDS)]
    report = _report(raws, rounds, seed)
    if as_json:
        print_json(report)
        return
    _print(report)


def _traffic(size: int, seed: int) -> list[bytes]:
    """Make the transactions, in flat form as they go to the exchange."""
    from csenet.codecs import generate, transaction

    raws: list[bytes] = []
    total = 0
    for tx in generate.generate(seed=seed):
        raws.append(transaction.write(tx, transaction.Direction.TO_SERVER))
        total += len(raws[-1]) + 1
        if total >= size:
            break
    return raws


def _round(raws: list[bytes]) -> dict[str, list[float]]:
    """Let all contenders work through the traffic once, chunk by chunk; seconds by contender and chunk."""
    from csenet.codecs import transaction

    direction = transaction.Direction.TO_SERVER
    readers = _readers()
    spent: dict[str, list[float]] = {}
    for start in range(0, len(raws), CHUNK):
        chunk = raws[start : start + CHUNK]
        for name, work in readers.items():
            spent.setdefault(name, []).append(_time(work, chunk))
        records = [plain_decode(raw) for raw in chunk]
        spent.setdefault("plain_encode", []).append(_time(plain_encode, records))
        values = [transaction.read(raw, direction).transaction for raw in chunk]
        spent.setdefault("encode", []).append(_time(lambda tx: transaction.write(tx, direction), values))
    return spent


def _readers() -> dict[str, Callable[[bytes], object]]:
    """Give the contenders that start from bytes."""
    from csenet.codecs import transaction, validation

    direction = transaction.Direction.TO_SERVER
    read, route, validate = transaction.read, transaction.route, validation.validate

    def decode_edits(raw: bytes) -> object:
        found = read(raw, direction).transaction
        return found and validate(found, today=TODAY, direction=direction)

    return {
        "plain_decode": plain_decode,
        "decode": lambda raw: read(raw, direction),
        "decode_edits": decode_edits,
        "route": lambda raw: route(raw, direction),
    }


def _time(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Do the work on each item; seconds it took."""
    start = perf_counter()
    for item in items:
        work(item)
    return perf_counter() - start


def _tables() -> tuple[Fields, dict[str, Fields], dict[str, int]]:
    """Give the header's fields, each block's fields and each block's length."""
    from csenet.codecs.model import BLOCKS, HEADERS, Direction

    def plain(layout: Any) -> Fields:
        return [(field.name, field.start, field.end) for field in layout.fields]

    header = plain(HEADERS[Direction.TO_SERVER].layout)
    blocks = {name: plain(codec.layout) for name, codec in BLOCKS.items()}
    return header, blocks, {name: codec.length for name, codec in BLOCKS.items()}


HEADER, BLOCKS, LENGTHS = _tables()


def plain_decode(raw: bytes) -> dict[str, Any]:
    """Read a transaction the plain way: text of every field, nothing checked."""
    found: dict[str, Any] = {"header": _plain_record(raw, 0, HEADER)}
    at = HEADER_LENGTH
    for place, (name, fields) in zip(COUNTS, BLOCKS.items(), strict=True):
        records = []
        for _ in range(int(raw[place : place + 1])):
            records.append(_plain_record(raw, at, fields))
            at += LENGTHS[name]
        found[name] = records
    return found


def _plain_record(raw: bytes, at: int, fields: Fields) -> dict[str, str]:
    record = {}
    for name, start, end in fields:
        record[name] = raw[at + start - 1 : at + end].decode("ascii").strip()
    return record


def plain_encode(transaction: dict[str, Any]) -> bytes:
    """Write a transaction the plain way, from the text of every field, nothing checked."""
    parts = _plain_parts(transaction["header"], HEADER)
    for name, fields in BLOCKS.items():
        for record in transaction[name]:
            parts += _plain_parts(record, fields)
    return b"".join(parts)


def _plain_parts(record: dict[str, str], fields: Fields) -> list[bytes]:
    parts = []
    for name, start, end in fields:
        width = end - start + 1
        parts.append((record.get(name) or "").ljust(width)[:width].encode("ascii"))
    return parts


def _report(raws: list[bytes], rounds: list[dict[str, list[float]]], seed: int) -> dict[str, Any]:
    """Add up the rounds."""
    size = sum(map(len, raws))
    return {
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
        },
        "traffic": {
            "bytes": size,
            "transactions": len(raws),
            "average": round(size / len(raws)),
            "seed": seed,
        },
        "rounds": ROUNDS,
        "plain": PLAIN_WAY.replace("\n", " "),
        "figures": [_figure(figure, rounds, size, len(raws)) for figure in FIGURES],
        "growth": round(statistics.median(_growth(rounds)), 3),
    }


def _figure(figure: Figure, rounds: list[dict[str, list[float]]], size: int, number: int) -> dict[str, Any]:
    ours = [sum(spent[figure.name]) for spent in rounds]
    plain = [sum(spent[figure.baseline]) for spent in rounds]
    ratio = statistics.median(theirs / mine for mine, theirs in zip(ours, plain, strict=True))
    median, plain_median = statistics.median(ours), statistics.median(plain)
    return {
        "name": figure.name,
        "label": figure.label,
        "mb_per_second": round(size / median / 1e6, 1),
        "transactions_per_second": round(number / median),
        "plain_mb_per_second": round(size / plain_median / 1e6, 1),
        "ratio": round(ratio, 2),
        "target": figure.target,
        "reached": ratio >= figure.target,
    }


def _growth(rounds: list[dict[str, list[float]]]) -> Iterator[float]:
    """Compare a transaction's cost at the end of the traffic with that at its beginning."""
    for spent in rounds:
        times, plain = spent["decode"][:-1] or spent["decode"], spent["plain_decode"]
        share = max(1, len(times) // 5)
        last, first = slice(len(times) - share, len(times)), slice(0, share)
        yield (sum(times[last]) / sum(plain[last])) / (sum(times[first]) / sum(plain[first]))


def _print(report: dict[str, Any]) -> None:
    """Print the table and what it was measured on."""
    traffic, machine = report["traffic"], report["machine"]
    rows = [
        (
            each["label"],
            f"{each['mb_per_second']:.1f}",
            f"{each['transactions_per_second']:,}",
            f"{each['plain_mb_per_second']:.1f}",
            f"{each['ratio']:.2f}",
            f"{each['target']:.1f}",
            "yes" if each["reached"] else "no",
        )
        for each in report["figures"]
    ]
    title = (
        f"{traffic['transactions']:,} transactions of {traffic['average']:,} bytes on average, "
        f"{traffic['bytes'] / 1e6:.1f} MB; median of {report['rounds']}"
    )
    columns = ["", "MB/s", "transactions/s", "plain MB/s", "ratio", "target", "reached"]
    print_table(title, columns, rows)
    click.echo(f"Cost of a transaction at the end against the beginning: {report['growth']:.2f}")
    click.echo(PLAIN_WAY)
    click.echo(f"{machine['processors']} processors, {machine['architecture']}, Python {machine['python']}")
