"""Every input that ever broke a decoder, and the inputs the fuzzer starts from, are read for good."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "fixtures"
INPUTS = [*(FIXTURES / "forms").iterdir(), *(FIXTURES / "malformed").glob("*.txt")]


@pytest.fixture(scope="session")
def targets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_targets", HERE / "targets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(INPUTS), ids=lambda path: path.name)
def test_no_fixture_breaks_a_decoder(path: Path, targets: ModuleType) -> None:
    data = path.read_bytes()
    for target in targets.TARGETS.values():
        target(data)
        target(data[:-1])
        target(data[1:])


@pytest.mark.parametrize(
    "path", sorted(HERE.glob("corpus/*/*")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_no_input_of_the_corpus_breaks_its_decoder(path: Path, targets: ModuleType) -> None:
    targets.TARGETS[path.parent.name](path.read_bytes())


def test_each_target_has_a_corpus(targets: ModuleType) -> None:
    assert {path.parent.name for path in HERE.glob("corpus/*/*")} == set(targets.TARGETS)
