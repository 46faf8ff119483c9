"""The short form of `make api-fuzz`, and the proof that it is not blind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..gateway.patience import BOUND

HERE = Path(__file__).parent


def test_a_hundred_calls_are_answered_as_described() -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), "--calls", "120"],
        capture_output=True,
        text=True,
        timeout=4 * BOUND,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert ", 0 wrong" in done.stdout


def test_what_is_wrong_about_an_answer_is_seen() -> None:
    script = (
        "import run, types;"
        "bad = types.SimpleNamespace(status_code=500, text='of ARCHAEOPTERYX');"
        "print(len(run.faults(bad, 'viewer', {'200'})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "3"
