"""Let each caller try or look only so often, in a bounded amount of memory."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, Protocol

from csenet.gateway.clock import Clock

_MOST: Final = 10_000
_ONE_HOLDER: Final = 64
"""How many bits of an address of IPv6 name its holder, who has all that is in such a network."""


_LONGEST_LOCK: Final = timedelta(hours=24)


class Locking(Protocol):
    """Say after how many failures somebody is kept out, and for how long the first time."""

    @property
    def lock_after(self) -> int:
        """Count the failures that are one too many."""
        ...

    @property
    def lock_for(self) -> timedelta:
        """Give the first and shortest lock; each further failure doubles it, up to a day."""
        ...


def locked_until(failures: int, settings: Locking, now: datetime) -> datetime | None:
    """Say until when somebody is kept out after so many failures in a row; None when not at all."""
    beyond = failures - settings.lock_after
    if beyond < 0:
        return None
    return now + min(settings.lock_for * (1 << min(beyond, 20)), _LONGEST_LOCK)


class Rate:
    """Count for each key how much it may still do; what was used up comes back evenly."""

    def __init__(self, clock: Clock, most: int, seconds: float = 60.0) -> None:
        """Take how much is still well in so many seconds."""
        self._clock, self._most, self._seconds = clock, float(most), seconds
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Use one up and return 0, or return after how many seconds there will be one again."""
        left, now = self._now(key)
        taken = left >= 1
        self._keep(key, left - 1 if taken else left, now)
        return 0.0 if taken else (1 - left) * self._seconds / self._most

    def give_back(self, key: str) -> None:
        """Give one back that was used up for what does not count."""
        left, now = self._now(key)
        self._keep(key, min(self._most, left + 1), now)

    def _now(self, key: str) -> tuple[float, float]:
        now = self._clock.now().timestamp()
        left, since = self._left.pop(key, (self._most, now))
        return min(self._most, left + (now - since) * self._most / self._seconds), now

    def _keep(self, key: str, left: float, now: float) -> None:
        self._left[key] = (left, now)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)


def holder_of(source: str) -> str:
    """Write an address the way that all addresses of its holder are written: a network, of IPv6."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if address.version == 4:
        return source
    known = address.ipv4_mapped
    return str(known) if known else str(ipaddress.ip_network((int(address), _ONE_HOLDER), strict=False))
