"""The short forms of the proofs; `make reliability` runs them in full."""

import subprocess
import sys
from pathlib import Path

import pytest

SHORT = {
    "strace": "--submissions 100 --connections 16",
    "kill": "--kills 8 --transactions 120 --times 5",
    "postgres_pair": "--kills 3 --transactions 120 --times 5",
    "poison": "--cases 40 --messages 5 --kills 1 --poisoned 2 --ratio 0",
    "partners": "--each 10 --rounds 1 --ratio 0",
    "tmpfs": "--megabytes 44 --ballast 16",
    "flips": "--flips 1000",
    "rollover": "--messages 100",
    "proxy": "--transactions 200 --lies 20",
    "windows": "--step 0 --transactions 500",
    "stop": "--stops 2 --transactions 200",
    "wake": "--stops 2 --transactions 160 --hurry 1",
    "overload": "--at-once 8 --seconds 2 --most 500",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_proof_holds_in_its_short_form(name: str, tmp_path: Path) -> None:
    program = Path(__file__).with_name(f"{name}.py")
    words = [sys.executable, str(program), *SHORT[name].split(), "--folder", str(tmp_path / "proof")]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-1]
    if last.startswith(f"{name}: skipped: "):
        pytest.skip(last)
    assert "; 0 differences, " in last
