"""Let only one gateway work on a data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from csenet.gateway.errors import AlreadyRunning

NAME = "gateway.lock"


class DataLock:
    """Hold the data folder for this process; the system lets go of it when the process ends, however it ends.

    The file holds the owner's process id, for people, and stays behind empty.
    """

    def __init__(self, data_dir: Path) -> None:
        """Remember the folder; nothing is taken yet."""
        self._path = data_dir / NAME
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the folder, made if needed; raises :class:`AlreadyRunning` when another process has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f" (process {owner})" if owner.isdigit() else ""
            raise AlreadyRunning(
                f"another gateway{who} works on {self._path.parent}; stop it, or set another gateway.data_dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; harmless if nothing is held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
