"""What the page on security promises to be shown by a test is shown by one."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def _named() -> list[tuple[str, str]]:
    """List the tests that the page names, as file and function; the function may be empty."""
    found, file = [], ""
    text = (_ROOT / "ops/security.md").read_text()
    for path, function in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", text):
        file = path or file
        if path or function:
            found.append((file, function))
    return found


def test_each_control_names_tests_that_exist() -> None:
    named = _named()
    assert len(named) > 20
    missing = [
        f"{file}::{function}"
        for file, function in named
        if not (_ROOT / file).is_file() or (function and f"def {function}(" not in (_ROOT / file).read_text())
    ]
    assert not missing
