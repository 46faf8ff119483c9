"""Put together what a participant sees of their own cases, and write down that they saw it.

What is shown is chosen, not what is hidden: a sentence of our own table, the other state's name, days.
Nothing that a transaction or the facts say about a person gets here.  A case in which anybody is at risk is
not there at all, neither its number nor its place in a list: who reads that one is withheld knows why.  Risk
is somebody's, not a case's, so it counts in all cases that have a person in common with that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Final, Literal, Protocol

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import describe
from csenet.gateway.clock import Clock
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.checking import reread
from csenet.gateway.participant import words
from csenet.gateway.participant.entering import Visit
from csenet.gateway.people.looks import NOT_FOUND, REFUSED, SHOWN, Look, keep, row_of
from csenet.gateway.people.signing import Caller
from csenet.gateway.store import cases, duties, participants, search
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.tables import inbound, outbound
from csenet.handlers.disclosing import risk_of
from csenet.handlers.kept import kept_facts, kept_state
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.disclosure_review import may_hold_tax_information

MOST: Final = 100
"""How many transactions of a case are shown, the newest."""

_LINE: Final = b"FAMILY VIOLENCE"
_PARTS: Final = {"ncp": "the noncustodial parent", "cp": "the custodial party"}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Say on which day which request or answer went which way, and how it stands."""

    on: date
    way: Literal["sent", "received"]
    text: str
    state: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Say what the agency has to do, and by when."""

    text: str
    due: date


class CaseSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Show a case to somebody of it."""

    case_id: str
    part: str
    other_state: str
    state: str
    messages: list[Message]
    steps: list[Step]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a participant sees, as of a moment."""

    as_of: datetime
    cases: list[CaseSeen]


class ParticipantDesk(Protocol):
    """Lend the agency."""

    @property
    def agency(self) -> Agency:
        """Give the agency as it is now."""
        ...


class Seeing:
    """Show participants their cases."""

    def __init__(self, desk: ParticipantDesk, store: Store, clock: Clock) -> None:
        """Take the desk, and the store in which cases and the record are kept."""
        self._desk, self._store, self._clock = desk, store, clock

    async def cases(self, visit: Visit, caller: Caller, channel: str) -> Seen:
        """Show the cases of a participant; raises Unrecorded when that cannot be written down."""
        agency = self._desk.agency
        async with self._store.read() as conn:
            given = await participants.cases_of(conn, visit.participant_id)
            found = [(str(each["case_id"]), await _case(conn, each, agency)) for each in given]
        await self._record(visit, caller, channel, found)
        return Seen(as_of=self._clock.now(), cases=[case for _, case in found if case is not None])

    async def _record(
        self, visit: Visit, caller: Caller, channel: str, found: Sequence[tuple[str, CaseSeen | None]]
    ) -> None:
        """Write down what is shown, and apart from it what is not: nobody saw that."""
        shown = [f"case {case_id}" for case_id, case in found if case is not None]
        withheld = [f"case {case_id}" for case_id, case in found if case is None]
        outcomes = ((shown, SHOWN), (withheld, REFUSED)) if found else ((shown, NOT_FOUND),)
        look, person = Look(channel=channel, purpose="own case"), visit.person(caller)
        rows = [
            row_of(person, "participant.read", objects, look, outcome=outcome)
            for objects, outcome in outcomes
            if objects or not found
        ]
        await keep(self._store, self._clock.now(), rows)


async def _case(conn: AsyncConnection, given: Mapping[str, Any], agency: Agency) -> CaseSeen | None:
    case_id = str(given["case_id"])
    row = (await cases.load(conn, [case_id])).get(case_id)
    came, went = await _rows(conn, inbound, case_id), await _rows(conn, outbound, case_id)
    if (
        row is None
        or _at_risk(case_id, row["facts"], (*came, *went))
        or await _kin_at_risk(conn, case_id, row)
    ):
        return None
    both: list[tuple[datetime, words.Direction, dict[str, Any]]] = [
        *((_moment(each), "inbound", each) for each in came),
        *((_moment(each), "outbound", each) for each in went),
    ]
    both.sort(key=lambda each: each[0], reverse=True)
    messages = (_message(moment, direction, each, agency) for moment, direction, each in both)
    wanted = DutyFilter(case_id=case_id, side="we-owe", limit=MOST)
    return CaseSeen(
        case_id=case_id,
        part=_PARTS.get(given["role"], ""),
        other_state=describe.state(row["other_fips"]),
        state=kept_state(row["state"]).status,
        messages=list(islice((each for each in messages if each is not None), MOST)),
        steps=_steps(await duties.listed(conn, wanted)),
    )


def _moment(row: Mapping[str, Any]) -> datetime:
    """Tell when a transaction came or went; one that waits counts from when it was made."""
    moment: datetime = (
        row["received_at"] if "received_at" in row else row["delivered_at"] or row["created_at"]
    )
    return moment


async def _rows(conn: AsyncConnection, table: Any, case_id: str) -> list[dict[str, Any]]:
    """Read the transactions of a case, oldest first, with their bytes, as they may say that there is risk."""
    query = select(table).where(table.c.case_id == case_id).order_by(table.c.id)
    return await opened(conn, table, (await conn.execute(query)).mappings())


def _at_risk(case_id: str, facts: bytes, told: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether anybody of a case is at risk, as either state says; facts that cannot be read hide it."""
    try:
        known = risk_of(kept_facts(case_id, facts)).anybody
    except msgspec.MsgspecError:
        return True
    return known or any(_says_risk(each["raw"]) for each in told)


async def _kin_at_risk(conn: AsyncConnection, case_id: str, row: Mapping[str, Any]) -> bool:
    """Tell whether anybody is at risk in another case of ours that has a person in common with one."""
    facts = kept_facts(case_id, row["facts"])
    words = {word for word in search.words_of_facts(facts) if word[0] == "ssn"} | search.births_of_facts(
        facts
    )
    kin = set(await search.cases_with(conn, words)) - {case_id}
    for other, found in (await cases.load(conn, sorted(kin))).items():
        told = [*await _rows(conn, inbound, other), *await _rows(conn, outbound, other)]
        if _at_risk(other, found["facts"], told):
            return True
    return False


def _says_risk(raw: bytes) -> bool:
    """Tell whether the other state says so, by its finding or in the line about what it withholds."""
    told = reread(raw)
    found = told is not None and told.case is not None and told.case.nondisclosure_finding == "Y"
    return found or _LINE in bytes(raw).upper()


def _message(
    moment: datetime, direction: words.Direction, row: Mapping[str, Any], agency: Agency
) -> Message | None:
    """Tell one transaction, or nothing where the table hides it or tax information can stand in it."""
    far = row["far"] or ""
    if may_hold_tax_information(far):
        return None
    way: words.Way = "received" if direction == "inbound" else "sent"
    them = describe.state(row["sender"] if direction == "inbound" else row["partner"])
    text = words.table().sentence(far, way, agency.profile.name, them)
    state = words.table().standing(direction, row["status"])
    if not text or not state:
        return None
    return Message(on=agency.date_of(moment), way=way, text=text, state=state)


def _steps(rows: Sequence[Any]) -> list[Step]:
    found = [
        Step(text=text, due=row["due"])
        for row in rows
        if deadlines.duty_of(row["kind"]).clock == "deadline" and (text := words.table().step_of(row["kind"]))
    ]
    # Two duties that read alike on one day are one thing to whoever reads.
    return list(dict.fromkeys(found))
