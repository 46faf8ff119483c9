"""Write ops/grafana/csenet.json, the Grafana board over the gateway's metrics; a test compares the two."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent / "grafana" / "csenet.json"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24
_METRIC = re.compile(r"\b((?:csenet|process)_\w+)(\{[^}]*\})?")

Query = tuple[str, str]


def _quantile(share: float, name: str, over: str) -> Query:
    """Ask for what a share of the measurements stays below."""
    rate = f"sum by (le) (rate({name}_bucket[{over}]))"
    return f"histogram_quantile({share}, {rate})", f"p{share * 100:.0f}"


# Each row: its title, then panels of title, kind, unit, width, queries with their legends.
ROWS: list[tuple[str, list[tuple[str, str, str, int, list[Query]]]]] = [
    (
        "At a glance",
        [
            ("Ready", "stat", "bool_yes_no", 3, [("csenet_ready", "{{instance}}")]),
            ("Ledger differences", "stat", "none", 3, [("csenet_ledger_differences", "{{instance}}")]),
            ("Breaker open", "stat", "bool_yes_no", 3, [("csenet_delivery_breaker_open", "{{instance}}")]),
            ("Held by an operator", "stat", "bool_yes_no", 3, [("csenet_delivery_held", "{{instance}}")]),
            ("Dead", "stat", "none", 3, [('csenet_outbox_transactions{status="dead"}', "{{instance}}")]),
            ("Parked", "stat", "none", 3, [("csenet_parked_transactions", "{{instance}}")]),
            ("Duties overdue", "stat", "none", 3, [('csenet_duties_overdue{side="we-owe"}', "{{instance}}")]),
            ("Work open", "stat", "none", 3, [("csenet_work_open", "{{instance}}")]),
        ],
    ),
    (
        "Intake",
        [
            (
                "Transactions settled a minute, by status",
                "timeseries",
                "none",
                12,
                [("60 * sum by (status) (rate(csenet_transactions_received_total[5m]))", "{{status}}")],
            ),
            (
                "Transactions settled an hour, by sender",
                "timeseries",
                "none",
                12,
                [("topk(10, sum by (partner) (increase(csenet_partner_received_total[1h])))", "{{partner}}")],
            ),
            (
                "Age at decision",
                "timeseries",
                "s",
                12,
                [
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(csenet_decision_seconds_bucket[5m])))",
                        "p50",
                    ),
                    (
                        "histogram_quantile(0.95, sum by (le) (rate(csenet_decision_seconds_bucket[5m])))",
                        "p95",
                    ),
                ],
            ),
            (
                "Files waiting, and time since the newest",
                "timeseries",
                "none",
                12,
                [
                    ("csenet_intake_files_waiting", "files waiting"),
                    ("(time() - csenet_intake_last_timestamp_seconds) / 3600", "hours since the newest"),
                ],
            ),
        ],
    ),
    (
        "Delivery",
        [
            ("Outbox", "timeseries", "none", 12, [("csenet_outbox_transactions", "{{status}}")]),
            (
                "Oldest that waits",
                "timeseries",
                "s",
                12,
                [
                    ("csenet_oldest_age_seconds", "{{queue}}"),
                    ("csenet_oldest_limit_seconds", "limit of {{queue}}"),
                ],
            ),
            (
                "Tries a minute, by outcome",
                "timeseries",
                "none",
                12,
                [("60 * sum by (outcome) (rate(csenet_delivery_attempts_total[5m]))", "{{outcome}}")],
            ),
            (
                "From intake to the exchange's receipt",
                "timeseries",
                "s",
                12,
                [
                    _quantile(0.5, "csenet_answer_seconds", "15m"),
                    (
                        "histogram_quantile(0.95, sum by (le) (rate(csenet_answer_seconds_bucket[15m])))",
                        "p95",
                    ),
                ],
            ),
        ],
    ),
    (
        "Work and trust",
        [
            (
                "Duties and work",
                "timeseries",
                "none",
                12,
                [
                    ("csenet_duties_open", "open, {{side}}"),
                    ("csenet_duties_overdue", "overdue, {{side}}"),
                    ("csenet_work_overdue", "work overdue"),
                ],
            ),
            (
                "Certificates, days left",
                "timeseries",
                "d",
                12,
                [("csenet_certificate_days", "{{owner}} {{use}}")],
            ),
        ],
    ),
    (
        "Process and machine",
        [
            (
                "Commit",
                "timeseries",
                "s",
                8,
                [_quantile(0.95, "csenet_store_commit_seconds", "15m")],
            ),
            ("Event loop lag", "timeseries", "s", 8, [("csenet_loop_lag_seconds", "{{instance}}")]),
            (
                "Errors an hour",
                "timeseries",
                "none",
                8,
                [("increase(csenet_errors_total[1h]) > 0", "{{part}}")],
            ),
            (
                "Disk and store",
                "timeseries",
                "bytes",
                8,
                [
                    ("csenet_disk_free_bytes", "free"),
                    ("csenet_disk_reserve_bytes", "reserve"),
                    ("csenet_store_bytes", "store"),
                ],
            ),
            ("Memory", "timeseries", "bytes", 8, [("process_resident_memory_bytes", "{{instance}}")]),
            (
                "Requests a minute, by status",
                "timeseries",
                "none",
                8,
                [
                    ("60 * sum by (status) (rate(csenet_http_requests_total[5m]))", "{{status}}"),
                    ("60 * sum by (reason) (rate(csenet_requests_refused_total[5m]))", "{{reason}}"),
                ],
            ),
        ],
    ),
]


def board() -> dict[str, Any]:
    """Give the board as Grafana takes it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS:
        panels.append(_heading(title, len(panels), top))
        top += 1
        left, height = 0, 4 if row[0][1] == "stat" else 8
        for name, kind, unit, width, queries in row:
            if left + width > _WIDTH:
                left, top = 0, top + height
            place = {"x": left, "y": top, "w": width, "h": height}
            panels.append(_panel(name, kind, unit, queries, len(panels), place))
            left += width
        top += height
    return {
        "title": "CSENet gateway",
        "uid": "csenet-gateway",
        "tags": ["csenet"],
        "timezone": "browser",
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_sources(), _instances()]},
        "panels": panels,
    }


def _heading(title: str, number: int, top: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": _WIDTH, "h": 1}
    return {
        "id": number + 1,
        "type": "row",
        "title": title,
        "collapsed": False,
        "panels": [],
        "gridPos": place,
    }


def _panel(
    title: str, kind: str, unit: str, queries: list[Query], number: int, place: dict[str, int]
) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + n), "expr": chosen(expr), "legendFormat": legend, "datasource": _SOURCE}
        for n, (expr, legend) in enumerate(queries)
    ]
    return {
        "id": number + 1,
        "type": kind,
        "title": title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def chosen(expr: str) -> str:
    """Narrow each metric of an expression down to the gateways that are chosen on the board."""
    return _METRIC.sub(_narrow, expr)


def _narrow(found: re.Match[str]) -> str:
    inside = f"{found[2][1:-1]}," if found[2] else ""
    return f'{found[1]}{{{inside}instance=~"$instance"}}'


def _sources() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _instances() -> dict[str, Any]:
    query = {"query": "label_values(csenet_build_info, instance)", "refId": "instances"}
    return {
        "name": "instance",
        "label": "Gateway",
        "type": "query",
        "datasource": _SOURCE,
        "query": query,
        "includeAll": True,
        "multi": True,
        "refresh": 2,
    }


def text() -> str:
    """Write the board as JSON."""
    return json.dumps(board(), indent=2) + "\n"


def main() -> None:
    """Write the board."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text(), "utf-8")
    print(f"wrote grafana/{TARGET.name}")


if __name__ == "__main__":
    main()
