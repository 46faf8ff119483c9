"""Make the metrics of one gateway from their table, with labels that take only known words.

Each gateway has a registry of its own, so that two of them in one process (the demo, tests) count apart.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import msgspec
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from csenet.codecs import codes
from csenet.gateway.intake.pressure import REFUSALS
from csenet.gateway.store.receipts import STATES
from csenet.gateway.store.tables import FILE_KINDS, INBOUND_STATUSES
from csenet.handlers.policy.kept_duties import SIDES

OTHER: Final = "other"
OURS: Final = "ours"
WAITING: Final = ("held", "queued", "sending", "dead")
TASKS: Final = (
    "courier",
    "settle",
    "intake",
    "fetching",
    "receipts",
    "partners",
    "jobs",
    "sampler",
    "watchdog",
)
PARTS: Final = (
    "audit",
    "delivery",
    "exchange",
    "file",
    "gateway",
    "http",
    "intake",
    "job",
    "ledger",
    "notice",
    "partners",
    "receipt",
    "store",
    "tls",
)
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

Meter = Counter | Gauge | Histogram


class Metric(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe one metric: a row of the table."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    group: str
    text: str
    labels: dict[str, str] = {}
    buckets: list[float] = []


@cache
def table() -> tuple[Metric, ...]:
    """Read the table; raises ``ValueError`` for a metric that stands there twice or cannot be."""
    raw = resources.files(__package__).joinpath("metrics.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(raw)["metric"], tuple[Metric, ...])
    known = words()
    for row in rows:
        if (row.kind == "histogram") != bool(row.buckets):
            raise ValueError(f"{row.name}: buckets belong to a histogram, and a histogram has them")
        if (row.kind == "counter") != row.name.endswith("_total"):
            raise ValueError(f"{row.name}: a counter's name ends in _total, and no other's")
        if unknown := set(row.labels.values()) - set(known):
            raise ValueError(f"{row.name}: no set of words {', '.join(sorted(unknown))}")
    if len({row.name for row in rows}) < len(rows):
        raise ValueError("metrics.toml: a name stands there twice")
    return rows


@cache
def words() -> Mapping[str, frozenset[str] | None]:
    """Give the sets of words that labels take; None for one that the code itself keeps small."""
    partners = {*codes.jurisdictions(), "exchange", OURS}
    return {
        "any": None,
        "file_kind": frozenset(FILE_KINDS),
        "in_status": frozenset(INBOUND_STATUSES),
        "waiting_status": frozenset(WAITING),
        "receipt_state": frozenset(STATES),
        "function": frozenset(code.function for code in codes.VALID),
        "partner": frozenset(partners),
        "outcome": frozenset({"delivered", "failed", "dead"}),
        "side": frozenset(SIDES),
        "queue": frozenset({"intake", "outbox"}),
        "certificate_use": frozenset({"http", "delivery", "envelope", "tls", "sign", "encrypt"}),
        "dialect": frozenset({"sqlite", "postgresql"}),
        "task": frozenset(TASKS),
        "part": frozenset(PARTS),
        "clock_source": frozenset({"store", "time_server"}),
        "method": frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"}),
        "refusal": frozenset(REFUSALS),
        "status_class": frozenset({"1xx", "2xx", "3xx", "4xx", "5xx"}),
    }


class Metrics:
    """Count and measure for one gateway."""

    def __init__(self) -> None:
        """Make every counter and histogram; a counter begins at 0, so that its first step shows.

        A gauge is there from its first value on: what was never looked at is no 0.
        """
        # Its moments of creation would double the number of series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._rows = {row.name: row for row in table()}
        self._meters: dict[str, Meter] = {}
        for row in table():
            if row.kind != "gauge":
                self._meters[row.name] = self._make(row)
            if row.kind == "counter":
                self._begin(row)

    def add(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        meter = self._meter(name, labels)
        meter.inc(amount)

    def set(self, name: str, value: float | None, /, **labels: str) -> None:
        """Set a gauge; None takes it away, as what is not known must not look like a number."""
        if value is None:
            self.clear(name)
            return
        self._meter(name, labels).set(value)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add a measurement to a histogram."""
        self._meter(name, labels).observe(max(0.0, value))

    def clear(self, name: str) -> None:
        """Take a metric away with all its series; it comes back with its next value."""
        meter = self._meters.pop(name, None)
        if meter is not None:
            self.registry.unregister(meter)

    def text(self) -> bytes:
        """Write everything the way Prometheus reads it."""
        return generate_latest(self.registry)

    def _meter(self, name: str, labels: Mapping[str, str]) -> Any:
        if name not in self._meters:
            self._meters[name] = self._make(self._rows[name])
        meter: Any = self._meters[name]
        return meter.labels(**self._bounded(self._rows[name], labels)) if labels else meter

    def _make(self, row: Metric) -> Meter:
        given: dict[str, Any] = {"labelnames": tuple(row.labels), "registry": self.registry}
        if row.kind == "counter":
            return Counter(row.name, row.text, **given)
        if row.kind == "gauge":
            return Gauge(row.name, row.text, **given)
        return Histogram(row.name, row.text, buckets=row.buckets, **given)

    def _begin(self, row: Metric) -> None:
        """Show each series of a counter that has one label of few words."""
        if len(row.labels) == 1:
            name, of = next(iter(row.labels.items()))
            for word in words()[of] or ():
                self._meter(row.name, {name: word})

    def _bounded(self, row: Metric, labels: Mapping[str, str]) -> dict[str, str]:
        known = words()
        bounded = {}
        for name, value in labels.items():
            allowed = known[row.labels[name]]
            bounded[name] = value if allowed is None or value in allowed else OTHER
        return bounded
