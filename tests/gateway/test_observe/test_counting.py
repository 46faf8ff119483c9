"""What the gateway tells its log is counted, and nothing is awaited that nobody tells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import structlog

from csenet.gateway.observe.counting import STEPS, Counting
from csenet.gateway.observe.listening import ListenedLog
from csenet.gateway.observe.registry import PARTS, Metrics

from .conftest import scraped

GATEWAY = Path(__file__).resolve().parents[3] / "gateway"
SOURCES = [
    file for file in GATEWAY.rglob("*.py") if "observe" not in file.parts and "exchange" not in file.parts
]


def sources() -> str:
    return "\n".join(file.read_text("utf-8") for file in SOURCES)


def test_each_event_that_is_counted_is_told_somewhere() -> None:
    text = sources()
    told = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', text))
    assert 'f"transaction.{status}"' in text
    made = {event for event in STEPS if event.startswith("transaction.")}
    assert set(STEPS) - made <= told


def test_each_event_that_is_an_error_has_a_part_to_be_counted_under() -> None:
    found = re.findall(r'\.(?:error|critical)\(\s*f?"([a-z]+)\.', sources())
    assert found
    assert set(found) <= {*PARTS, "task", "loop"}


def counted(*events: tuple[str, str, dict[str, Any]]) -> dict[str, float]:
    metrics, moment = Metrics(), iter(range(100))
    counting = Counting(metrics, now=lambda: float(next(moment)))
    for event, level, keys in events:
        counting(event, level, keys)
    return scraped(metrics.text().decode())


def test_a_transaction_is_counted_by_status_function_and_sender_with_its_age() -> None:
    keys = {"far": "MSC P GSC17", "sender": "20", "replies": 2, "milliseconds": 40}
    found = counted(("transaction.decided", "info", keys))
    name = 'csenet_transactions_received_total{function="MSC",status="decided"}'
    assert found[name] == 1
    assert found['csenet_partner_received_total{partner="20"}'] == 1
    assert found["csenet_replies_total"] == 2
    assert found["csenet_decision_seconds_sum"] == 0.04


def test_a_try_is_counted_by_its_end_with_its_length() -> None:
    begin = ("delivery.attempt", "info", {"batch": "b1"})
    end = ("delivery.failed", "warning", {"batch": "b1"})
    found = counted(begin, end, begin, ("delivery.dead", "error", {"batch": "b1"}))
    assert found['csenet_delivery_attempts_total{outcome="failed"}'] == 1
    assert found['csenet_delivery_attempts_total{outcome="dead"}'] == 1
    assert found["csenet_delivery_attempt_seconds_sum"] == 2
    assert found['csenet_errors_total{part="delivery"}'] == 1


def test_batches_that_are_under_way_together_are_measured_each() -> None:
    begun = [("delivery.attempt", "info", {"batch": name}) for name in ("b1", "b2")]
    ended = [("delivery.delivered", "info", {"batch": name}) for name in ("b2", "b1")]
    found = counted(*begun, *ended)
    assert found["csenet_delivery_attempt_seconds_count"] == 2
    assert found["csenet_delivery_attempt_seconds_sum"] == 1 + 3


def test_damaged_keys_are_counted_as_other_and_raise_nothing() -> None:
    found = counted(("transaction.malformed", "info", {"far": None, "sender": 7, "milliseconds": "x"}))
    assert found['csenet_transactions_received_total{function="other",status="malformed"}'] == 1


def test_a_bound_log_is_heard_with_its_keys_and_writes_them_once() -> None:
    heard: list[tuple[str, str, dict[str, Any]]] = []
    written: list[Any] = []
    plain = structlog.wrap_logger(None, processors=[lambda _l, _m, event: written.append(event) or drop()])
    log = ListenedLog(plain, [lambda event, level, keys: heard.append((event, level, dict(keys)))])
    log.bind(batch="b1").warning("delivery.failed", attempt=1)
    assert heard == [("delivery.failed", "warning", {"batch": "b1", "attempt": 1})]
    assert written == [{"batch": "b1", "attempt": 1, "event": "delivery.failed"}]


def drop() -> Any:
    raise structlog.DropEvent
