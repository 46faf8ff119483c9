"""Let people of the agency manage participants from pages and programs, as commands do from the machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from csenet.gateway.clock import Clock
from csenet.gateway.desk.results import Conflict
from csenet.gateway.errors import NotFound
from csenet.gateway.participant.enrolling import (
    CaseOfParticipant,
    Enrolling,
    NotThere,
    NotWhole,
    OutOfSight,
    ParticipantError,
    ParticipantView,
    masked,
)
from csenet.gateway.people.looks import OUT_OF_SCOPE, Look, ReadRefused
from csenet.gateway.people.person import Person
from csenet.gateway.people.reading import Reader
from csenet.gateway.store.engine import Store

T = TypeVar("T")


class ParticipantLine(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a participant by the last digits of their number; the cases are those that one may see."""

    id: int
    number: str
    state: str
    cases: Sequence[CaseOfParticipant]
    failures: int
    locked_until: datetime | None
    created_at: datetime
    signed_in_at: datetime | None


class ParticipantPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hold part of the list of participants; pass `next` as `after` for more, null at the end."""

    participants: Sequence[ParticipantLine]
    next: str | None


class Managing:
    """Act on participants for somebody who signed in, within their offices."""

    def __init__(self, store: Store, clock: Clock, reader: Reader, person: Person, channel: str) -> None:
        """Take who acts and which way, for the record."""
        self._reader, self._person, self._look = reader, person, Look(channel=channel)
        self._enrolling = Enrolling(store, clock, person.scope)

    async def page(self, case_id: str | None, after: int, limit: int) -> ParticipantPage:
        """List participants; of numbers only the last digits, as whoever lists them need not know more."""
        found = await self._enrolling.list(case_id, after=after, limit=limit + 1)
        lines = [_line(each) for each in found[:limit]]
        return ParticipantPage(participants=lines, next=str(lines[-1].id) if len(found) > limit else None)

    async def act(self, action: str, work: Callable[[Enrolling], Awaitable[T]]) -> T:
        """Do one thing; a try at what is out of sight is recorded, and told as if there were nothing.

        Raises NotFound, ReadRefused for a number that other offices have a part of, and Conflict.
        """
        try:
            return await work(self._enrolling)
        except OutOfSight as error:
            await self._reader.record(self._person, action, error.objects, self._look, outcome=OUT_OF_SCOPE)
            if isinstance(error, NotWhole):
                raise ReadRefused(str(error)) from None
            raise NotFound(str(error)) from None
        except NotThere as error:
            raise NotFound(str(error)) from None
        except ParticipantError as error:
            raise Conflict(str(error)) from None


def _line(view: ParticipantView) -> ParticipantLine:
    known = {name: getattr(view, name) for name in ParticipantLine.__struct_fields__}
    return ParticipantLine(**{**known, "number": masked(view.number)})
