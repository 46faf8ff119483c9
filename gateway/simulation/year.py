"""Let a population live through a year, and say whether everything was as it has to be.

Each state's gateway is the real one. The case systems and the people are played: they report what happens
and do their work in time; what is late, refused or lost then is the gateways' own doing.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from random import Random
from typing import Any, Final

import msgspec

from csenet.codecs.codes import jurisdictions
from csenet.gateway.desk.duty_clock import DutyClock
from csenet.gateway.settings.jobs import DutiesSection
from csenet.gateway.simulation.network import Network, opened
from csenet.gateway.simulation.people import MISHAPS, Office, day_for
from csenet.gateway.simulation.population import Matter, Plan, population
from csenet.gateway.store import duties as duty_rows

_SWITCHES: Final = {"sends_grint": True}
_AFTER: Final = 45
"""Days after the year in which what is under way comes to its end."""
_SHOWN: Final = 20
_CLOCK_DAYS: Final = frozenset({0, 2, 4})
"""Days of the week on which each gateway looks after its clocks; the real one does it each hour."""

Watch = Callable[[date, int], None]
"""Told of each day, and how many transactions have crossed."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a simulated year came to; `digest` is the same for the same seed."""

    year: int
    seed: int
    jurisdictions: int
    case_files: int
    transactions: int
    events: int
    by_code: dict[str, int]
    work_items: dict[str, int]
    work_done: int
    duties: dict[str, int]
    missed: list[str]
    refused: list[str]
    mishaps: list[str]
    not_taken: list[str]
    differences: list[str]
    digest: str

    @property
    def good(self) -> bool:
        """Say whether no duty was missed, nothing refused or mishandled, and all ledgers balance."""
        return not (self.missed or self.refused or self.mishaps or self.not_taken or self.differences)


def states_of(count: int) -> list[str]:
    """Choose jurisdictions: all, or as many of them as are wanted, in the order of their codes."""
    return sorted(jurisdictions())[:count]


async def live(
    year: int, seed: int, *, cases: int, states: Iterable[str], watch: Watch, days: int | None = None
) -> Report:
    """Live through a year, or only its first days, and report on it."""
    chosen = list(states)
    matters = population(year, seed, chosen, cases)
    async with opened(chosen, date(year, 1, 1), switches=_SWITCHES) as network:
        year_of = _Year(network, matters, seed)
        await year_of.begin()
        day = date(year, 1, 1)
        last = day + timedelta(days=days_of(year, days) - 1)
        while day <= last:
            await year_of.live(day)
            watch(day, year_of.transactions)
            day += timedelta(days=1)
        return await year_of.report(year, seed, cases)


def days_of(year: int, days: int | None = None) -> int:
    """Count the days that are lived through: those wanted, or the year's and those of coming to an end."""
    return days if days is not None else (date(year, 12, 31) - date(year, 1, 1)).days + 1 + _AFTER


class _Year:
    """Hold a year in the course of being lived."""

    def __init__(self, network: Network, matters: list[Matter], seed: int) -> None:
        self.network = network
        self.matters = {(m.number): m for m in matters}
        self.by_case = {(fips, m.case_id(fips)): m for m in matters for fips in m.facts}
        self.offices = {
            fips: Office(station, Random(f"{seed}:office:{fips}"))  # noqa: S311
            for fips, station in network.stations.items()
        }
        self.rng = Random(f"{seed}:work")  # noqa: S311
        self.plans: dict[date, list[tuple[Matter, Plan]]] = defaultdict(list)
        for matter in matters:
            for plan in matter.plans:
                self.plans[plan.day].append((matter, plan))
        self.work: dict[date, list[tuple[str, int]]] = defaultdict(list)
        self.referrals: dict[tuple[str, str], Matter] = {}
        self.transactions = self.events = self.work_done = 0
        self.codes: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.mishaps: list[str] = []
        self.digest = hashlib.sha256()

    async def begin(self) -> None:
        """Let each case system tell the cases it has on the first day."""
        for matter in self.matters.values():
            for fips, facts in matter.facts.items():
                if fips == matter.initiating or not matter.is_new:
                    await self.network.stations[fips].desk.put_case(matter.case_id(fips), facts)

    async def live(self, day: date) -> None:
        """Live through one day: work that falls to it, what happens, and the clocks of the gateways."""
        self.network.day(day)
        for fips, number in self.work.pop(day, []):
            await self._work(fips, number)
        by_state: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for matter, plan in self.plans.pop(day, []):
            # Far in the Pacific it is the next day already: what happens there happens on that day.
            on = self.network.stations[plan.fips].desk.clock.today().isoformat()
            by_state[plan.fips].append((matter.case_id(plan.fips), plan.event | {"on": on}))
        for fips, events in sorted(by_state.items()):
            self.events += len(events)
            await self._happen(fips, events)
        await self._exchange(day)
        if day.weekday() == 0:
            for station in self.network.stations.values():
                await self._annual(station.desk, day.year)
                station.touched = True
        if day.weekday() in _CLOCK_DAYS:
            for station in self.network.stations.values():
                await DutyClock(station.desk, DutiesSection()).run()
                station.touched = True
            await self._exchange(day)

    async def _happen(self, fips: str, events: list[tuple[str, Any]]) -> None:
        answers = await self.offices[fips].report_all(events)
        for (case_id, event), answer in zip(events, answers, strict=True):
            if event["kind"] != "referral_wanted" or answer is None:
                continue
            for line in answer.lines:
                if line.transaction is not None and line.transaction.serial is not None:
                    self.referrals[fips, line.transaction.serial] = self.by_case[fips, case_id]

    async def _annual(self, desk: Any, year: int) -> None:
        after = ""
        while True:
            page = await desk.annual_interest(year, after)
            if page.next is None:
                return
            after = page.next

    async def _exchange(self, day: date) -> None:
        """Carry everything, and let people find the work that came of it."""
        for sender, far, to in await self.network.exchange():
            self.transactions += 1
            self.codes[far] += 1
            self.digest.update(f"{day} {sender} {far} {to}\n".encode())
        for fips, station in self.network.stations.items():
            for item in await station.new_work() if station.touched else []:
                self.kinds[item.kind] += 1
                if item.kind in MISHAPS:
                    self.mishaps.append(f"{day} {fips}: {item.kind}: {item.title}")
                if item.status == "open":
                    # Far in the Pacific it is the next day already: people count the days where they are.
                    today = station.desk.clock.today()
                    wait = max(day_for(item, today, self.rng) - today, timedelta(days=1))
                    self.work[day + wait].append((fips, item.id))

    async def _work(self, fips: str, number: int) -> None:
        """Do a piece of work; a request about a case not known here begins that case."""
        self.work_done += 1
        station, office = self.network.stations[fips], self.offices[fips]
        item = await station.desk.work_item(number)
        if item is not None and item.kind == "acknowledge_referral" and item.case_id is None:
            matter = self.referrals.get((item.details["from"], item.details["serial"]))
            if matter is not None:
                await self._begin_here(matter, fips, number)
                return
        await office.do(number)

    async def _begin_here(self, matter: Matter, fips: str, number: int) -> None:
        """Open the responding state's case, acknowledge the request, and let the other state learn the ID."""
        case_id, other = matter.case_id(fips), matter.initiating
        await self.network.stations[fips].desk.put_case(case_id, matter.facts[fips])
        await self.offices[fips].complete(number, case_id)
        learnt = {"id": f"learnt-{matter.number}", "kind": "other_case_id_learnt", "other_case_id": case_id}
        await self.offices[other].report(matter.case_id(other), learnt)

    async def report(self, year: int, seed: int, cases: int) -> Report:
        """Add everything up."""
        counted, missed = await self._duties()
        not_taken = [text for office in self.offices.values() for text in office.refused]
        return Report(
            year=year,
            seed=seed,
            jurisdictions=len(self.network.stations),
            case_files=sum(len(matter.facts) for matter in self.matters.values()),
            transactions=self.transactions,
            events=self.events,
            by_code=dict(self.codes.most_common()),
            work_items=dict(self.kinds.most_common()),
            work_done=self.work_done,
            duties=dict(counted.most_common()),
            missed=missed[:_SHOWN],
            refused=[f"{fips}: {text}" for fips, text in self.network.hall.refused][:_SHOWN],
            mishaps=self.mishaps[:_SHOWN],
            not_taken=not_taken[:_SHOWN],
            differences=await self.network.differences(),
            digest=self.digest.hexdigest()[:16],
        )

    async def _duties(self) -> tuple[Counter[str], list[str]]:
        """Count the duties of our own side in each state, and name those that were missed."""
        counted: Counter[str] = Counter()
        missed: list[str] = []
        for fips, station in self.network.stations.items():
            today = station.desk.clock.today()
            async with station.store.read() as conn:
                for row in await duty_rows.every(conn):
                    if row["side"] != "we-owe":
                        continue
                    outcome = row["outcome"] or "open"
                    counted[f"{row['kind']} {outcome}"] += 1
                    ended = row["closed_on"] or today
                    if outcome in ("answered", "done", "open") and ended > row["due"]:
                        missed.append(f"{fips}: {row['kind']} of {row['case_id']} was due on {row['due']}")
        return counted, missed
