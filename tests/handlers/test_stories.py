"""Every story of fixtures/stories: what comes or happens on a day, and all that must follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from csenet.codecs.codes import VALID, FarCode
from csenet.gateway.stories import Cast, Story, StoryError, play, read_stories
from csenet.handlers.event_table import kinds

FOLDER = Path(__file__).parents[2] / "fixtures" / "stories"
READ = [(path.stem, *read_stories(path)) for path in sorted(FOLDER.glob("*.toml"))]
STORIES = [
    pytest.param(cast, story, id=f"{stem}-{number:03}-{story.begins.replace(' ', '-')}")
    for stem, cast, stories in READ
    for number, story in enumerate(stories, 1)
]
ALL = [story for _, _, stories in READ for story in stories]
PERSONAL = (
    "EXAMPLESON",
    "ROWAN",
    "900112233",
    "SAMPLEDOTTIR",
    "LARK",
    "NOWHERE",
    "NEW STREET",
    "PRAIRIE GRAIN",
    "7788.99",
    "500.00",
)


@pytest.mark.parametrize(("cast", "story"), STORIES)
def test_a_story_goes_as_told(cast: Cast, story: Story) -> None:
    assert story.tells
    assert story.why
    played = play(cast, story)
    assert played.differences == ()
    for decision in filter(None, (played.decision, played.after)):
        assert decision.reasons
        for item in decision.work_items:
            assert not [word for word in PERSONAL if word in f"{item.title}{item.details}{decision.notes}"]


def test_there_are_two_hundred_stories() -> None:
    assert len(ALL) >= 200


def test_every_kind_of_event_has_a_story_in_each_role_and_every_sort_has_one() -> None:
    told = [story for story in ALL if story.event]
    in_roles = {(story.event.get("kind"), story.role) for story in told}
    assert {(kind, role) for kind in kinds() for role in ("initiating", "responding")} - in_roles == set()
    sorts = {(story.event.get("kind"), story.event.get("of", "")) for story in told}
    assert {(kind, sort) for kind, row in kinds().items() for sort in row.of or ("",)} - sorts == set()


def test_each_core_code_has_a_story_in_each_role_it_is_received_in() -> None:
    told = {(str(FarCode.parse(story.comes)), story.role) for story in ALL if story.comes}
    lacking = []
    for code, row in VALID.items():
        if not row.core:
            continue
        roles = {"initiating": ["responding"], "responding": ["initiating"]}.get(
            row.sent_by, ["initiating", "responding"]
        )
        # A request that begins a case finds none here, and any state may ask.
        begins = code.action == "R" and code.function != "MSC"
        lacking += [
            f"{code} {role}"
            for role in roles
            if (str(code), role) not in told and not (begins and (str(code), "") in told)
        ]
    assert lacking == []


def test_a_story_that_goes_otherwise_says_where(tmp_path: Path) -> None:
    text = (FOLDER / "collections.toml").read_text("utf-8")
    written = tmp_path / "stories" / "wrong.toml"
    (written.parent / "cast").mkdir(parents=True)
    (written.parent / "cast" / "minnesota.toml").write_bytes(
        (FOLDER / "cast" / "minnesota.toml").read_bytes()
    )
    written.write_text(text.split("[[story]]")[0] + _WRONG, "utf-8")
    cast, (story,) = read_stories(written)
    found = play(cast, story).differences
    assert [each.split(":")[0] for each in found] == ["out", "opens", "says header.case_id", "why"]


_WRONG = """
[[story]]
tells = "Nothing of this happens."
why = "45 CFR 1"
role = "responding"
comes = "MSC P GSWKR"
on = 2026-11-04
out = ["MSC P GSC18"]
says = { "header.case_id" = "1" }
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("story = []", "has no 'cast'"),
        ('cast = "cast/nobody.toml"\nstory = []', "No such file"),
        ("cast = ", "Invalid value"),
    ],
)
def test_a_file_that_cannot_be_played_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(StoryError, match=said):
        read_stories(path)
