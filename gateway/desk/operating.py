"""Do what an operator orders about the way out: hold it, release it, let what waits leave at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from csenet.gateway.desk.trying import Trying
from csenet.gateway.store import audit, dead, destinations, duties


class Operating(Trying):
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
            count = await dead.cancel_dead(conn, ids, reason=reason, at=now, today=self.clock.today())
            await duties.taken_back(conn, ids, self.clock.today())
            await audit.add(conn, [self._by_hand("dead.cancel", actor, ids, count)])
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
