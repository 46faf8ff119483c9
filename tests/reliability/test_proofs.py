"""The short forms of the proofs; `make reliability` runs them in full."""

import subprocess
import sys
from pathlib import Path

import pytest
from harness import BOUND

SHORT = {
    "strace": "--submissions 60 --connections 16",
    "kill": "--kills 5 --transactions 80 --times 5",
    "postgres_pair": "--kills 2 --transactions 80 --times 5 --slack 90",
    "poison": "--cases 30 --messages 4 --kills 1 --poisoned 2 --ratio 0",
    "partners": "--each 10 --rounds 1 --ratio 0",
    "tmpfs": "--megabytes 44 --ballast 16",
    "flips": "--flips 1000",
    "rollover": "--messages 60",
    "proxy": "--transactions 120 --lies 10",
    "windows": "--step 0 --transactions 300",
    "stop": "--stops 2 --transactions 120 --last-work 90 --breath 90",
    "wake": "--stops 1 --transactions 200 --hurry 1 --slack 90",
    "overload": "--at-once 8 --seconds 1.5 --most 6000 --size 5",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_proof_holds_in_its_short_form(name: str, tmp_path: Path) -> None:
    program = Path(__file__).with_name(f"{name}.py")
    words = [sys.executable, str(program), *SHORT[name].split(), "--folder", str(tmp_path / "proof")]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=8 * BOUND, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-1]
    if last.startswith(f"{name}: skipped: "):
        pytest.skip(last)
    assert "; 0 differences, " in last
