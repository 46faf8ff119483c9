"""Know within one commit which case an ID of ours names, and which records go over to another ID."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import aliases


def case_key(case_id: str) -> str:
    """Write a case ID the way it stands in transactions: upper case, no blanks around it."""
    return case_id.strip().upper()


@dataclass(slots=True)
class Move:
    """Hold that a case has another ID; ``row`` is its record, ``joins`` says that the new ID has one too."""

    former: str
    case_id: str
    actor: str
    row: Mapping[str, Any] | None = None
    joins: bool = False


@dataclass(slots=True)
class Names:
    """Hold the former IDs that were asked about, and the moves that are still to be written."""

    _current: dict[str, str] = field(default_factory=dict)
    _moves: list[Move] = field(default_factory=list)

    async def load(self, conn: AsyncConnection, ids: Collection[str]) -> set[str]:
        """Find which cases former IDs among these name, and return those."""
        found = await aliases.current(conn, ids)
        self._current |= found
        return set(found.values())

    def of(self, case_id: str) -> str:
        """Give the ID in use."""
        return self._current.get(case_id, case_id)

    @property
    def waiting(self) -> bool:
        """Tell whether moves are still to be written."""
        return bool(self._moves)

    def give_up(self, alias: str) -> None:
        """Let an ID name nothing but its own case."""
        self._current.pop(alias, None)

    def add(self, move: Move) -> None:
        """Let an ID name another case from now on."""
        for alias in [each for each, now in self._current.items() if now == move.former]:
            self._current[alias] = move.case_id
        self._current.pop(move.case_id, None)
        self._current[move.former] = move.case_id
        self._moves.append(move)

    async def flush(self, conn: AsyncConnection, at: datetime) -> set[str]:
        """Write the moves in their order, before anything is written under a new ID; return the new IDs."""
        for move in self._moves:
            await aliases.move(conn, move.former, move.case_id, at=at, actor=move.actor)
            if move.joins:
                await aliases.drop(conn, move.former)
            elif move.row is not None:
                await aliases.rekey(conn, move.former, move.case_id)
            await aliases.put(conn, move.former, move.case_id, at, move.row if move.joins else None)
        moved = {self.of(move.case_id) for move in self._moves}
        self._moves.clear()
        return moved
