"""What holds for all tests."""

import gc
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# Speed is never asserted, and a busy machine is no failure.  Examples are the same each time: a commit is
# judged, and not luck; `pytest --hypothesis-profile=search` looks for others.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", settings.get_profile("search"), derandomize=True)
settings.load_profile("project")

# Commands fold their lines to the terminal; the tests read them as on one of a hundred columns.
os.environ["COLUMNS"] = "100"

# A parameter that says which store it is, and the proofs on a server.
_ON_A_SERVER = {"postgresql", "postgres_pair", "wake"}

# Tracebacks as Python writes them: one with the values of all variables takes seconds, and others wait.
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage while thousands of tests are collected, nor ever again among them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server; begin with what takes longest, so that no long test is left to one worker."""
    for item in items:
        given = getattr(item, "callspec", None)
        values = set(map(str, given.params.values())) if given else set()
        if "databases" in getattr(item, "fixturenames", ()) or values & _ON_A_SERVER:
            item.add_marker(pytest.mark.postgres)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None or "postgresql" in item.name)


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Leave to nobody the log that a command has set up: which tests a process runs before is chance."""
    yield
    if structlog.is_configured():
        from csenet.gateway import log

        log.reset()


@pytest.fixture(scope="session", autouse=True)
def new_stores_from_a_stencil() -> Iterator[None]:
    """Give each new store the schema that the steps built in the first one of this process."""
    from csenet.gateway.store import engine

    from . import stencil

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_upgrade", stencil.upgrade)
        yield


@pytest.fixture
def by_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this test's stores built by the steps of the schema after all."""
    from csenet.gateway.store import engine

    from . import stencil

    monkeypatch.setattr(engine, "_upgrade", stencil.by_the_steps)
