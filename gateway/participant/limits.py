"""Let each caller try or look only so often a minute, in a bounded amount of memory."""

from __future__ import annotations

from collections import OrderedDict

from csenet.gateway.clock import Clock

_MOST = 10_000


class Rate:
    """Count for each key how much it may still do; what was used up comes back evenly over a minute."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        """Take how often a minute is still well."""
        self._clock, self._most = clock, float(per_minute)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Use one up and return 0, or return after how many seconds there will be one again."""
        now = self._clock.now().timestamp()
        left, since = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - since) * self._most / 60)
        taken = left >= 1
        self._left[key] = (left - 1 if taken else left, now)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        return 0.0 if taken else (1 - left) * 60 / self._most
