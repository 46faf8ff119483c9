"""Do what an operator orders about the way out: hold it, release it, let what waits leave at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.dead_letters import DeadLetters
from csenet.gateway.desk.receipts import Receipts
from csenet.gateway.desk.trying import EXCHANGE, Trying, partner_named
from csenet.gateway.store import audit, dead, destinations, duties, outbox, partner_holds, recalls, receipts
from csenet.gateway.store.partner_holds import PartnerHold
from csenet.gateway.store.recalls import Recalled

WITHDRAWN: Final = "withdrawn"
"""Stands as the reason of what somebody withdrew; why they did is in the audit."""


class WayOut(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how the way out fares.

    ``breaker`` is ``closed`` while tries are made, ``open`` after too many failures in a row, ``half-open``
    while a probe is under way; ``waiting`` counts by status what has not left, ``receipts`` those that are
    missing, late, repeated or contradicting.
    """

    breaker: str
    failures_in_a_row: int
    last_error: str | None
    next_probe_at: datetime | None
    held_at: datetime | None
    held_reason: str | None
    partners_on_hold: list[PartnerHold]
    waiting: dict[str, int]
    receipts: dict[str, int]


class Operating(Trying, Receipts, DeadLetters):
    """Give the desk its orders about delivery; each is one commit with its line in the audit."""

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

    async def hold_partner(self, name: str, reason: str, *, actor: str) -> bool:
        """Keep what goes to one partner, or with ``exchange`` to all; say whether that is new.

        Raises ``NotFound`` for a name that is nobody's.
        """
        partner = partner_named(name, self.agency.state)
        if partner == EXCHANGE:
            await self.hold_delivery(reason, actor=actor)
            return True
        async with self.store.begin() as conn:
            fresh = await partner_holds.hold(conn, partner, reason, actor=actor, at=self.clock.now())
        if fresh:
            self.log.info("partner.hold", partner=partner)
        return fresh

    async def release_partner(self, name: str, *, actor: str) -> bool:
        """Let what waits for one partner leave, or with ``exchange`` for all; say whether there was a hold.

        Raises ``NotFound`` for a name that is nobody's.
        """
        partner = partner_named(name, self.agency.state)
        if partner == EXCHANGE:
            return await self.release_delivery(actor=actor)
        async with self.store.begin() as conn:
            held = await partner_holds.release(conn, partner, actor=actor, at=self.clock.now())
        if held:
            self.log.info("partner.release", partner=partner)
        self.outbox_ready.set()
        return held

    async def recall(self, ids: Sequence[int], reason: str, *, actor: str) -> Recalled:
        """Take transactions back that wait and that no try has touched; the rest stay as they are."""

        async def take(conn: AsyncConnection) -> Recalled:
            now, today = self.clock.now(), self.clock.today()
            return await recalls.recall(conn, ids, reason=reason, actor=actor, at=now, today=today)

        found = await self.store.together(take)
        if found.taken:
            self.log.info("transaction.recalled", count=len(found.taken))
            self.outbox_ready.set()
        return found

    async def way_out_now(self) -> WayOut:
        """Tell how the way out fares: breaker, holds, and how much waits."""
        async with self.store.read() as conn:
            known = await destinations.load(conn)
            holds = await partner_holds.load(conn)
            counts = await outbox.statuses(conn)
            unusual = await receipts.counts(conn, self.clock.now())
        return WayOut(
            breaker=known.state,
            failures_in_a_row=known.failures,
            last_error=known.last_error,
            next_probe_at=None if known.state == "closed" else known.probe_at,
            held_at=known.held_at,
            held_reason=known.held_reason,
            partners_on_hold=holds,
            waiting={name: counts.get(name, 0) for name in ("queued", "sending", "held", "dead")},
            receipts=unusual,
        )

    async def dead_resend(self, ids: Sequence[int] | None = None, *, actor: str = "operator") -> int:
        """Queue dead transactions again, all if ``ids`` is None; those not dead are left as they are."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await dead.resend_dead(conn, ids, at=now, today=self.clock.today())
            await audit.add(conn, [self._by_hand("dead.resend", actor, ids, count)])
        self.log.info("dead.resend", count=count)
        self.outbox_ready.set()
        return count

    async def dead_cancel(self, ids: Sequence[int], reason: str, *, actor: str = "operator") -> int:
        """Withdraw dead transactions for good, which lets later ones of their cases go."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await dead.cancel_dead(conn, ids, reason=WITHDRAWN, at=now, today=self.clock.today())
            await duties.taken_back(conn, ids, self.clock.today())
            line = self._by_hand("dead.cancel", actor, ids, count)
            # What people write may name somebody: it is kept sealed.
            await audit.add(conn, [{**line, "detail": {**line["detail"], "reason": reason}}])
        self.log.info("dead.cancel", count=count)
        self.outbox_ready.set()
        return count

    async def release_held(self, ids: Sequence[int] | None = None, *, actor: str = "operator") -> int:
        """Have policy asked again about transactions kept back, all if ``ids`` is None."""
        async with self.store.begin() as conn:
            now = self.clock.now()
            count = await dead.release_held(conn, ids, at=now, today=self.clock.today())
            await audit.add(conn, [self._by_hand("held.release", actor, ids, count)])
        self.log.info("held.release", count=count)
        self.outbox_ready.set()
        return count

    def _by_hand(self, action: str, actor: str, ids: Sequence[int] | None, count: int) -> dict[str, Any]:
        chosen = "all" if ids is None else list(ids)
        return {
            "at": self.clock.now(),
            "actor": actor,
            "action": action,
            "object": "outbox",
            "detail": {"chosen": chosen, "count": count},
        }
