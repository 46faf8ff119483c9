"""Watch over a database server that cannot limit how long a transaction takes (PostgreSQL before 17).

A gateway that is stopped (SIGSTOP, a paused virtual machine) in the middle of a statement keeps its locks,
and to the server it is not idle.  Any other gateway on that database ends its session; what it had not
committed has not happened, and it is told so when it wakes up.
"""

from __future__ import annotations

import asyncio
from typing import Final

from structlog.typing import FilteringBoundLogger

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.waiting import first_of
from csenet.gateway.store.engine import Store
from csenet.gateway.store.errors import out_of_reach

_EVERY: Final = 2.0
"""Seconds between two looks: with the fifteen that a sleeper has, less than a lease and five seconds."""


async def watch(store: Store, clock: Clock, log: FilteringBoundLogger, stop: asyncio.Event) -> None:
    """Look for sleepers until ``stop`` is set."""
    while not stop.is_set():
        await first_of(stop.wait(), clock.sleep(_EVERY))
        if stop.is_set():
            return
        try:
            count = await store.end_sleepers()
        except Exception as error:
            # The server is gone: others tell of that, and nobody keeps a lock there.
            if not out_of_reach(error):
                raise
            continue
        if count:
            log.warning("store.sleeper_ended", count=count)
