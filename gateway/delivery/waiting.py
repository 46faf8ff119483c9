"""Wait for whichever comes first, and for nothing afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol


class Sleeper(Protocol):
    """The one part of a clock that waiting needs."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait ``seconds`` of this clock's time."""
        ...


class Stopped(Exception):  # noqa: N818 - an order that was followed, not an error
    """Report that a wait was given up because the service is stopping."""


async def first_of(*waits: Awaitable[Any]) -> None:
    """Return when the first of the waits ends; the others are cancelled and gone by then."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def sleep_unless(stop: asyncio.Event, clock: Sleeper, seconds: float) -> None:
    """Sleep, or raise `Stopped` as soon as ``stop`` is set."""
    if seconds > 0 and not stop.is_set():
        await first_of(stop.wait(), clock.sleep(seconds))
    if stop.is_set():
        raise Stopped


async def until_stopped(task: asyncio.Future[Any], stop: asyncio.Event, grace: float) -> None:
    """Return when ``task`` is done; once ``stop`` is set give it ``grace`` seconds, then raise `Stopped`.

    A task given up, or one whose waiter is cancelled, is cancelled and gone when this returns.
    """
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=grace)
        if not task.done():
            raise Stopped
    finally:
        for each in (stopping, task):
            each.cancel()
        await asyncio.wait({stopping, task})
