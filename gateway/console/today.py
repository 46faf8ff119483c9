"""Show how things stand: what came, went, waits, failed, is due, and in a sentence whether all is well."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from csenet.codecs.describe import state
from csenet.gateway.clock import Clock
from csenet.gateway.console import menu, pages
from csenet.gateway.console.words import FUNCTIONS, duration
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.desk.results import LedgerReport
from csenet.gateway.desk.views_today import Flow, Today, summed
from csenet.gateway.wording import count

COUNTED_EVERY: Final = timedelta(seconds=5)
"""Each open page asks again and again, and that must not keep the store busy."""

PROVED_EVERY: Final = timedelta(minutes=1)
"""The ledger is proved over the whole store, which costs more than counting."""

_KEPT: Final = timedelta(minutes=10)
"""The timed job adds up every minute (jobs.ledger_check_every): who looks meanwhile need not wait for it."""

_PATIENCE: Final = 50
"""A proof that takes a second is repeated after this many seconds at the earliest."""

_TOO_OLD: Final = timedelta(hours=1)
"""What has waited longer while it could have left is worth a look."""


class FiguresDesk(Protocol):
    """Count for the page."""

    async def today(self, since: datetime, /) -> Today:
        """Count what began since a moment, and what waits."""
        ...

    async def ledger_check(self) -> LedgerReport:
        """Add everything up."""
        ...

    async def ledger_proved(self) -> tuple[datetime, bool] | None:
        """Say when a job last added everything up, and whether it balanced."""
        ...


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """Say what is not well and what to do about it; ``urgent`` needs a person, the rest is worth a look.

    ``page`` and ``query`` lead to where it is done.
    """

    what: str
    do: str
    page: str = ""
    query: str = ""
    urgent: bool = True


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what the page shows."""

    now: datetime
    figures: Today
    balanced: bool
    window: str
    next_window: datetime | None
    concerns: tuple[Concern, ...]

    @property
    def urgent(self) -> bool:
        """Say whether anything needs a person."""
        return any(concern.urgent for concern in self.concerns)


Asking = Callable[[], Awaitable[Sequence[Concern]]]
"""What is not well with the gateway itself, whatever the store says."""


async def _nothing() -> Sequence[Concern]:
    return ()


class Figures:
    """Give the figures, counted anew only when the last ones are old."""

    def __init__(
        self, desk: FiguresDesk, clock: Clock, windows: Windows | None = None, health: Asking = _nothing
    ) -> None:
        """Take whom to ask, when batches may leave, and who knows how the gateway itself is."""
        self._desk, self._clock, self._health = desk, clock, health
        self._windows = windows or Windows()
        self._turn = asyncio.Lock()
        self._last: Summary | None = None
        self._prove_at: datetime | None = None
        self._balanced = True

    async def summary(self) -> Summary:
        """Return figures that are at most a few seconds old; those who ask at once share one count."""
        async with self._turn:
            now = self._clock.now()
            if self._last is None or not timedelta() <= now - self._last.now < COUNTED_EVERY:
                self._last = await self._count(now)
            return self._last

    async def _count(self, now: datetime) -> Summary:
        """Count, and see whether the ledger is proved."""
        await self._prove(now)
        zone = getattr(self._clock, "zone", UTC)
        figures = await self._desk.today(datetime.combine(self._clock.today(), time(), zone))
        following = self._windows.next_window(now)
        return Summary(
            now=now,
            figures=figures,
            balanced=self._balanced,
            window=self._window(now),
            next_window=following,
            concerns=(
                *await self._health(),
                *_concerns(figures, now, balanced=self._balanced, open_=self._windows.is_open(now)),
            ),
        )

    async def _prove(self, now: datetime) -> None:
        """Take the proof that the timed job left; without one, prove the ledger here if that is due."""
        kept = await self._desk.ledger_proved()
        if kept is not None and timedelta() <= now - kept[0] < _KEPT:
            self._balanced = kept[1]
        elif self._prove_at is None or now >= self._prove_at:
            began = asyncio.get_running_loop().time()
            self._balanced = (await self._desk.ledger_check()).balanced
            took = timedelta(seconds=asyncio.get_running_loop().time() - began)
            self._prove_at = now + max(PROVED_EVERY, took * _PATIENCE)

    def _window(self, now: datetime) -> str:
        """Say when batches leave."""
        if self._windows.continuous:
            return "at any time"
        if self._windows.by_hand:
            return "by hand only"
        return "open now" if self._windows.is_open(now) else "closed now"


def _concerns(figures: Today, now: datetime, *, balanced: bool, open_: bool) -> Iterator[Concern]:
    """Say in plain words what needs a person or a look; nothing when all is well."""
    if not balanced:
        yield Concern(
            what="The ledger does not add up.",
            do="Run “csenet ledger check”: it names each difference. Change nothing before that.",
        )
    yield from _about_exchange(figures, now, open_=open_)
    yield from _about_transactions(figures)
    yield from _about_work(figures)


def _about_exchange(figures: Today, now: datetime, *, open_: bool) -> Iterator[Concern]:
    exchange = figures.exchange
    if exchange.held_at is not None:
        ago = duration(now - exchange.held_at)
        yield Concern(
            what=f"Delivery has been on hold for {ago}: nothing leaves.",
            do="Release it when the reason for the hold is over.",
            page="partners",
        )
    elif exchange.state != "closed":
        yield Concern(
            what=f"The exchange took nothing in {exchange.failures} tries; each that may leave probes it.",
            do="If it does not come back, ask the exchange and look at the address, secret and certificates.",
            page="partners",
        )
    elif open_ and figures.oldest_waiting is not None and now - figures.oldest_waiting > _TOO_OLD:
        yield Concern(
            what=f"A transaction has waited {duration(now - figures.oldest_waiting)} to leave.",
            do="See whether it is kept back, and why.",
            page="transactions",
            query="?status=queued",
        )
    for hold in figures.partners_held:
        yield Concern(
            what=f"What goes to {state(hold.partner)} has been on hold for {duration(now - hold.held_at)}.",
            do="Release it when the reason for the hold is over.",
            page="partners",
            urgent=False,
        )
    if figures.receipts_missing:
        yield Concern(
            what=f"{count(figures.receipts_missing, 'receipt')} for what was sent did not come in time.",
            do="Ask the exchange; “csenet delivery receipts --state missing” names the batches.",
            page="partners",
        )
    if figures.files_waiting > 1:
        yield Concern(
            what=f"{count(figures.files_waiting, 'file')} from the exchange are not read to the end.",
            do="That passes by itself; look again in a minute.",
            urgent=False,
        )


def _about_transactions(figures: Today) -> Iterator[Concern]:
    waiting = figures.waiting
    if waiting.get("dead"):
        yield Concern(
            what=f"{count(waiting['dead'], 'transaction')} could not be delivered.",
            do="Send them again once the cause is mended, or settle them with the other state.",
            page="dead",
            query="?status=dead",
        )
    if waiting.get("parked"):
        yield Concern(
            what=f"{count(waiting['parked'], 'transaction')} received cannot be dealt with yet.",
            do="Each says what it waits for; have them tried again when that is there.",
            page="dead",
            query="?status=parked",
        )
    if waiting.get("held"):
        yield Concern(
            what=f"{count(waiting['held'], 'transaction')} may not leave as things stand.",
            do="Each says which rule keeps it; release it when the facts of its case allow.",
            page="dead",
            query="?status=held",
        )
    if figures.refused:
        yield Concern(
            what=f"The exchange returned {count(figures.refused, 'transaction')} today.",
            do="Correct what it names and send anew.",
            page="transactions",
            query="?status=refused",
        )
    if figures.spoilt:
        yield Concern(
            what=f"{count(figures.spoilt, 'transaction')} that came today cannot be used.",
            do="Tell the other state: they cannot be read, or use a number twice.",
            page="transactions",
            query="?status=malformed",
            urgent=False,
        )


def _about_work(figures: Today) -> Iterator[Concern]:
    overdue = sum(line.overdue for line in figures.work)
    due_today = sum(line.due_today for line in figures.work)
    if overdue:
        yield Concern(
            what=f"{count(overdue, 'work item')} overdue.",
            do="The earliest comes first in the queue.",
            page="work",
            query="?due=overdue",
        )
    if due_today:
        yield Concern(
            what=f"{count(due_today, 'work item')} due today.",
            do="The queue lists them by date.",
            page="work",
            query="?due=today",
            urgent=False,
        )


_FIRST: Final = 12
"""States that stand on the page; those with failures are among them, and a link leads to all."""

FIGURES: Final = web.AppKey("console_figures", Figures)


async def get_today(request: web.Request) -> web.Response:
    """Show the page, or only its changing part to the script that asks for it."""
    summary = await request.app[FIGURES].summary()
    figures = summary.figures
    context: dict[str, Any] = {
        "here": "today",
        "live": True,
        "summary": summary,
        "figures": figures,
        "totals": _total(figures.flows),
        "by_partner": summed(figures.flows, "partner"),
        "by_function": summed(figures.flows, "function"),
        "function_names": FUNCTIONS,
        "all_states": request.query.get("states") == "all",
        "first": _FIRST,
        "links": defaultdict(lambda: None, {entry.id: entry for entry in menu.offered(request)}),
        "path": request.path,
    }
    return pages.render(request, "today_part.html" if pages.is_part(request) else "today.html", context)


def _total(flows: Sequence[Flow]) -> Flow:
    """Add everything up."""
    total = Flow(partner=None, function=None)
    for flow in flows:
        total.add(flow)
    return total
