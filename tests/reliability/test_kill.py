"""The short form of the kill test; `make kill-test` runs the long one."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_is_lost_doubled_or_reordered_by_kill_9(tmp_path: Path) -> None:
    script = Path(__file__).with_name("kill.py")
    words = [sys.executable, str(script), "--kills", "8", "--transactions", "120", "--folder", str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "8 kills -9, 120 transactions fed in, 0 differences" in ended.stdout
