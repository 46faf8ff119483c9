"""Lend the parts of the kill test to the other tests of this folder."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def kill() -> ModuleType:
    """Load kill.py, which is a program and lies beside no package."""
    spec = importlib.util.spec_from_file_location("kill", Path(__file__).with_name("kill.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill"] = module
    spec.loader.exec_module(module)
    return module
