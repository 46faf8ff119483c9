"""A small population lives through a year, twice the same; and what must not be is named."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner

from csenet.gateway.cli import main
from csenet.gateway.cli import simulate as command
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.exchange.hall import Hall
from csenet.gateway.simulation import year as years
from csenet.gateway.simulation.network import opened
from csenet.gateway.simulation.people import MISHAPS
from csenet.gateway.simulation.population import population
from csenet.gateway.simulation.year import live, states_of


def watch(day: date, crossed: int) -> None:
    """See nothing."""


async def test_everybody_has_as_many_cases_in_either_role_and_a_seed_gives_the_same() -> None:
    states = states_of(5)
    matters = population(2026, 7, states, 6)
    for role in ("initiating", "responding"):
        counts = {fips: sum(getattr(m, role) == fips for m in matters) for fips in states}
        assert set(counts.values()) == {3}
    again = population(2026, 7, states, 6)
    assert [m.plans for m in again] == [m.plans for m in matters]
    assert [m.plans for m in population(2026, 8, states, 6)] != [m.plans for m in matters]


@pytest.mark.slow
async def test_a_small_year_is_as_it_has_to_be_and_can_be_repeated() -> None:
    first = await live(2026, 3, cases=40, states=states_of(2), watch=watch, days=45)
    assert first.good, first
    assert first.transactions > 30
    assert first.duties
    again = await live(2026, 3, cases=40, states=states_of(2), watch=watch, days=45)
    assert again == first


async def test_what_the_exchange_refuses_comes_back_to_its_sender() -> None:
    async with opened(["20", "27"], date(2026, 3, 2)) as network:
        parcel = Parcel(key="K", name="K.txt", payload=b"NOT A TRANSACTION\n", sha256="", count=1)
        await network.hall.take("27", parcel)
        assert [sender for sender, _ in network.hall.refused] == ["27"]
        assert await network.exchange() == []
        (item,) = await network.stations["27"].new_work()
        assert item.kind in MISHAPS
        assert await network.differences() == []


async def test_a_batch_that_comes_twice_is_judged_once() -> None:
    async with opened(["20", "27"], date(2026, 3, 2)) as network:
        matter = population(2026, 1, ["20", "27"], 2)[0]
        facts = matter.facts[matter.initiating] | {"other_fips": "2000000", "other_case_id": "KS1"}
        desk = network.stations["27"].desk
        await desk.put_case("MN1", facts | {"role": "initiating"})
        await desk.happened("MN1", {"id": "1", "kind": "status_wanted"})
        taken: list[Any] = []
        real = Hall.take

        async def twice(self: Hall, sender: str, parcel: Any) -> None:
            taken.append(parcel)
            await real(self, sender, parcel)
            await real(self, sender, parcel)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Hall, "take", twice)
            crossed = await network.exchange()
        assert [far for _, far, _ in crossed][:1] == ["MSC R GRUPD"]
        assert len([far for _, far, _ in crossed if far == "MSC R GRUPD"]) == 1
        assert taken


@pytest.mark.parametrize("name", ["missed", "refused", "mishaps", "not_taken", "differences"])
def test_the_command_ends_with_1_when_something_was_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    good = years.Report(
        year=2026,
        seed=1,
        jurisdictions=2,
        case_files=4,
        transactions=9,
        events=5,
        by_code={"MSC P GSWKR": 9},
        work_items={},
        work_done=0,
        duties={},
        missed=[],
        refused=[],
        mishaps=[],
        not_taken=[],
        differences=[],
        digest="00",
    )

    async def lived(year: int, seed: int, **more: Any) -> years.Report:
        more["watch"](date(2026, 1, 1), 3)
        return years.msgspec.structs.replace(good, **({name: ["what was wrong"]} if seed == 2 else {}))

    monkeypatch.setattr(years, "live", lived)
    assert command.simulate.name == "simulate"
    words = ["simulate", "--year", "2026", "--cases", "2", "--jurisdictions", "2"]
    right = CliRunner().invoke(main, [*words, "--seed", "1", "--json"])
    assert right.exit_code == 0
    assert json.loads(right.stdout)["good"] is True
    wrong = CliRunner().invoke(main, [*words, "--seed", "2"])
    assert wrong.exit_code == 1
    assert "what was wrong" in wrong.stderr
