"""Give the event loop back in the middle of a large commit, so that callers are answered meanwhile.

An embedded database runs its statements on the loop's own thread, and deciding never waits for anything: a
hundred transactions would keep everybody waiting, even those who are only to be told to come again.  So
whoever works in a transaction asks after each small step, each statement among them, whether a slice of time
is over.  What is read in a transaction stays true all the same, as whoever writes still does so alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

LONGEST: Final = 0.003
"""Seconds of work in one go."""
SLICE: Final = 25
"""How many rows are sealed in one go; about a millisecond."""

_SINCE: Final = "work since others had their turn"
_NEVER: Final = float("inf")


def begin(conn: AsyncConnection, *, short: bool = False, now: Callable[[], float] = perf_counter) -> None:
    """Begin a slice; work that is ``short`` is never cut."""
    conn.info[_SINCE] = _NEVER if short else now()


async def give_way(conn: AsyncConnection, *, now: Callable[[], float] = perf_counter) -> None:
    """Let others have their turn if the slice is over; ``now`` gives seconds that never go back."""
    about = conn.info
    since = about.get(_SINCE)
    if since is not None and now() - since < LONGEST:
        return
    if since is not None:
        await asyncio.sleep(0)
    about[_SINCE] = now()
