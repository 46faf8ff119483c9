"""Count what the status page shows, seldom enough that looking at it costs nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from csenet.gateway.casework.ports import CaseDesk
from csenet.gateway.casework.status import Summary
from csenet.gateway.clock import Clock

COUNTED_EVERY: Final = timedelta(seconds=5)
"""Anybody may open the page, so opening it again and again must not keep the store busy."""

PROVED_EVERY: Final = timedelta(minutes=1)
"""The ledger is proved over the whole store, which costs more than counting."""


class Figures:
    """Give the figures, counted anew only when the last ones are old."""

    def __init__(self, desk: CaseDesk, clock: Clock, jurisdiction: str) -> None:
        """Take whom to ask."""
        self._desk, self._clock, self._jurisdiction = desk, clock, jurisdiction
        self._turn = asyncio.Lock()
        self._last: Summary | None = None
        self._proved_at: datetime | None = None
        self._balanced = True

    async def summary(self) -> Summary:
        """Return figures that are at most a few seconds old; those who ask at once share one count."""
        async with self._turn:
            now = self._clock.now()
            if self._last is None or not timedelta() <= now - self._last.now < COUNTED_EVERY:
                self._last = await self._count(now)
            return self._last

    async def _count(self, now: datetime) -> Summary:
        """Count, and prove the ledger if that is due."""
        if self._proved_at is None or not timedelta() <= now - self._proved_at < PROVED_EVERY:
            self._balanced = (await self._desk.ledger_check()).balanced
            self._proved_at = now
        counts = await self._desk.counts()
        return Summary(
            jurisdiction=self._jurisdiction,
            now=now.astimezone(getattr(self._clock, "zone", UTC)),
            today=self._clock.today(),
            balanced=self._balanced,
            inbound=counts.inbound,
            outbound=counts.outbound,
            work=counts.work,
            oldest_waiting=counts.oldest_waiting,
            files_waiting=counts.files_waiting,
        )
