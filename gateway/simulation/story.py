"""Play the story of a whole case between two gateways, as a caseworker wrote it down, and compare each step.

A story is a TOML file: who takes part, what each state knows at first, and steps in order of their days. A
step says what a state does (`puts` facts, `moves` its case to a new ID, `reports` an event, `sends` a code,
`does` work, `runs` the yearly interest, or only lets time pass) and all that must follow: what `passes`
between the states, what work it `opens`, and what then `holds` of the case. What is not written must not
happen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from csenet.codecs.codes import jurisdictions
from csenet.gateway.desk.duty_clock import DutyClock
from csenet.gateway.desk.results import WorkFilter
from csenet.gateway.settings.jobs import DutiesSection
from csenet.gateway.simulation.network import Network, Station, opened

_ACTIONS: Final = ("puts", "moves", "reports", "sends", "does", "runs")
"""What a step can say is done, in the order in which it is done."""
_KEYS: Final = {"on", "tells", "who", "passes", "opens", "holds", *_ACTIONS}

Body = dict[str, Any]


class StoryError(AssertionError):
    """Say what went otherwise than told, and on which day."""


@dataclass
class Playing:
    """Hold a story while it is played."""

    network: Network
    names: dict[str, str]
    """The FIPS code of each state by its name."""
    case_ids: dict[str, str]
    facts: dict[str, Body]
    told: list[str] = field(default_factory=list)
    events: int = 0
    transactions: int = 0

    def station(self, name: str) -> Station:
        """Give the gateway of a state."""
        return self.network.stations[self.names[name]]

    def name(self, fips: str) -> str:
        """Give the name of a state."""
        return next(name for name, code in self.names.items() if code == fips)


def _read(path: Path) -> tuple[Body, Body]:
    """Read a story and those who play in it."""
    cast = path.parent / "cast" / "family.toml"
    return tomllib.loads(path.read_text("utf-8")), tomllib.loads(cast.read_text("utf-8"))


async def play(path: Path, template: Path | None = None) -> Playing:
    """Play a story to its end; raises `StoryError` where it goes otherwise than told."""
    story, cast = _read(path)
    codes = {each.name: fips for fips, each in jurisdictions().items()}
    names = {name: codes[name] for name in story["states"]}
    begins: date = story["begins"]
    switches = story.get("switches", {})
    async with opened(list(names.values()), begins, switches=switches, template=template) as network:
        playing = Playing(network, names, _case_ids(story), _facts(story, cast, names))
        for name, body in playing.facts.items():
            if name not in story.get("knows_nothing", []):
                await playing.station(name).desk.put_case(playing.case_ids[name], body)
        for number, step in enumerate(story["step"], 1):
            await _step(playing, step, f"{path.stem} step {number} ({step['on']})")
        differences = await network.differences()
        if differences or network.hall.refused:
            raise StoryError(f"{path.stem}: {differences} {network.hall.refused}")
        return playing


def _case_ids(story: Body) -> dict[str, str]:
    return {name: said["case_id"] for name, said in story["states"].items()}


def _facts(story: Body, cast: Body, names: Mapping[str, str]) -> dict[str, Body]:
    """Put each state's first facts together: the family, what a state in its role knows, and its own."""
    (one, first), (two, second) = story["states"].items()
    found = {}
    for name, said, other, theirs in ((one, first, two, second), (two, second, one, first)):
        role = said["role"]
        place = {"role": role, "other_fips": f"{names[other]}00000", "other_case_id": theirs["case_id"]}
        facts = {**cast["family"], **cast[role], **place, **said.get("facts", {})}
        found[name] = {key: value for key, value in _plain(facts).items() if value != ""}
    return found


def _plain(value: Any) -> Any:
    """Write days as JSON does."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


async def _step(playing: Playing, step: Body, where: str) -> None:
    """Play one step and compare all that follows from it."""
    if step.keys() - _KEYS:
        raise StoryError(f"{where}: knows no {', '.join(sorted(step.keys() - _KEYS))}")
    playing.network.day(step["on"])
    for station in playing.network.stations.values():
        await DutyClock(station.desk, DutiesSection()).run()
    for action in _ACTIONS:
        if action in step:
            await _DO[action](playing, step["who"], _plain(step[action]))
    crossed = await playing.network.exchange()
    playing.transactions += len(crossed)
    passed = [f"{playing.name(sender)}: {far}" for sender, far, _ in crossed]
    opened_work = [
        f"{playing.name(fips)}: {item.kind}" + (f" by {item.due}" if item.due else "")
        for fips, station in playing.network.stations.items()
        for item in await station.new_work()
    ]
    _same(f"{where}: passes", passed, step.get("passes", []))
    _same(f"{where}: opens", sorted(opened_work), sorted(step.get("opens", [])))
    for name, wanted in step.get("holds", {}).items():
        await _holds(playing, name, _plain(wanted), where)
    playing.told.append(f"{step['on']} {step['tells']}")


def _same(where: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise StoryError(f"{where}: {found}, told was {wanted}")


async def _holds(playing: Playing, name: str, wanted: Body, where: str) -> None:
    view = await playing.station(name).desk.get_case(playing.case_ids[name])
    if view is None:
        raise StoryError(f"{where}: {name} knows no such case")
    for path, value in wanted.items():
        held: Any = {"state": view.state, "facts": view.facts}
        for part in path.split("."):
            held = held[int(part)] if isinstance(held, list) else held.get(part) if held else None
        _same(f"{where}: {name} {path}", held, value)


async def _reports(playing: Playing, name: str, said: Body | list[Body]) -> None:
    for event in said if isinstance(said, list) else [said]:
        playing.events += 1
        body = {"id": f"{playing.events}", **event}
        await playing.station(name).desk.happened(playing.case_ids[name], body)


async def _sends(playing: Playing, name: str, far: str) -> None:
    await playing.station(name).desk.submit({"case_id": playing.case_ids[name], "far": far})


async def _puts(playing: Playing, name: str, facts: Body) -> None:
    playing.facts[name] |= facts
    await playing.station(name).desk.put_case(playing.case_ids[name], playing.facts[name])


async def _moves(playing: Playing, name: str, case_id: str) -> None:
    playing.case_ids[name] = case_id
    await playing.station(name).desk.put_case(case_id, playing.facts[name])


async def _does(playing: Playing, name: str, kinds: list[str]) -> None:
    desk = playing.station(name).desk
    for said in kinds:
        what, _, text = said.partition(": ")
        kind, _, outcome = what.partition(" ")
        page = await desk.list_work_items(WorkFilter(kind=kind, status="open"))
        if not page.items:
            raise StoryError(f"{name} has no open work of the kind {kind}")
        item = page.items[0]
        await desk.complete_work(
            item.id,
            desk.clock.today(),
            outcome or None,
            case_id=playing.case_ids[name] if item.case_id is None else None,
            text=text or None,
        )


async def _runs(playing: Playing, name: str, _what: str) -> None:
    desk = playing.station(name).desk
    await desk.annual_interest(desk.clock.today().year)


_DO: Final[Mapping[str, Callable[[Playing, str, Any], Awaitable[None]]]] = {
    "puts": _puts,
    "moves": _moves,
    "reports": _reports,
    "sends": _sends,
    "does": _does,
    "runs": _runs,
}
