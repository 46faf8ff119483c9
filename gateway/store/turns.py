"""Give the event loop back in the middle of a large commit, so that callers are answered meanwhile.

An embedded database runs its statements on the loop's own thread, and deciding never waits for anything: a
hundred transactions would keep everybody waiting, even those who are only to be told to come again.  What is
read in a transaction stays true all the same, as whoever writes still does so alone.
"""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

ROWS: Final = 50
"""How many rows may be made ready before others have their turn; one or two milliseconds."""
SLICE: Final = 25
"""How many rows are sealed in one go."""
DECISION: Final = 10
"""How many rows' work it is to decide one transaction."""

_DONE: Final = "rows since others had their turn"


async def give_way(conn: AsyncConnection, rows: int) -> None:
    """Note that the work of so many rows was done, and let others have their turn when it is enough."""
    about = conn.info
    done = about.get(_DONE, 0) + rows
    if done < ROWS:
        about[_DONE] = done
        return
    about[_DONE] = 0
    await asyncio.sleep(0)
