"""A transaction is one trace from its intake to the exchange's receipt; off, nothing is loaded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from csenet.gateway.observe import traces
from csenet.gateway.observe.traces import Tracing, trace_id

from ..conftest import LEDGER, arriving, facts, lines
from ..patience import BOUND
from .conftest import Running, scrape

DELIVERED = 'csenet_delivery_attempts_total{outcome="delivered"}'
SETTINGS = 'traces_url = "http://127.0.0.1:9/v1/traces"\n'


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    make = traces._provider
    monkeypatch.setattr(traces, "_provider", lambda *given: make(*given[:3], exporter))
    return exporter


async def test_intake_and_delivery_of_the_answer_are_one_trace(
    running: Running, exported: InMemorySpanExporter
) -> None:
    async with running(SETTINGS) as app:
        desk: Any = app.desk
        await desk.put_case("MN1", facts(ledger=LEDGER))
        receipt = await desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="x")
        await desk.settle(receipt.file_id)
        async with asyncio.timeout(BOUND):
            while not (await scrape(app))[DELIVERED]:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
    intake, delivery = exported.get_finished_spans()
    assert (intake.name, delivery.name) == ("intake", "delivery")
    assert intake.context is not None
    assert delivery.context is not None
    assert intake.context.trace_id == delivery.context.trace_id == trace_id("in-1-1", "27")
    assert intake.parent is None
    assert delivery.parent is not None
    assert delivery.parent.span_id == intake.context.span_id
    attributes = dict(delivery.attributes or {})
    assert attributes["csenet.correlation_id"] == "in-1-1"
    assert attributes["csenet.status"] == "delivered"
    assert "MN1" not in str([span.to_json() for span in exported.get_finished_spans()])


def test_what_the_case_system_asked_for_is_a_trace_of_its_own() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing("27", "", exporter)
    tracing("transaction.delivered", "info", {"correlation_id": "abcdef", "far": "MSC P GSC15"})
    tracing("transaction.delivered", "info", {"far": "MSC P GSC15"})
    tracing("file.accepted", "info", {"correlation_id": "abcdef"})
    (span,) = exporter.get_finished_spans()
    assert span.parent is None
    tracing.close()


def test_without_the_setting_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from csenet.gateway.observe.observed import Observed\n"
        "from csenet.gateway.settings.loading import load_settings\n"
        f"Observed(load_settings({str(tmp_path / 'gateway.toml')!r}), dict)\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    text = '[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[delivery.folder]\npath = "out"\n'
    (tmp_path / "gateway.toml").write_text(text)
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout == "[]\n"
