"""Write ops/reference/metrics.md from the table of metrics; a test compares the two."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from csenet.gateway.observe.registry import Metric, table, words

TARGET = Path(__file__).resolve().parent / "reference" / "metrics.md"
_MOST = 14


def page() -> str:
    """Give the text of the page."""
    parts = [
        "# Metrics",
        "",
        "*Written by `ops/generate_metrics_page.py` from `gateway/observe/metrics.toml`: change that, then",
        "run it again.*",
        "",
        "`GET /metrics` gives them in the text form of Prometheus. Who may read them is the setting",
        "`observe.metrics`: the machine itself, whoever shows a token, or nobody. They hold numbers only, no",
        "case and no person. Gauges are taken every `observe.sample_seconds`. A label takes only the words",
        "listed; whatever else comes is counted as `other`. Besides these there are `process_*` (memory,",
        "file handles, processor time) on Linux. Alerts over them: `ops/prometheus/alerts.yml`; what to do",
        "then: `ops/runbook.md`.",
        "",
    ]
    for group, rows in groupby(table(), key=lambda row: row.group):
        parts += [f"## {group}", "", "| metric | kind | labels | meaning |", "|---|---|---|---|"]
        parts += [_row(row) for row in rows]
        parts.append("")
    parts += ["## Words of the labels", "", "| label | of | words |", "|---|---|---|", *_words(), ""]
    return "\n".join(parts)


def _row(row: Metric) -> str:
    labels = ", ".join(f"`{name}`" for name in row.labels)
    buckets = f" Buckets: {', '.join(f'{each:g}' for each in row.buckets)} s." if row.buckets else ""
    return f"| `{row.name}` | {row.kind} | {labels} | {row.text}{buckets} |"


def _words() -> Iterable[str]:
    seen = set()
    for row in table():
        for label, of in row.labels.items():
            if (label, of) not in seen:
                seen.add((label, of))
                yield f"| `{label}` | {_users(label, of)} | {_listed(of)} |"


def _users(label: str, of: str) -> str:
    names = [f"`{row.name}`" for row in table() if row.labels.get(label) == of]
    return ", ".join(names)


def _listed(of: str) -> str:
    known = words()[of]
    if known is None:
        return "kept few by the program itself"
    if len(known) > _MOST:
        return "two-digit FIPS codes, `exchange`, `ours`" if of == "partner" else f"{len(known)} words"
    return ", ".join(f"`{word}`" for word in sorted(known))


def main() -> None:
    """Write the page."""
    TARGET.write_text(page(), "utf-8")
    print(f"wrote reference/{TARGET.name}")


if __name__ == "__main__":
    main()
