"""Write finished lines to where the log goes, many at once where many are made at one moment.

A line of ours needs nothing of the standard library's records: it has its form already.  Only the handler's
stream is shared with the lines of libraries, under the handler's lock.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import sys
from collections.abc import Iterator
from typing import Any


class Lines:
    """Take lines under the name of any level, as structlog gives them, and write them through a handler."""

    def __init__(self, handler: logging.StreamHandler[Any]) -> None:
        """Take the handler that libraries write to as well."""
        self._handler = handler
        self._held: list[str] | None = None

    def info(self, line: str) -> None:
        """Write a line, or hold it until the end of a `gathered` block."""
        if self._held is None:
            self._write(f"{line}\n")
        else:
            self._held.append(f"{line}\n")

    debug = warning = error = critical = info

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Write all lines of the block in one go at its end, also when it raises; it must not wait."""
        if self._held is not None:
            yield
            return
        held: list[str] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            if held:
                self._write("".join(held))

    def _write(self, text: str) -> None:
        """Write to the stream; what a full disk does not take goes to standard error, and stops nobody."""
        handler = self._handler
        with handler.lock or contextlib.nullcontext():
            try:
                if isinstance(handler, logging.handlers.WatchedFileHandler):
                    handler.reopenIfNeeded()
                handler.stream.write(text)
                handler.stream.flush()
            except (OSError, ValueError):
                with contextlib.suppress(OSError, ValueError):
                    sys.stderr.write(text)
