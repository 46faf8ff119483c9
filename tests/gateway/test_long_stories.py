"""Ten whole cases between two gateways, from the first request to the end, over two virtual years."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from csenet.gateway.simulation.story import StoryError, play

FOLDER = Path(__file__).parents[2] / "fixtures" / "stories" / "long"
STORIES = sorted(FOLDER.glob("*.toml"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the place of an empty store, which the first story makes and the others copy."""
    return tmp_path_factory.mktemp("template") / "empty.db"


@pytest.mark.parametrize("path", STORIES, ids=[path.stem for path in STORIES])
async def test_a_case_goes_as_told(path: Path, template: Path) -> None:
    playing = await play(path, template)
    assert playing.transactions >= 3
    assert len(playing.told) >= 8


def test_there_are_ten_and_each_takes_about_two_years() -> None:
    assert len(STORIES) == 10
    for path in STORIES:
        story = tomllib.loads(path.read_text("utf-8"))
        days = [step["on"] for step in story["step"]]
        assert days == sorted(days)
        assert days[-1] - story["begins"] > timedelta(days=270), path.stem
        assert len(story["step"]) >= 8
        assert all(step["tells"].endswith(".") for step in story["step"])


WRONG = """\
tells = "Something else is told than happens."
begins = 2026-01-05
[states.Minnesota]
role = "initiating"
case_id = "MN100"
[states.Kansas]
role = "responding"
case_id = "KS100"
[[step]]
on = 2026-01-06
tells = "A new worker."
who = "Minnesota"
reports = { kind = "worker_changed", case = { contact_name_last = "SVENSSON" } }
"""


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("", "passes"),
        ('passes = ["Minnesota: MSC P GSWKR"]\n', "opens"),
        (
            'passes = ["Minnesota: MSC P GSWKR"]\nopens = ["Kansas: update_case by 2026-01-21"]\n'
            'holds = { Minnesota = { "facts.case.contact_name_last" = "X" } }\n',
            "Minnesota facts.case.contact_name_last",
        ),
        ('colour = "red"\n', "knows no colour"),
        ('does = ["close_case"]\n', "no open work of the kind close_case"),
    ],
)
async def test_what_goes_otherwise_is_named(more: str, problem: str, tmp_path: Path, template: Path) -> None:
    (tmp_path / "cast").mkdir()
    (tmp_path / "cast" / "family.toml").write_bytes((FOLDER / "cast" / "family.toml").read_bytes())
    (tmp_path / "wrong.toml").write_text(WRONG + more, "utf-8")
    with pytest.raises(StoryError, match=problem):
        await play(tmp_path / "wrong.toml", template)
