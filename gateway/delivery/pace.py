"""Keep to so many batches a minute, also when much has gathered while the destination was away."""

from __future__ import annotations

from datetime import timedelta

from csenet.gateway.clock import Clock

_SECONDS = 60.0


class Pace:
    """Give out turns, one at a time and evenly: so many in a minute, or any number."""

    def __init__(self, clock: Clock, per_minute: float | None) -> None:
        """Start with one turn free."""
        self._clock = clock
        self._interval = None if per_minute is None else timedelta(seconds=_SECONDS / per_minute)
        self._next = clock.now()

    def free(self, wanted: int) -> int:
        """Say how many of ``wanted`` turns can be taken now."""
        if self._interval is None:
            return wanted
        now = self._clock.now()
        # A clock that was put back must not keep everything waiting until it has caught up.
        self._next = min(self._next, now + self._interval)
        return min(wanted, 1) if self._next <= now else 0

    def take(self, turns: int) -> None:
        """Use turns up."""
        if self._interval is not None:
            self._next = max(self._next, self._clock.now()) + turns * self._interval

    def wait(self) -> float:
        """Tell for how many seconds there is no turn."""
        if self._interval is None:
            return 0.0
        return max(0.0, (self._next - self._clock.now()).total_seconds())
