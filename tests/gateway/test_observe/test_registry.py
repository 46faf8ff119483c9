"""The table of metrics is whole, its labels are bounded, and each gateway counts for itself."""

from __future__ import annotations

import pytest

from csenet.gateway.observe import registry
from csenet.gateway.observe.registry import Metrics

from .conftest import scraped


def read(metrics: Metrics) -> dict[str, float]:
    return scraped(metrics.text().decode())


def test_counters_begin_at_0_so_that_their_first_step_shows() -> None:
    found = read(Metrics())
    assert found["csenet_refusals_total"] == 0
    assert found['csenet_errors_total{part="delivery"}'] == 0


def test_a_gauge_is_absent_until_it_is_known_and_again_when_it_is_not() -> None:
    metrics = Metrics()
    assert "csenet_ready" not in read(metrics)
    metrics.set("csenet_ready", 1)
    assert read(metrics)["csenet_ready"] == 1
    metrics.set("csenet_ready", None)
    assert "csenet_ready" not in read(metrics)


def test_a_word_that_a_label_does_not_know_is_counted_as_other() -> None:
    metrics = Metrics()
    for partner in ("20", "EXAMPLESON", "900123456"):
        metrics.add("csenet_partner_received_total", partner=partner)
    found = read(metrics)
    assert found['csenet_partner_received_total{partner="20"}'] == 1
    assert found['csenet_partner_received_total{partner="other"}'] == 2
    assert "EXAMPLESON" not in str(found)


def test_two_gateways_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.add("csenet_refusals_total")
    assert read(one)["csenet_refusals_total"] == 1
    assert read(other)["csenet_refusals_total"] == 0


def test_every_metric_can_be_made_and_says_what_it_is() -> None:
    metrics = Metrics()
    for row in registry.table():
        labels = {name: sorted(registry.words()[of] or {"x"})[0] for name, of in row.labels.items()}
        {"counter": metrics.add, "gauge": metrics.set, "histogram": metrics.observe}[row.kind](
            row.name, 1, **labels
        )
        assert row.text.endswith(".")
    text = metrics.text().decode()
    assert all(f"# HELP {row.name.removesuffix('_total')}" in text for row in registry.table())


def test_a_row_that_contradicts_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.tomllib, "loads", lambda _text: {"metric": [BROKEN]})
    registry.table.cache_clear()
    with pytest.raises(ValueError, match="a counter's name ends in _total"):
        registry.table()
    registry.table.cache_clear()


BROKEN = {"name": "csenet_x", "kind": "counter", "group": "g", "text": "t."}
