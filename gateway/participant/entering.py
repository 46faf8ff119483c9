"""Sign participants in by number and PIN, and know them again; a wrong number costs what a wrong PIN does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import Clock
from csenet.gateway.errors import GatewayError
from csenet.gateway.participant.enrolling import NUMBER_DIGITS, PIN_DIGITS, name_of, plain_digits
from csenet.gateway.people import passwords
from csenet.gateway.people.limits import locked_until
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.signing import Caller, digest_of, new_secret
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.store import audit, participants
from csenet.gateway.store.engine import Store

_TOUCH: Final = timedelta(minutes=1)
REFUSAL: Final = (
    "The participant number or the PIN is not right, or there were too many tries. "
    "Check both and wait a while before you try again."
)
"""What everybody reads who is not let in, whatever the reason."""


class EntryRefused(GatewayError):  # noqa: N818 - read as an outcome
    """Report that somebody did not prove who they are; the text tells nothing about the number."""

    def __init__(self) -> None:
        """Say it in the one way."""
        super().__init__(REFUSAL)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a sign-in of a participant, with its secret where that is new."""

    id: int
    participant_id: int
    name: str
    ends_at: datetime
    secret: str = ""

    def person(self, caller: Caller) -> Person:
        """Give the one who stands in the audit."""
        return Person(
            name=self.name,
            kind=Kind.PARTICIPANT,
            roles=frozenset(),
            source=caller.source,
            agent=caller.agent,
            session=f"participant sign-in {self.id}",
        )


class Entering:
    """Sign participants in and out."""

    def __init__(self, store: Store, clock: Clock, settings: ParticipantSection) -> None:
        """Take the store and what is set about participants."""
        self._store, self._clock, self.settings = store, clock, settings

    async def enter(self, number: str, pin: str, way: str, caller: Caller) -> Visit:
        """Let somebody in; raises EntryRefused.

        The try is counted and written down in a commit of its own before the PIN is looked at: many tries at
        the same moment are as many tries, and a number takes the same time whether somebody has it or not.
        What was typed is not written down, as people type a PIN where the number belongs.
        """
        typed, digits = plain_digits(number, NUMBER_DIGITS), plain_digits(pin, PIN_DIGITS)

        async def count(conn: AsyncConnection) -> dict[str, Any] | None:
            row = await participants.by_number(conn, typed)
            name = "participant:(unknown)" if row is None else name_of(row)
            await audit.add(conn, [self._line("participant.tried", name, caller, None)])
            if row is None or not _is_usable(row, self._clock.now()):
                return None
            failures = row["failures"] + 1
            until = locked_until(failures, self.settings, self._clock.now())
            await participants.change(conn, row["id"], failures=failures, locked_until=until)
            return row

        row = await self._store.together(count)
        kept = None if row is None else bytes(row["pin"]).decode()
        if not await passwords.fits(kept, digits) or row is None:
            raise EntryRefused
        return await self._begin(row, way, caller)

    async def find(self, secret: str, way: str) -> Visit | None:
        """Find a sign-in by its secret; None when it ended, expired, or the participant was locked out."""
        if not secret:
            return None
        async with self._store.read() as conn:
            row = await participants.signed_in(conn, digest_of(secret))
        now = self._clock.now()
        if row is None or row["session_way"] != way or self._is_over(row, now):
            return None
        if now - row["session_seen_at"] >= _TOUCH:
            number = row["session_id"]

            async def touch(conn: AsyncConnection) -> None:
                await participants.change_session(conn, number, seen_at=now)

            await self._store.together(touch)
        return self._visit(row, row["session_id"], row["session_begun_at"])

    async def leave(self, visit: Visit, caller: Caller) -> None:
        """End a sign-in."""
        now = self._clock.now()

        async def end(conn: AsyncConnection) -> None:
            await participants.end(conn, now, number=visit.id)
            line = self._line("participant.signed_out", visit.name, caller, visit.id)
            await audit.add(conn, [line])

        await self._store.together(end)

    def _is_over(self, row: dict[str, Any], now: datetime) -> bool:
        idle, longest = now - row["session_seen_at"], now - row["session_begun_at"]
        kept_out = row["revoked_at"] is not None or row["locked_at"] is not None
        return bool(kept_out or idle >= self.settings.idle or longest >= self.settings.longest)

    async def _begin(self, row: dict[str, Any], way: str, caller: Caller) -> Visit:
        secret, now = new_secret(), self._clock.now()
        values = {
            "participant_id": row["id"],
            "sha256": digest_of(secret),
            "way": way,
            "begun_at": now,
            "seen_at": now,
        }

        async def begin(conn: AsyncConnection) -> int:
            number = await participants.begin(conn, values)
            await participants.change(conn, row["id"], failures=0, locked_until=None, signed_in_at=now)
            await audit.add(conn, [self._line("participant.signed_in", name_of(row), caller, number)])
            return number

        number = await self._store.together(begin)
        return msgspec.structs.replace(self._visit(row, number, now), secret=secret)

    def _visit(self, row: dict[str, Any], number: int, begun_at: datetime) -> Visit:
        ends_at = begun_at + self.settings.longest
        return Visit(id=number, participant_id=row["id"], name=name_of(row), ends_at=ends_at)

    def _line(self, action: str, name: str, caller: Caller, number: int | None) -> dict[str, Any]:
        detail: dict[str, Any] = {"source": caller.source, "agent": caller.agent}
        if number is not None:
            detail["session"] = f"participant sign-in {number}"
        return {"at": self._clock.now(), "actor": name, "action": action, "object": name, "detail": detail}


def _is_usable(row: dict[str, Any], now: datetime) -> bool:
    """Tell whether somebody with the right PIN would be let in."""
    until: datetime | None = row["locked_until"]
    kept_out = row["revoked_at"] is not None or row["locked_at"] is not None
    return not kept_out and (until is None or until <= now)
