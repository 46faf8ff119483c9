"""Say what is measured, against what, and what it should come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec


class Size(NamedTuple):
    """Say how much is measured: transactions and rounds of a figure, and rows of the large tables."""

    transactions: int = 1000
    rounds: int = 5
    rows: int = 1_000_000


QUICK = Size(transactions=30, rounds=1, rows=1000)
"""Enough to see that everything runs, too little to believe the figures."""


class Target(NamedTuple):
    """Describe a figure: a ratio that should not be above ``bound``, or with ``least`` not below it."""

    name: str
    label: str
    bound: float
    least: bool = False


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what was measured: ours and the baseline's in ``unit``, and their ratio.

    ``processor`` is the ratio of the processor time of both, where that was measured as well: a busy machine
    stretches what the clock shows and leaves this nearly as it is.
    """

    name: str
    label: str
    ours: float
    baseline: float
    unit: str
    ratio: float
    target: str
    met: bool
    processor: float | None = None


WHOLE_BATCHES = Target("whole_way_batches", "file to settled delivery, 100 a POST, against decoding", 8)
WHOLE_SINGLE = Target("whole_way_single", "file to settled delivery, one POST each, against decoding", 14)
ACKNOWLEDGED = Target("acknowledged", "202 from 64 connections, against no journal", 0.4, least=True)
ANSWER_P50 = Target("answer_p50", "request in to answer delivered, idle, p50, against two appends", 8)
ANSWER_P99 = Target("answer_p99", "request in to answer delivered, idle, p99, against two appends", 20)
SLOW_ANSWER = Target("slow_answer_p50", "the same on a disk that takes 2 ms, against two appends", 1)
GROUPED = Target("grouped", "202 from 64 connections, 2 ms disk, against a commit each", 12, least=True)
POSTGRES = Target("postgres", "the way in batches on PostgreSQL, against SQLite's", 0.6, least=True)
DEQUEUED = Target("dequeued", "delivery rate after many settled, against the first", 0.9, least=True)
SEALED = Target("sealed", "throughput with content sealed and findable, against without", 0.85, least=True)
INSERTED = Target("inserted", "insert rate at many rows, against the first tenth", 0.85, least=True)


class Pair(NamedTuple):
    """Hold one round: what ours came to, the baseline beside it, and the ratio of their processor times."""

    ours: float
    baseline: float
    processor: float | None = None


def figure(target: Target, rounds: Sequence[Pair], unit: str) -> Figure:
    """Take the medians of the rounds; the ratio is the median of theirs, not the ratio of the medians."""
    ratio = statistics.median(each.ours / each.baseline for each in rounds)
    processor = [each.processor for each in rounds if each.processor is not None]
    return Figure(
        name=target.name,
        label=target.label,
        ours=round(statistics.median(each.ours for each in rounds), 3),
        baseline=round(statistics.median(each.baseline for each in rounds), 3),
        unit=unit,
        ratio=round(ratio, 2),
        target=f"{'>=' if target.least else '<='} {target.bound:g}",
        met=ratio >= target.bound if target.least else ratio <= target.bound,
        processor=round(statistics.median(processor), 2) if processor else None,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def as_json(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Write figures as JSON."""
    return [msgspec.to_builtins(each) for each in figures]
