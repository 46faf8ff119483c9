"""Do what an operator orders about the way out: hold it, release it, let what waits leave at once."""

from __future__ import annotations

import asyncio
from typing import Any

from csenet.gateway.clock import Clock
from csenet.gateway.store import destinations
from csenet.gateway.store.engine import Store


class Operating:
    """Give the desk its orders about delivery; each is one commit with its line in the audit."""

    store: Store
    clock: Clock
    log: Any
    outbox_ready: asyncio.Event

    async def hold_delivery(self, reason: str, *, actor: str) -> None:
        """Let nothing leave until a release, whoever restarts in between."""
        async with self.store.begin() as conn:
            await destinations.hold(conn, reason, actor=actor, at=self.clock.now())
        self.log.info("delivery.hold")

    async def release_delivery(self, *, actor: str) -> bool:
        """End a hold, and have a failing destination probed at once; say whether there was a hold."""
        async with self.store.begin() as conn:
            held = await destinations.release(conn, actor=actor, at=self.clock.now())
        self.log.info("delivery.release")
        self.outbox_ready.set()
        return held

    async def flush_delivery(self, *, actor: str) -> int:
        """Let what is queued leave without waiting for a window; return how many transactions that are."""
        async with self.store.begin() as conn:
            count = await destinations.flush(conn, actor=actor, at=self.clock.now())
        self.log.info("delivery.flush", count=count)
        self.outbox_ready.set()
        return count
