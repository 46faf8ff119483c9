"""Watch over a database server that cannot limit how long a transaction takes (PostgreSQL before 17).

A process that is stopped (SIGSTOP, a paused virtual machine) in the middle of a statement keeps its locks,
and to the server it is not idle.  Whoever has the store open, a gateway or a command, ends such a session;
what it had not committed has not happened, and it is told so when it wakes up.  With nobody there, nobody
waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from sqlalchemy import Dialect
from sqlalchemy.engine import URL

from csenet.gateway.store import postgres

_EVERY: Final = 2.0
"""Seconds between two looks: with the fifteen that a sleeper has, less than a lease and five seconds."""


class Watch:
    """Look for sleepers from :meth:`begin` to :meth:`end`; does nothing where the server has a limit."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._task: asyncio.Task[None] | None = None
        self._tell: Callable[[int], None] | None = None
        self._untold = 0

    def begin(self, url: URL, dialect: Dialect) -> None:
        """Begin to look, on a connection of its own: those of the pool may all wait for the sleeper."""
        if not postgres.can_limit(dialect):
            self._task = asyncio.create_task(self._look(url))

    def tell(self, tell: Callable[[int], None]) -> None:
        """Tell how many sessions were ended, also of those before, while the store was being opened."""
        self._tell = tell
        self._ended(0)

    async def end(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self, url: URL) -> None:
        engine = postgres.aside(url)
        try:
            while True:
                await asyncio.sleep(_EVERY)
                try:
                    async with engine.connect() as connection:
                        count = await postgres.end_sleepers(connection)
                except Exception:  # noqa: S112 - whoever works on the store tells what ails the server
                    continue
                self._ended(count)
        finally:
            await engine.dispose()

    def _ended(self, count: int) -> None:
        self._untold += count
        if self._untold and self._tell is not None:
            self._tell(self._untold)
            self._untold = 0
