"""Give an upload up that the other end no longer takes.

The client bounds the connecting and each wait for a part of the answer; this bounds each wait for a part of
the batch to be taken, however long the whole may last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

# As much as the client holds back before it waits for the other end.
PIECE: Final = 65_536


class WriteTimeoutError(TimeoutError):
    """Report that no part of the upload was taken for too long."""


class Upload:
    """Write bytes piece by piece, and watch that they are taken."""

    def __init__(self, data: bytes, seconds: float) -> None:
        """Take what is to be written, and how long a piece may take in seconds."""
        self._data = data
        self._seconds = seconds
        self._limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Bound what happens inside, while it writes; raises `WriteTimeoutError`."""
        limit = self._limit = asyncio.timeout(None)
        try:
            async with limit:
                try:
                    yield
                finally:
                    # A piece asked for later finds nothing to move.
                    self._limit = None
        except TimeoutError:
            if limit.expired():
                raise WriteTimeoutError from None
            raise

    def answered(self) -> None:
        """Say that the other end answers: what it has not read by then it does not want."""
        if self._limit is not None:
            self._limit.reschedule(None)
        self._limit = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the bytes to the client, which asks for the next piece once it has room."""
        for start in range(0, len(self._data), PIECE):
            if self._limit is not None:
                self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)
            yield self._data[start : start + PIECE]
        self.answered()
