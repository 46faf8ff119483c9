"""Copy an embedded store while it is in use: one moment, checked, and on disk before it has its name."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from csenet.gateway.store.errors import StoreError

_PAGES: Final = 2_000
_BUSY_SECONDS: Final = 10.0

Told = Callable[[int, int], None]


def copy_store(store: Path, target: Path, told: Told = lambda done, total: None) -> int:
    """Copy a store and return the size of the copy in bytes; ``told`` hears how many pages of all are done.

    Raises `StoreError` if the copy cannot be written or does not hold together; nothing is then left of it.
    """
    trial = target.with_name(f".{target.name}.part")
    try:
        os.close(os.open(trial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        _copy(store, trial, told)
        _make_durable(trial)
        trial.rename(target)
        _make_durable(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{target}: cannot be written: {type(error).__name__}") from None
    finally:
        trial.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(store: Path, trial: Path, told: Told) -> None:
    source = sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
    copy = sqlite3.connect(trial)
    try:
        # In one step of the log, whoever writes meanwhile: the reading transaction keeps its moment.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(copy, pages=_PAGES, progress=lambda _status, left, total: told(total - left, total))
        found = copy.execute("PRAGMA integrity_check").fetchone()
    finally:
        copy.close()
        source.close()
    if found != ("ok",):
        raise StoreError(f"{store}: the copy does not hold together; the store may be damaged")


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
