"""Let participants in and keep them out: numbers, PINs, cases; each change leaves a line in the audit."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import Clock
from csenet.gateway.errors import GatewayError
from csenet.gateway.people import passwords
from csenet.gateway.store import aliases, audit, cases, participants
from csenet.gateway.store.engine import Store

NUMBER_DIGITS: Final = 10
PIN_DIGITS: Final = 8
_SHOWN_DIGITS: Final = 4
_LONGEST_TYPED: Final = 32
_BLANKS: Final = str.maketrans("", "", " -")


_NO_CASE: Final = "there is no such case; the case system has to tell its facts first"
_NOT_SEEN: Final = "this participant does not see that case"
_WHOLE: Final = (
    "this number opens cases of other offices, too: a supervisor {does} it; "
    "csenet participant revoke NUMBER --case CASE takes a case of your own office from it"
)
_NOBODY: Final = "there is no such participant, or they were revoked"


class ParticipantError(GatewayError):
    """Report a participant that cannot be let in or changed, and why."""


class NotThere(ParticipantError):  # noqa: N818 - read as an outcome
    """Report a case or participant that does not exist, or not for whoever acts."""


class OutOfSight(NotThere):
    """Report a try at a case, or at somebody of a case, of another office; told as if there were none."""

    def __init__(self, text: str, objects: Sequence[str]) -> None:
        """Keep what was tried, for the record."""
        super().__init__(text)
        self.objects = tuple(objects)


class NotWhole(OutOfSight):
    """Report a try to change a number of which other offices have a part."""


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what is given to a participant, once; ``pin`` is None where the old one stays."""

    number: str
    pin: str | None
    case_id: str | None = None
    role: str | None = None


class CaseOfParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """Name a case that a participant sees, and their part in it: ``ncp`` or ``cp``."""

    case_id: str
    role: str


class ParticipantView(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a participant without anything secret."""

    id: int
    number: str
    state: str
    cases: list[CaseOfParticipant]
    failures: int
    locked_until: datetime | None
    created_at: datetime
    signed_in_at: datetime | None


def plain_digits(typed: str, length: int) -> str:
    """Take blanks and dashes out of what was typed; empty if it is not so many digits."""
    digits = typed[:_LONGEST_TYPED].translate(_BLANKS)
    return digits if len(digits) == length and digits.isascii() and digits.isdigit() else ""


def _new_number() -> str:
    """Make a number that tells nothing and follows from no other; it does not begin with 0."""
    return str(secrets.randbelow(9 * 10 ** (NUMBER_DIGITS - 1)) + 10 ** (NUMBER_DIGITS - 1))


def _new_pin() -> str:
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def spaced(digits: str) -> str:
    """Write digits in groups, as they are read out and typed."""
    parts = (
        (digits[:3], digits[3:6], digits[6:]) if len(digits) == NUMBER_DIGITS else (digits[:4], digits[4:])
    )
    return " ".join(parts)


def masked(number: str) -> str:
    """Hide a number but for its last digits, by which the one who has it can be asked."""
    return "•" * (len(number) - _SHOWN_DIGITS) + number[-_SHOWN_DIGITS:]


async def hashed_pin(pin: str) -> bytes:
    """Hash a PIN the way that the store keeps it."""
    return (await passwords.hashed(pin)).encode()


def name_of(row: dict[str, Any]) -> str:
    """Name a participant in the audit: signed-in people cannot have such a name."""
    return f"participant:{row['id']}"


class Enrolling:
    """Change participants on somebody's behalf, each change in one commit with its line in the audit."""

    def __init__(self, store: Store, clock: Clock, offices: frozenset[str] | None = None) -> None:
        """Take the store, and the offices whose cases there are for whoever acts; None for all."""
        self._store, self._clock, self._offices = store, clock, offices

    async def enrol(self, case_id: str, role: str, *, number: str | None = None, actor: str) -> Enrolled:
        """Let somebody see a case: a new participant, or by ``number`` one who has other cases.

        Raises ParticipantError for a case that is not known, and where somebody has that part already.
        """
        pin = _new_pin() if number is None else None
        kept = None if pin is None else await hashed_pin(pin)
        async with self._store.begin() as conn:
            case_id = await aliases.named(conn, case_id)
            if not await cases.load(conn, [case_id]):
                raise NotThere(_NO_CASE)
            await self._must_see(conn, [case_id], _NO_CASE)
            for other in await participants.of_case(conn, case_id):
                if other["role"] == role:
                    raise ParticipantError(
                        f"participant {masked(other['number'])} is the {role} of this case; reset the PIN, "
                        "or revoke that participant first"
                    )
            now = self._clock.now()
            if number is None:
                number = _new_number()
                values = {"number": number, "pin": kept, "created_at": now}
                row: dict[str, Any] = {"id": await participants.add(conn, values)}
            else:
                row = await self._row(conn, number)
                number = str(row["number"])
                if any(each["case_id"] == case_id for each in await participants.cases_of(conn, row["id"])):
                    raise ParticipantError(f"participant {masked(number)} has another part in this case")
            await participants.give_case(conn, row["id"], case_id, role, now)
            action = "participant.enrolled" if pin else "participant.case_added"
            await self._note(
                conn, action, row, actor, {"role": role, "objects": [f"case {case_id}"]}, case_id
            )
        return Enrolled(number=number, pin=pin, case_id=case_id, role=role)

    async def reset_pin(self, number: str | int, *, actor: str) -> Enrolled:
        """Give a participant another PIN, take locks for failures off, and end their sign-ins.

        Here as below, a participant is named by the number that was given out, or by ``id``.

        Raises ParticipantError for a number that opens cases of other offices; so do `unlock` of what an
        office locked, and `revoke` of the whole number.
        """
        pin = _new_pin()
        kept = await hashed_pin(pin)
        async with self._store.begin() as conn:
            row = await self._row(conn, number)
            # Whoever gives a PIN out knows it, and would see with it what is another office's.
            await self._must_see_all(conn, row, "resets")
            await participants.change_pin(conn, row, kept)
            await participants.change(conn, row["id"], failures=0, locked_until=None)
            await participants.end(conn, self._clock.now(), row_id=row["id"])
            await self._note(conn, "participant.pin_reset", row, actor)
        return Enrolled(number=row["number"], pin=pin)

    async def lock(self, number: str | int, *, actor: str) -> None:
        """Let a participant in no more until they are unlocked, and end their sign-ins at once."""
        async with self._store.begin() as conn:
            row = await self._row(conn, number)
            now = self._clock.now()
            await participants.change(conn, row["id"], locked_at=row["locked_at"] or now)
            await participants.end(conn, now, row_id=row["id"])
            await self._note(conn, "participant.locked", row, actor)

    async def unlock(self, number: str | int, *, actor: str) -> None:
        """Take every lock off, the agency's own and that for wrong PINs."""
        async with self._store.begin() as conn:
            row = await self._row(conn, number)
            if row["locked_at"] is not None:
                await self._must_see_all(conn, row, "unlocks")
            await participants.change(conn, row["id"], locked_at=None, locked_until=None, failures=0)
            await self._note(conn, "participant.unlocked", row, actor)

    async def revoke(self, number: str | int, *, case_id: str | None = None, actor: str) -> None:
        """Let a participant see a case no more, or nothing ever again; their sign-ins end at once."""
        async with self._store.begin() as conn:
            row = await self._row(conn, number)
            now = self._clock.now()
            case_id = None if case_id is None else await aliases.named(conn, case_id)
            if case_id is None:
                await self._must_see_all(conn, row, "revokes")
                await participants.change(conn, row["id"], revoked_at=now)
                await self._note(conn, "participant.revoked", row, actor)
            elif await self._may_take(conn, row, case_id):
                detail = {"objects": [f"case {case_id}"]}
                await self._note(conn, "participant.case_taken", row, actor, detail, case_id)
            else:
                raise NotThere(_NOT_SEEN)
            await participants.end(conn, now, row_id=row["id"])

    async def list(
        self, case_id: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> list[ParticipantView]:
        """List participants, of one case or all, in the order in which they were enrolled."""
        now = self._clock.now()
        async with self._store.read() as conn:
            case_id = None if case_id is None else await aliases.named(conn, case_id)
            rows = await participants.page(conn, case_id, self._offices, after=after, limit=limit)
            given = await participants.cases_of_all(conn, [row["id"] for row in rows], self._offices)
        return [_view(row, given.get(row["id"], []), now) for row in rows]

    async def _row(self, conn: AsyncConnection, number: str | int) -> dict[str, Any]:
        if isinstance(number, int):
            row = await participants.by_id(conn, number)
        else:
            row = await participants.by_number(conn, plain_digits(number, NUMBER_DIGITS))
        if row is None or row["revoked_at"] is not None:
            raise NotThere(_NOBODY)
        theirs = [each["case_id"] for each in await participants.cases_of(conn, row["id"])]
        await self._must_see(conn, theirs, _NOBODY)
        return row

    async def _may_take(self, conn: AsyncConnection, row: dict[str, Any], case_id: str) -> bool:
        """Take a case from a participant; they may have others, of other offices, that are not ours."""
        await self._must_see(conn, [case_id], _NOT_SEEN)
        return await participants.take_case(conn, row["id"], case_id)

    async def _must_see_all(self, conn: AsyncConnection, row: dict[str, Any], does: str) -> None:
        """Keep an act on a whole number from those for whom not all of its cases are there."""
        for each in await participants.cases_of(conn, row["id"]):
            if not await self._sees(conn, [each["case_id"]]):
                raise NotWhole(_WHOLE.format(does=does), [name_of(row)])

    async def _must_see(self, conn: AsyncConnection, case_ids: Sequence[str], text: str) -> None:
        if not await self._sees(conn, case_ids):
            raise OutOfSight(text, [f"case {each}" for each in case_ids])

    async def _sees(self, conn: AsyncConnection, case_ids: Sequence[str]) -> bool:
        """Tell whether any of these cases is there for whoever acts; one without an office is everybody's."""
        if self._offices is None:
            return True
        owners = await cases.offices(conn, case_ids)
        return any((owners.get(each) or "") in {"", *self._offices} for each in case_ids)

    async def _note(
        self,
        conn: AsyncConnection,
        action: str,
        row: dict[str, Any],
        actor: str,
        detail: object = None,
        case_id: str | None = None,
    ) -> None:
        line = {"at": self._clock.now(), "actor": actor, "action": action, "object": name_of(row)}
        seen = () if case_id is None else (case_id,)
        await audit.add(conn, [{**line, "detail": detail, "cases": seen}])


def _view(row: dict[str, Any], given: list[dict[str, Any]], now: datetime) -> ParticipantView:
    until: datetime | None = row["locked_until"]
    state = "active" if row["signed_in_at"] else "new"
    if row["revoked_at"] is not None:
        state = "revoked"
    elif row["locked_at"] is not None or (until is not None and until > now):
        state = "locked"
    return ParticipantView(
        id=row["id"],
        number=row["number"],
        state=state,
        cases=[CaseOfParticipant(case_id=each["case_id"], role=each["role"]) for each in given],
        failures=row["failures"],
        locked_until=until,
        created_at=row["created_at"],
        signed_in_at=row["signed_in_at"],
    )
