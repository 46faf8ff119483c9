"""Ask Prometheus's own tool which alerts fire over what was scraped."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "ops" / "prometheus" / "alerts.yml"
REQUIRED = "CSENET_REQUIRE_PROMTOOL"
FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'


def found() -> str:
    """Give promtool's path; without it the test is skipped, or fails where it is demanded."""
    got = subprocess.run([ROOT / "ops" / "get_promtool.sh"], capture_output=True, text=True, check=False)
    if got.returncode == 0:
        return got.stdout.strip()
    if os.environ.get(REQUIRED):
        pytest.fail(f"no promtool: {got.stderr}", pytrace=False)
    pytest.skip("no promtool, and Debian's package cannot be fetched")


def firing(scrapes: Sequence[dict[str, float]], at: str, folder: Path, *, up: bool = True) -> set[str]:
    """Name the alerts that fire when the scrapes came a minute apart and the last one went on.

    The rules are the ones that are shipped; the tool is told that none fires and tells what it got instead.
    """
    names = sorted({name for scrape in scrapes for name in scrape})
    series = [{"series": with_target(name), "values": values(name, scrapes)} for name in names]
    series.append({"series": 'up{instance="gateway",job="csenet"}', "values": f"{int(up)}x600"})
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [{"expr": FIRING, "eval_time": at}]}
    document = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
    file = folder / "rules_test.yml"
    file.write_text(json.dumps(document))
    done = subprocess.run([found(), "test", "rules", file], capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    names_told = set(re.findall(r'alertname="(\w+)"', told))
    assert (done.returncode == 0) == (not names_told), told
    return names_told


def with_target(name: str) -> str:
    """Add the labels that Prometheus puts on what it scrapes."""
    target = 'instance="gateway",job="csenet"'
    return f"{name[:-1]},{target}}}" if name.endswith("}") else f"{name}{{{target}}}"


def values(name: str, scrapes: Sequence[dict[str, float]]) -> str:
    """Write what a series was at each scrape; the last goes on for hours, and what was missing stays so."""
    told = [number(scrape.get(name)) for scrape in scrapes]
    last = told[-1]
    return " ".join([*told, *([last] * 300 if last != "_" else [])])


def number(value: float | None) -> str:
    if value is None:
        return "_"
    return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value) or repr(value)
