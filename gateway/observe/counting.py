"""Count what the gateway tells: the table of which event means which step of which metric."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from csenet.gateway.observe.registry import Metrics
from csenet.gateway.store.receipts import STATES
from csenet.gateway.store.tables import INBOUND_STATUSES

Keys = Mapping[str, Any]
Step = Callable[["Counting", Keys], None]

_ERRORS: Final = ("error", "critical")
# More batches are never under way at once.
_UNDER_WAY: Final = 256


class Counting:
    """Listen to one gateway's events and move its counters."""

    def __init__(self, metrics: Metrics, now: Callable[[], float] = time.monotonic) -> None:
        """Take the metrics; ``now`` gives seconds that never go back."""
        self.metrics = metrics
        self._now = now
        self._begun: dict[str, float] = {}

    def __call__(self, event: str, level: str, keys: Keys, /) -> None:
        """Count one event."""
        if level in _ERRORS:
            self.metrics.add("csenet_errors_total", part=event.partition(".")[0])
        step = STEPS.get(event)
        if step is not None:
            step(self, keys)

    def file(self, keys: Keys) -> None:
        """Count a file that was kept."""
        self.metrics.add("csenet_files_received_total", kind=_word(keys.get("kind")))
        self.metrics.add("csenet_received_bytes_total", _number(keys.get("size")))

    def settled(self, status: str, keys: Keys) -> None:
        """Count a transaction, or a refusal of one of ours, that was settled."""
        function = _function(keys.get("far"))
        self.metrics.add("csenet_transactions_received_total", status=status, function=function)
        self.metrics.add("csenet_partner_received_total", partner=_word(keys.get("sender")))
        self.metrics.add("csenet_replies_total", _number(keys.get("replies")))
        if "milliseconds" in keys:
            self.metrics.observe("csenet_decision_seconds", _number(keys["milliseconds"]) / 1000)

    def attempt(self, keys: Keys) -> None:
        """Remember when a try began."""
        if len(self._begun) > _UNDER_WAY:
            # What was left behind is of no use.
            self._begun.clear()
        self._begun[_word(keys.get("batch"))] = self._now()

    def ended(self, outcome: str, keys: Keys) -> None:
        """Count a try and how long it took."""
        self.metrics.add("csenet_delivery_attempts_total", outcome=outcome)
        begun = self._begun.pop(_word(keys.get("batch")), None)
        if begun is not None:
            self.metrics.observe("csenet_delivery_attempt_seconds", self._now() - begun)

    def delivered(self, keys: Keys) -> None:
        """Count a transaction that arrived."""
        self.metrics.add("csenet_transactions_delivered_total", function=_function(keys.get("far")))
        if "milliseconds" in keys:
            self.metrics.observe("csenet_answer_seconds", _number(keys["milliseconds"]) / 1000)

    def turned_away(self, keys: Keys) -> None:
        """Count a request that was told to come again."""
        self.metrics.add("csenet_requests_refused_total", reason=_word(keys.get("reason")))

    def add(self, name: str) -> None:
        """Move a counter by one."""
        self.metrics.add(name)


def _settled(status: str) -> Step:
    return lambda counting, keys: counting.settled(status, keys)


def _ended(outcome: str) -> Step:
    return lambda counting, keys: counting.ended(outcome, keys)


def _receipt(state: str) -> Step:
    return lambda counting, _keys: counting.metrics.add("csenet_receipts_total", state=state)


def _one(name: str) -> Step:
    return lambda counting, _keys: counting.add(name)


STEPS: Final[Mapping[str, Step]] = {
    "file.accepted": Counting.file,
    **{f"transaction.{status}": _settled(status) for status in INBOUND_STATUSES},
    "transaction.delivered": Counting.delivered,
    **{f"receipt.{state}": _receipt(state) for state in STATES},
    "transaction.refused": _one("csenet_refusals_total"),
    "delivery.attempt": Counting.attempt,
    "delivery.delivered": _ended("delivered"),
    "delivery.failed": _ended("failed"),
    "delivery.dead": _ended("dead"),
    "delivery.refused_by_destination": _one("csenet_exchange_rejections_total"),
    "work.opened": _one("csenet_work_opened_total"),
    "partners.refused": _one("csenet_partners_refused_total"),
    "intake.refused": Counting.turned_away,
    "intake.failed": _one("csenet_intake_failures_total"),
    "intake.folder_unreadable": _one("csenet_intake_failures_total"),
    "intake.server_unreachable": _one("csenet_intake_failures_total"),
}
"""What is done for each event; a test holds the names against those that the code logs."""


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _function(far: object) -> str:
    """Give the function of a code such as ``MSC P GSC17``."""
    return far.partition(" ")[0] if isinstance(far, str) else ""
