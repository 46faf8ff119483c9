"""The short form of `make canaries`, and the proof that its search is not blind."""

from __future__ import annotations

import base64
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ..gateway.patience import BOUND

HERE = Path(__file__).parent
SSN = b"966891234"


@pytest.fixture(scope="module")
def searching() -> ModuleType:
    """Load the search, which belongs to a program and lies in no package."""
    sys.path.insert(0, str(HERE))
    try:
        spec = importlib.util.spec_from_file_location("searching", HERE / "searching.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(HERE))


@pytest.mark.parametrize("before", [b"", b"x", b"yy", b"zzz"])
@pytest.mark.parametrize("mark", [b"QZXJKVAAAB", SSN])
def test_each_form_of_a_mark_is_found_wherever_it_begins(
    searching: ModuleType, mark: bytes, before: bytes
) -> None:
    text = mark.decode()
    forms = {
        "raw": mark,
        "reversed": mark[::-1],
        "hex": mark.hex().encode(),
        "base64": base64.b64encode(before + mark + b" and more"),
        "ebcdic": text.encode("cp037"),
        "utf-16": text.encode("utf-16-le"),
        "spaced": " ".join(text).encode(),
    }
    for name, written in forms.items():
        assert name in searching.search(before + b"/" + written + b"/", searching.forms()), name


def test_dashed_numbers_and_birth_dates_are_found_and_chance_is_not(searching: ModuleType) -> None:
    known = searching.forms()
    assert searching.search(b"966-89-1234", known)["dashed"] == 1
    assert searching.search(b"born 1907-03-04", known)["dashed"] == 1
    assert searching.search(b"born 19070304.", known)["raw"] == 1
    assert searching.search(b"page 1.966891234.", known)["raw"] == 1
    assert not searching.search(b"0a1b2c3d4e5f96689123400aabbccddee 1190703041 0.12966891234567", known)


@pytest.mark.slow
def test_no_mark_of_anybody_stands_where_it_may_not(tmp_path: Path) -> None:
    words = [sys.executable, str(HERE / "run.py"), "--people", "150", "--folder", str(tmp_path / "canaries")]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=8 * BOUND, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ": 0 marks (" in ended.stdout
