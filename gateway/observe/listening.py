"""Let metrics and traces hear what the parts of a gateway log: what is told once is counted once.

The parts are given a log of this kind instead of a plain one, and know nothing of metrics. Listeners get the
event's name and its keys, debug lines included, whatever level is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger


class Listener(Protocol):
    """Hear of each event."""

    def __call__(self, event: str, level: str, keys: Mapping[str, Any], /) -> None:
        """Take note; must not raise, and must be quick."""
        ...


class ListenedLog:
    """Write to a log and tell listeners."""

    def __init__(
        self,
        log: FilteringBoundLogger,
        listeners: Sequence[Listener],
        bound: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the log to write to; ``bound`` are the keys that it puts on each line already."""
        self._log = log
        self._listeners = listeners
        self._bound = dict(bound or {})

    def bind(self, **keys: Any) -> ListenedLog:
        """Give a log that puts these keys on each line."""
        return ListenedLog(self._log.bind(**keys), self._listeners, {**self._bound, **keys})

    def debug(self, event: str, **keys: Any) -> None:
        """Tell what only somebody who searches wants to know."""
        self._log.debug(event, **keys)
        self._tell(event, "debug", keys)

    def info(self, event: str, **keys: Any) -> None:
        """Tell what happened."""
        self._log.info(event, **keys)
        self._tell(event, "info", keys)

    def warning(self, event: str, **keys: Any) -> None:
        """Tell what may need somebody."""
        self._log.warning(event, **keys)
        self._tell(event, "warning", keys)

    def error(self, event: str, **keys: Any) -> None:
        """Tell what failed."""
        self._log.error(event, **keys)
        self._tell(event, "error", keys)

    def critical(self, event: str, **keys: Any) -> None:
        """Tell what cannot go on."""
        self._log.critical(event, **keys)
        self._tell(event, "critical", keys)

    def __getattr__(self, name: str) -> Any:
        """Pass on whatever else a log can do; nobody listens to that."""
        return getattr(self._log, name)

    def _tell(self, event: str, level: str, keys: Mapping[str, Any]) -> None:
        told = {**self._bound, **keys}
        for listener in self._listeners:
            listener(event, level, told)
