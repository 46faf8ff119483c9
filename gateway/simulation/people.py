"""The people behind a simulated gateway: they take work as it comes, do it in time, and report it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from csenet.gateway.desk.event_results import EventResult
from csenet.gateway.desk.events import Told
from csenet.gateway.desk.results import Conflict, NotFound, Rejected, WorkItemView
from csenet.gateway.errors import GatewayError
from csenet.gateway.simulation.network import Station

MISHAPS: Final = frozenset(
    (
        *("malformed", "conflict", "parked", "refused_by_exchange", "dead", "held", "reply_not_sent"),
        "refusal_unmatched",
        *("find_case_id", "wrong_state", "wrong_role", "no_agreement"),
    )
)
"""Kinds of work that would tell of a fault of the gateways themselves."""
_LONGEST: Final = 12
_ELECTIVE: Final = ("GSC17",)
_REPORTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "answer_status_request": {"kind": "news_for_other_state", "text": "the case is being worked on"},
    "send_documents": {"kind": "news_for_other_state", "text": "the documents were sent by mail"},
    "answer_intent_to_close": {"kind": "news_for_other_state", "text": "please keep the case open"},
}


def day_for(item: WorkItemView, today: date, rng: Random) -> date:
    """Choose the day on which somebody does a piece of work: soon, and not after it is due."""
    if item.due is None:
        # Nobody knows by when, so it is looked at the next day.
        return today + timedelta(days=1)
    latest = item.due
    room = max(min((latest - today).days, _LONGEST), 0)
    return today + timedelta(days=rng.randint(0, room))


class Office:
    """Do the work of one station."""

    def __init__(self, station: Station, rng: Random) -> None:
        """Take the desk at which the work is done."""
        self._station, self._rng = station, rng
        self.refused: list[str] = []
        """What the desk would not take: it tells of a fault in the simulation or the gateway."""

    async def report(self, case_id: str, event: Mapping[str, Any]) -> bool:
        """Report one event; say whether the desk took it."""
        self._station.touched = True
        try:
            await self._station.desk.happened(case_id, dict(event))
        except (Rejected, Conflict, NotFound) as error:
            self.refused.append(f"{self._station.fips} {event['kind']}: {error}")
            return False
        return True

    async def report_all(self, events: list[tuple[str, Mapping[str, Any]]]) -> list[EventResult | None]:
        """Report many events in one commit; None stands for one that the desk would not take."""
        self._station.touched = True
        told = [Told(case_id, dict(event)) for case_id, event in events]
        taken: list[EventResult | None] = []
        for each, answer in zip(told, await self._station.desk.happened_all(told), strict=True):
            if isinstance(answer, GatewayError):
                self.refused.append(f"{self._station.fips} {each.obj['kind']}: {answer}")
                taken.append(None)
            else:
                taken.append(answer)
        return taken

    async def do(self, number: int) -> None:
        """Do one piece of work, unless what happened meanwhile has settled it."""
        item = await self._station.desk.work_item(number)
        if item is None or item.status != "open":
            return
        if item.kind in _REPORTS and item.case_id is not None:
            await self.report(item.case_id, {**_REPORTS[item.kind], "id": f"work-{number}"})
        await self.complete(number)

    async def complete(self, number: int, case_id: str | None = None) -> None:
        """Say that a piece of work was done, or declined where that is a choice.

        `case_id` is the case to which a request was put. Most requests are whole; some lack a document.
        """
        desk = self._station.desk
        self._station.touched = True
        item = await desk.work_item(number)
        if item is None or item.status != "open":
            return
        choice = item.kind == "close_case" and not item.group.startswith(_ELECTIVE)
        outcome = "declined" if choice and self._rng.random() < 0.3 else None
        lacks = item.kind == "acknowledge_referral" and self._rng.random() < 0.15
        text = "please send a certified copy of the order" if lacks else None
        try:
            await desk.complete_work(number, desk.clock.today(), outcome, case_id=case_id, text=text)
        except (Rejected, Conflict) as error:
            self.refused.append(f"{self._station.fips} {item.kind}: {error}")
