"""Let two persons release what disclosure rules withhold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk import releases
from csenet.gateway.desk.base import DeskBase
from csenet.gateway.desk.releases import ReleaseView
from csenet.gateway.desk.workset import WorkingSet

LASTS = timedelta(days=3)
"""How long a release waits for its second person."""


class Releasing(DeskBase):
    """Give the desk releases; each step is one commit with its line in the audit."""

    async def ask_release(
        self, obj: Any, reason: str, *, actor: str, lasts: timedelta = LASTS
    ) -> ReleaseView:
        """Keep a whole transaction that somebody wants to send all the same; raises ``Rejected``."""

        async def ask(conn: AsyncConnection) -> ReleaseView:
            return await releases.ask(conn, self._workset(), obj, reason, actor, lasts)

        return await self.store.together(ask)

    async def approve_release(self, number: int, *, actor: str) -> ReleaseView:
        """Send it as the second person; raises ``NotFound``, ``Conflict``, ``Rejected`` for the first one."""

        async def approve(conn: AsyncConnection) -> tuple[ReleaseView, WorkingSet]:
            workset = self._workset()
            view, _ = await releases.approve(conn, workset, number, actor)
            return view, workset

        view, workset = await self.store.together(approve)
        self._told(workset)
        return view

    async def refuse_release(self, number: int, reason: str, *, actor: str) -> ReleaseView:
        """Leave it withheld; raises ``NotFound``, ``Conflict``."""

        async def refuse(conn: AsyncConnection) -> ReleaseView:
            return await releases.refuse(conn, self._workset(), number, reason, actor)

        return await self.store.together(refuse)
