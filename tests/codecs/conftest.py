"""Give the codec tests the golden files and the hand-made builder."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@pytest.fixture(scope="session")
def builder() -> ModuleType:
    """Load the module that builds the golden files by hand."""
    spec = importlib.util.spec_from_file_location(
        "build_fixtures", Path(__file__).with_name("build_fixtures.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden() -> dict[str, bytes]:
    """Return every golden transaction without its line end, by file name."""
    found = (FIXTURES / "transactions").glob("*.txt")
    return {path.name: path.read_bytes().rstrip(b"\n") for path in found}
