"""Let supervisors keep a case from being purged, whatever its age."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.base import DeskBase
from csenet.gateway.desk.names import case_key
from csenet.gateway.desk.results import Conflict
from csenet.gateway.errors import NotFound
from csenet.gateway.store import aliases, audit, holds


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """Show a hold: on which case, why, by whom and since when, and how it ended."""

    id: int
    case_id: str
    reason: str
    held_by: str
    held_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None
    release_reason: str | None = None


class Holding(DeskBase):
    """Give the desk its holds; each is one commit with its line in the audit."""

    async def hold_case(self, case_id: str, reason: str, *, actor: str) -> HoldView:
        """Keep a case, and all that came and went on it, until it is released; raises ``Conflict`` if held.

        The case need not be known: what came on it without our having its facts is kept as well.
        """
        text = reason.strip()

        async def hold(conn: AsyncConnection) -> HoldView:
            key = await aliases.named(conn, case_key(case_id))
            known = await holds.of_case(conn, key)
            if known is not None:
                raise Conflict(f"the case is held since {known['held_at']:%Y-%m-%d} by {known['held_by']}")
            now = self.clock.now()
            number = await holds.add(conn, key, text, by=actor, at=now)
            await audit.add(conn, [self._about("hold.added", key, number, actor)])
            return HoldView(id=number, case_id=key, reason=text, held_by=actor, held_at=now)

        return await self.store.together(hold)

    async def release_case(self, case_id: str, reason: str, *, actor: str) -> HoldView:
        """End the hold on a case: its time runs as if it had not been; raises ``NotFound`` if not held."""
        text = reason.strip()

        async def release(conn: AsyncConnection) -> HoldView:
            key = await aliases.named(conn, case_key(case_id))
            known = await holds.of_case(conn, key)
            if known is None:
                raise NotFound("no hold on such a case")
            now = self.clock.now()
            await holds.release(conn, known, text, by=actor, at=now)
            await audit.add(conn, [self._about("hold.released", key, known["id"], actor)])
            ended = {"released_by": actor, "released_at": now, "release_reason": text}
            return HoldView(**{**known, **ended})

        return await self.store.together(release)

    async def list_holds(self, *, ended: bool = False) -> list[HoldView]:
        """List holds, oldest first; those that ended too, if wanted."""
        async with self.store.read() as conn:
            return [HoldView(**row) for row in await holds.every(conn, ended=ended)]

    def _about(self, action: str, case_id: str, number: int, actor: str) -> dict[str, Any]:
        """Write the line of the audit; the reason stands in the hold, sealed."""
        return {
            "at": self.clock.now(),
            "actor": actor,
            "action": action,
            "object": f"case {case_id}",
            "detail": {"hold": number},
            "cases": (case_id,),
        }
