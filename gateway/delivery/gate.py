"""Ask, before each try, whether one may be made: a breaker, an operator's hold, and the windows say."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.typing import FilteringBoundLogger

from csenet.gateway.clock import Clock
from csenet.gateway.delivery import patience
from csenet.gateway.delivery.retry import Outcome
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.store import destinations
from csenet.gateway.store.destinations import Destination


class Shut(Exception):  # noqa: N818 - an answer, not an error
    """Report that no try may be made now."""


class Passage(msgspec.Struct, frozen=True):
    """Allow batches to leave, all of them or those of serial numbers up to ``up_to``; one if ``probing``."""

    up_to: int | None = None
    probing: bool = False


class Ticket(msgspec.Struct, frozen=True):
    """Say when a try began: after how many failures that counted, and after how many answers."""

    failures: int = 0
    answers: int = 0


class _Counted(msgspec.Struct, frozen=True):
    """Hold the failure that counted last here: how things stood with it, and when its try began."""

    began: Ticket
    failures: int
    changed_at: datetime | None


class NextTry(msgspec.Struct, frozen=True):
    """Say when the next try can be made at the earliest, None if only an order of a person lets it.

    ``waits_for`` says what it waits for besides its own delay: a window, the breaker's probe, or the end of a
    hold and the order to leave, which are by hand.
    """

    at: datetime | None
    waits_for: Literal["probe", "window", "release", "flush"] | None = None


def next_try(known: Destination, windows: Windows, due: datetime) -> NextTry:
    """Work out when a batch whose own delay ends at ``due`` can be tried, as things stand."""
    if known.held_at is not None:
        return NextTry(None, "release")
    found = NextTry(due)
    if known.state != "closed" and known.probe_at is not None and known.probe_at > due:
        found = NextTry(known.probe_at, "probe")
    if known.flush_serial is not None or windows.is_open(found.at or due):
        return found
    opening = windows.next_window(found.at or due)
    return NextTry(opening, "window") if opening is not None else NextTry(None, "flush")


class Gate:
    """Keep the gate of the one destination; each question is asked inside the caller's transaction."""

    def __init__(
        self,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        windows: Windows,
        breaker_after: int = patience.BREAKER_AFTER,
        probe_interval: float = patience.PROBE_INTERVAL,
    ) -> None:
        """Take the settings; ``probe_interval`` is in seconds."""
        self._clock = clock
        self._log = log
        self._windows = windows
        self._limit = breaker_after
        self._interval = probe_interval
        self._now = Ticket()
        self._last: _Counted | None = None

    async def look(self, conn: AsyncConnection) -> Passage | None:
        """Say what may leave now, without making use of it."""
        now = self._clock.now()
        known = await destinations.load(conn)
        if not known.lets_pass(now):
            return None
        # After a failure one goes ahead, and the others follow once it has arrived.
        probing = known.state != "closed" or (known.failures > 0 and not self._answered_since(known))
        if self._windows.is_open(now):
            return Passage(probing=probing)
        return None if known.flush_serial is None else Passage(known.flush_serial, probing)

    def _answered_since(self, known: Destination) -> bool:
        """Say whether the destination answered after the try began whose failure was the last to count.

        What left with it or later has arrived, so nothing need wait for the one that failed, in whatever
        order the two are settled.  What another gateway counted since is another failure.
        """
        last = self._last
        if last is None or (last.failures, last.changed_at) != (known.failures, known.changed_at):
            return False
        return self._now.answers > last.began.answers

    async def next_try(self, conn: AsyncConnection, due: datetime) -> NextTry:
        """Say when a batch that has just failed can be tried again; its own delay ends at ``due``."""
        return next_try(await destinations.load(conn), self._windows, due)

    async def emptied(self, conn: AsyncConnection, passage: Passage) -> None:
        """Note that nothing more can leave; what was let out by hand is then through."""
        if passage.up_to is not None:
            await destinations.flushed(conn)

    async def enter(self, conn: AsyncConnection) -> None:
        """Take the right to try once, the only one an interval while the breaker is open; raises `Shut`."""
        if await self.look(conn) is None:
            raise Shut
        if not await destinations.enter(conn, self._clock.now(), self._interval):
            raise Shut

    def ticket(self) -> Ticket:
        """Give what a try that begins now is to show when it has failed."""
        return self._now

    async def note(self, conn: AsyncConnection, outcome: Outcome, ticket: Ticket) -> None:
        """Count a failed try against the destination, and tell a person what only a person can mend.

        Of several tries that were under way together one counts: it is one failure that they met.
        """
        if ticket.failures < self._now.failures:
            return
        self._now = msgspec.structs.replace(self._now, failures=self._now.failures + 1)
        now = self._clock.now()
        opened = await destinations.note_failure(
            conn, outcome.error, at=now, limit=self._limit, probe_interval=self._interval
        )
        known = await destinations.load(conn)
        self._last = _Counted(ticket, known.failures, known.changed_at)
        if opened:
            self._log.error("delivery.breaker_opened", error_type=outcome.error, seconds=self._interval)
        if outcome.mistaken and await destinations.ask_operator(conn, outcome.error, now):
            self._log.critical("delivery.refused_by_destination", error_type=outcome.error)

    async def note_answer(self, conn: AsyncConnection) -> None:
        """Note that the destination works: it took a batch, or refused it for what is in it."""
        self._now = msgspec.structs.replace(self._now, answers=self._now.answers + 1)
        if await destinations.note_answer(conn, at=self._clock.now(), today=self._clock.today()):
            self._log.info("delivery.breaker_closed")
