"""Make OpenTelemetry traces from what the gateway tells: from the intake of a transaction to its receipt.

The trace's ID follows from the correlation ID, which the log, the store and the API show: so the parts of a
trace find together although a restart, or another gateway on the same database, lies between them, and
nobody has to hand a context on.  Spans hold codes, serial numbers and statuses only, never content.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from csenet.gateway.errors import GatewayError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

_KEPT: Final = ("far", "serial", "sender", "replies", "attempt", "status")
_SETTLED: Final = ("decided", "parked", "malformed", "duplicate", "conflict")
_MOST_BATCHES: Final = 100


class NoTracing(GatewayError):  # noqa: N818 - names what is missing
    """Report that the extra for traces is not installed."""


def trace_id(correlation: str, jurisdiction: str) -> int:
    """Give the ID of the trace to which a correlation ID belongs."""
    return int.from_bytes(hashlib.sha256(f"{jurisdiction} {correlation}".encode()).digest()[:16], "big")


class Tracing:
    """Listen to one gateway's events and export spans."""

    def __init__(self, jurisdiction: str, url: str, exporter: SpanExporter | None = None) -> None:
        """Export to an OTLP/HTTP address; raises `NoTracing` without the extra ``otel``."""
        self._jurisdiction = jurisdiction
        self._ids = _ids()
        self._provider = _provider(self._ids, jurisdiction, url, exporter)
        self._tracer = self._provider.get_tracer("csenet.gateway")
        self._begun: dict[str, int] = {}

    def __call__(self, event: str, _level: str, keys: Mapping[str, Any], /) -> None:
        """Make a span of an event that ends something."""
        now = time.time_ns()
        if event == "delivery.attempt":
            self._remember(str(keys.get("batch")), now)
        elif event == "transaction.delivered":
            begun = self._begun.get(str(keys.get("batch")), now)
            self._span("delivery", begun, now, keys, {"status": "delivered"})
        elif event.startswith("transaction.") and (status := event.partition(".")[2]) in _SETTLED:
            begun = now - int(keys.get("milliseconds") or 0) * 1_000_000
            self._span("intake", begun, now, keys, {"status": status})

    def close(self) -> None:
        """Export what is left; gives up after a while."""
        self._provider.shutdown()

    def _remember(self, batch: str, now: int) -> None:
        if len(self._begun) >= _MOST_BATCHES:
            self._begun.pop(next(iter(self._begun)))
        self._begun.setdefault(batch, now)

    def _span(self, name: str, begun: int, ended: int, keys: Mapping[str, Any], more: dict[str, str]) -> None:
        correlation = str(keys.get("correlation_id") or "")
        if not correlation:
            return
        trace = trace_id(correlation, self._jurisdiction)
        root = trace >> 64 or 1
        about = {f"csenet.{key}": value for key in _KEPT if (value := keys.get(key)) is not None}
        about |= {
            "csenet.correlation_id": correlation,
            **{f"csenet.{key}": text for key, text in more.items()},
        }
        first = name == "intake"
        self._ids.next_trace, self._ids.next_span = trace, root if first else None
        # What the case system asked for came in by no file: its delivery is the whole trace.
        parent = _parent(trace, root) if not first and correlation.startswith("in-") else _nobody()
        span: Span = self._tracer.start_span(name, context=parent, start_time=begun, attributes=about)
        span.end(end_time=ended)


def _parent(trace: int, root: int) -> Any:
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    flags = TraceFlags(TraceFlags.SAMPLED)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace, root, is_remote=True, trace_flags=flags)))


def _nobody() -> Any:
    from opentelemetry.context import Context

    return Context()


def _ids() -> Any:
    """Make what gives out IDs: the ones it is told, and random ones for all other spans."""
    try:
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ImportError:
        raise NoTracing(
            'observe.traces_url: install the extra "otel" (pip install csenet-gateway[otel])'
        ) from None

    class Ids(RandomIdGenerator):
        next_trace: int = 0
        next_span: int | None = None

        def generate_trace_id(self) -> int:
            return self.next_trace or super().generate_trace_id()

        def generate_span_id(self) -> int:
            return self.next_span or super().generate_span_id()

    return Ids()


def _provider(ids: Any, jurisdiction: str, url: str, exporter: SpanExporter | None) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    resource = Resource.create({"service.name": "csenet-gateway", "csenet.jurisdiction": jurisdiction})
    provider = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    return provider
