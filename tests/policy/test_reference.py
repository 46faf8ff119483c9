"""The reference pages say what the tables say today."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from csenet.handlers.policy.closure import closures
from csenet.handlers.policy.deadlines import duties

OPS = Path(__file__).parents[2] / "ops"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", OPS / "generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return dict(generator().pages())


@pytest.mark.parametrize("name", ["duties.md", "closure.md", "minnesota-profile.md"])
def test_a_page_is_current(pages: dict[str, str], name: str) -> None:
    written = (OPS / "reference" / name).read_text("utf-8")
    assert written == pages[name], "run ops/generate_reference.py"


def test_every_duty_and_every_code_stands_on_its_page(pages: dict[str, str]) -> None:
    assert all(f"\n## {duty}\n" in pages["duties.md"] for duty in duties())
    assert all(f"| {code} |" in pages["closure.md"] for code in closures())


def test_a_row_of_a_table_has_as_many_cells_as_its_head(pages: dict[str, str]) -> None:
    for name in ("duties.md", "closure.md"):
        width = 0
        for line in pages[name].splitlines():
            cells = line.count("|") if line.startswith("|") else 0
            assert cells in (0, width) or width == 0, line
            width = cells
