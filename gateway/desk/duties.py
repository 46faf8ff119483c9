"""Open and close duties in the commit of the transactions that cause it, by the one table of kept duties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.plan import Cause, Queued
from csenet.gateway.store import duties
from csenet.gateway.store.sealing import Row
from csenet.handlers.event_form import Event
from csenet.handlers.event_table import kinds
from csenet.handlers.events import Happened
from csenet.handlers.policy.deadlines import DutyError, duty_of
from csenet.handlers.policy.jurisdictions import UnknownJurisdictionError
from csenet.handlers.policy.kept_duties import (
    KeptDuty,
    Outcome,
    Way,
    due_on,
    is_rejection,
    kept,
    opens,
    opens_on_event,
)
from csenet.handlers.policy.working_days import Calendar

INSTEAD = frozenset(
    (
        *("complete_facts", "reply_not_sent", "send_otherwise"),
        # What a check stopped is answered by the person who looked at it.
        *("case_closed", "no_agreement", "review", "wrong_role", "wrong_state"),
    )
)
"""Kinds of work that take the place of an answer which could not leave by itself."""

BY_EVENT: Final = "evt-"
"""How the correlation of what an event brings about begins."""

_IN_WORDS: Final = "MSC P GSPUD"
"""By which a person may tell what has no code, or has one that could not be sent."""

OfficeOf = Callable[[str | None, str], str | None]


@dataclass(slots=True)
class Closing:
    """Hold how a duty ended."""

    on: date
    by: str
    outcome: Outcome
    queued: Queued | None = None


@dataclass(slots=True)
class Held:
    """Hold an open duty; ``number`` is None until it is written."""

    rule: KeptDuty
    case_id: str | None
    partner: str
    opener: str
    started_on: date
    due: date
    cause: Cause
    queued: Queued | None = None
    office: str | None = None
    number: int | None = None
    closing: Closing | None = None

    def is_ours_by(self, cause: Cause) -> bool:
        """Tell whether it was opened just now by a cause, and is a deadline of our own."""
        ours = self.cause is cause and self.rule.side == "we-owe" and self.number is None
        return ours and duty_of(self.rule.duty).clock == "deadline"


@dataclass(slots=True)
class DutyBook:
    """Hold the open duties of the cases of one commit."""

    agency: Agency
    now: datetime
    today: date
    _held: list[Held] = field(default_factory=list)
    _by_partner: defaultdict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))

    def _hold(self, held: Held) -> None:
        self._held.append(held)
        self._by_partner[held.partner].append(held)

    async def load(
        self, conn: AsyncConnection, case_ids: Collection[str], inbound_ids: Collection[int] = ()
    ) -> None:
        """Read what is open."""
        known = {each.number for each in self._held}
        for row in await duties.open_of(conn, case_ids, inbound_ids):
            if row["id"] not in known and (held := self._read(row)) is not None:
                self._hold(held)

    def _read(self, row: Mapping[str, Any]) -> Held | None:
        rule = kept(row["kind"], row["side"])
        if rule is None:
            return None
        return Held(
            rule=rule,
            case_id=row["case_id"],
            partner=row["partner"],
            opener=row["opened_by"],
            started_on=row["started_on"],
            due=row["due"],
            # Only the number of the transaction is known, and nothing else is asked for.
            cause=Cause("", self.now, "", row["inbound_id"]),
            number=row["id"],
        )

    def rename(self, former: str, case_id: str) -> None:
        """Put the duties of a case under its new ID."""
        for held in self._held:
            if held.case_id == former:
                held.case_id = case_id

    def received(
        self,
        far: str,
        case_id: str | None,
        partner: str,
        on: date,
        cause: Cause,
        *,
        rejected: bool = False,
        of_parent: bool = True,
    ) -> None:
        """Close what a transaction answers that came on a day, and open what it starts.

        One that we send back opens nothing. What is told of somebody else than the parent is an answer only:
        nothing of the parent's begins or ends by it.
        """
        self._closes("received", far, case_id, partner, cause, None, lapses=of_parent)
        if of_parent and not rejected:
            self._opens("received", far, case_id, partner, on, cause, None)

    def sent(self, queued: Queued) -> None:
        """Close what a transaction of ours answers, and open what it starts."""
        case_id = queued.case_id or None
        self._closes("sent", queued.far, case_id, queued.partner, queued.cause, queued)
        if not is_rejection(queued.far):
            self._opens("sent", queued.far, case_id, queued.partner, queued.day, queued.cause, queued)

    def happened(self, event: Event, found: Happened, partner: str, cause: Cause) -> None:
        """Open what we owe by an event on a case of ours, before what we send about it closes it.

        Nothing is owed where what the event would tell answers no such duty, as when something is asked for.
        """
        rule = opens_on_event(found.duty)
        codes = {line.far for line in found.lines if line.outcome in ("sent", "work")}
        if rule is None or not rule.is_owed_for(codes):
            return
        try:
            due = due_on(rule, event.on, self.agency.calendar, self.agency.calendar)
        except DutyError:
            # It happened before the law that sets the time.
            return
        due = rule.no_later(due, event.on, event.date)
        self._hold(Held(rule, found.told.record.case_id, partner, event.kind, event.on, due, cause))

    def work_done(self, item: Row, came_by: Collection[int], on: date, *, done: bool) -> None:
        """Close our duties whose work a person says is done, or declined, unless a transaction closed them.

        ``came_by`` are the transactions that made the item.
        """
        for held in self._open():
            ours = held.rule.side == "we-owe"
            same = held.cause.inbound_id in came_by
            if not came_by:
                same = item["case_id"] is not None and held.case_id == item["case_id"]
            about = held.rule.duty == item["duty"] or _instead(held, item, came_by)
            if ours and same and about and _told_of(held, item):
                held.closing = Closing(on, f"work {item['id']}", "done" if done else "declined")

    def owed_by(self, cause: Cause) -> date | None:
        """Give the day on which the first duty of ours ends that a cause has just opened."""
        return min((each.due for each in self._open() if each.is_ours_by(cause)), default=None)

    def answered_by(self, far: str, case_id: str | None) -> date | None:
        """Give the day on which the first of our open duties on a case ends that a code would answer."""
        due = (
            each.due
            for each in self._open()
            if each.rule.side == "we-owe"
            and each.case_id == case_id
            and each.rule.outcome(each.opener, "sent", far) == "answered"
        )
        return min(due, default=None)

    def close(self, number: int, on: date, by: str, outcome: Outcome) -> None:
        """Close one duty that was loaded."""
        for held in self._open():
            if held.number == number:
                held.closing = Closing(on, by, outcome)

    def _open(self) -> list[Held]:
        return [held for held in self._held if held.closing is None]

    def _closes(
        self,
        way: Way,
        far: str,
        case_id: str | None,
        partner: str,
        cause: Cause,
        queued: Queued | None,
        *,
        lapses: bool = True,
    ) -> None:
        for held in self._by_partner[partner]:
            if held.closing is not None or not _same_matter(held, case_id, cause, queued):
                continue
            outcome = held.rule.outcome(held.opener, way, far)
            if outcome == "answered" and not _answers(held, far, cause):
                continue
            if outcome is not None and (lapses or outcome != "lapsed"):
                held.closing = Closing(self.today, far, outcome, queued)

    def _opens(
        self,
        way: Way,
        far: str,
        case_id: str | None,
        partner: str,
        on: date,
        cause: Cause,
        queued: Queued | None,
    ) -> None:
        theirs = _calendar(partner) or self.agency.calendar
        for rule in opens(way, far):
            due = due_on(rule, on, self.agency.calendar, theirs)
            self._hold(Held(rule, case_id, partner, far, on, due, cause, queued))

    async def flush(self, conn: AsyncConnection, office_of: OfficeOf) -> None:
        """Write what changed; transactions received and sent have their rows by now.

        ``office_of`` says which office answers for a case with a state.
        """
        for held in self._held:
            if held.number is None:
                held.office = office_of(held.case_id, held.partner)
        await duties.add(conn, [self._row(held) for held in self._held if held.number is None])
        closed = [
            {"number": held.number, **_closed(held.closing, prefix=False)}
            for held in self._held
            if held.number is not None and held.closing is not None
        ]
        await duties.close(conn, closed)

    def _row(self, held: Held) -> dict[str, Any]:
        return {
            "kind": held.rule.duty,
            "side": held.rule.side,
            "case_id": held.case_id,
            "partner": held.partner,
            "office": held.office,
            "opened_by": held.opener,
            "inbound_id": held.cause.inbound_id,
            "outbound_id": held.queued.row_id if held.queued else None,
            "started_on": held.started_on,
            "due": held.due,
            "act_on": held.rule.acts_on(held.started_on, held.due),
            "opened_at": self.now,
            **_closed(held.closing, prefix=True),
        }


def _answers(held: Held, far: str, cause: Cause) -> bool:
    """Tell whether what answers a duty of this kind answers this very one, which an event opened.

    What another event tells of one entry of a list says nothing of the entries of this one.
    """
    row = kinds().get(held.opener) if held.rule.opens_way == "event" else None
    if row is None or held.cause is cause:
        return True
    by_event = cause.correlation.startswith(BY_EVENT)
    if by_event and row.tells_entries:
        return False
    return not held.rule.as_told or row.tells(far) or (not by_event and far == _IN_WORDS)


def _told_of(held: Held, item: Row) -> bool:
    """Tell whether work is about the event that opened a duty, where it was an event."""
    return held.rule.opens_way != "event" or item["details"].get("event", held.opener) == held.opener


def _instead(held: Held, item: Row, came_by: Collection[int]) -> bool:
    """Tell whether work that takes the place of a transaction takes that of the one a duty waits for.

    Work on a transaction that came is about the duties that one opened; other work names what it replaces.
    """
    if item["kind"] not in INSTEAD:
        return False
    far = item["details"].get("far", "")
    return bool(came_by) or held.rule.outcome(held.opener, "sent", far) == "answered"


def _closed(closing: Closing | None, *, prefix: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"on": None, "by": None, "outbound": None, "outcome": None}
    if closing is not None:
        outbound = closing.queued.row_id if closing.queued else None
        values = {"on": closing.on, "by": closing.by, "outbound": outbound, "outcome": closing.outcome}
    if not prefix:
        return values
    names = {"on": "closed_on", "by": "closed_by", "outbound": "closed_outbound_id"}
    return {names.get(name, name): value for name, value in values.items()}


def _same_matter(held: Held, case_id: str | None, cause: Cause, queued: Queued | None) -> bool:
    """Tell whether a transaction is about the case of a duty, or answers the very one that opened it."""
    answers = queued is not None and queued.in_reply and _same_cause(held.cause, cause)
    return answers or (case_id is not None and held.case_id == case_id)


def _same_cause(one: Cause, other: Cause) -> bool:
    return one is other or (one.inbound_id is not None and one.inbound_id == other.inbound_id)


@lru_cache(maxsize=128)
def _calendar(state: str) -> Calendar | None:
    """Give a state's calendar; None for a code of none, by which then our own days count."""
    try:
        return Calendar(state)
    except UnknownJurisdictionError:
        return None
