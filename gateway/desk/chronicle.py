"""Hold what one commit tells of itself: lines for the timelines of its cases and for the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.casebook import CaseBook
from csenet.gateway.desk.plan import Cause, Queued
from csenet.gateway.store import audit, cases


@dataclass(slots=True)
class Line:
    """Hold one line; ``about`` is the case of a timeline, the object of an act."""

    name: str
    about: str
    detail: dict[str, Any]
    cause: Cause
    queued: Queued | None = None


@dataclass(slots=True)
class Chronicle:
    """Gather lines until all that they name by its number is written."""

    now: datetime
    cases: CaseBook
    acts: list[Line] = field(default_factory=list)
    _timeline: list[Line] = field(default_factory=list)

    def note(
        self,
        case_id: str | None,
        name: str,
        detail: dict[str, Any],
        cause: Cause,
        queued: Queued | None = None,
    ) -> None:
        """Write a line on the timeline of a case we know."""
        if case_id is not None and self.cases.knows(case_id):
            self._timeline.append(Line(name, case_id, detail, cause, queued))

    def record(self, action: str, about: str, cause: Cause, detail: dict[str, Any] | None = None) -> None:
        """Write a line for the audit."""
        self.acts.append(Line(action, about, detail or {}, cause))

    async def flush(self, conn: AsyncConnection) -> None:
        """Write all lines, under the IDs that their cases have by now."""
        await cases.add_events(conn, [self._event_row(line) for line in self._timeline])
        await audit.add(conn, [self._act_row(line) for line in self.acts])

    def _event_row(self, line: Line) -> Mapping[str, Any]:
        return {
            "case_id": self.cases.case_of(line.about),
            "at": self.now,
            "event": line.name,
            "detail": line.detail,
            "inbound_id": line.cause.inbound_id,
            "outbound_id": line.queued.row_id if line.queued else None,
        }

    def _act_row(self, line: Line) -> Mapping[str, Any]:
        return {
            "at": self.now,
            "actor": line.cause.actor,
            "action": line.name,
            "object": line.about,
            "detail": line.detail or None,
        }
