"""Rules of the agency choose office and worker; kinds of work say how they are treated."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.work_kinds import kind_of, load_work_kinds, work_kinds
from csenet.handlers.policy.work_rules import Matter, WorkRule, assigned, gaps, load_work_rules
from csenet.handlers.routes import TABLE

SAMPLE = Path(__file__).parents[2] / "fixtures" / "work-rules.toml"


@pytest.mark.parametrize(
    ("matter", "expected"),
    [
        (Matter(kind="process_referral", partner="20", name="ABEL"), ("INTERSTATE", "K1")),
        (Matter(kind="review", partner="20", name="ABEL"), ("SAINT PAUL", "W1")),
        (Matter(kind="review", county="053", name="ABEL"), ("HENNEPIN", None)),
        (Matter(kind="review", name="K"), ("SAINT PAUL", "W1")),
        (Matter(kind="review", name="Kzzz"), ("SAINT PAUL", "W1")),
        (Matter(kind="review", name="LAAR"), ("SAINT PAUL", "W2")),
        (Matter(kind="review", name="O'NEIL"), ("SAINT PAUL", "W2")),
        (Matter(kind="review"), ("SAINT PAUL", None)),
    ],
)
def test_the_first_rule_that_fits_counts(matter: Matter, expected: tuple[str, str | None]) -> None:
    rule = assigned(load_work_rules(SAMPLE), matter)
    assert rule is not None
    assert (rule.office, rule.worker) == expected


def test_letters_without_a_rule_are_named() -> None:
    assert gaps(load_work_rules(SAMPLE)) == ()
    left = gaps((WorkRule(office="A", ncp_to="Y"), WorkRule(office="B", ncp_from="Z", county=("053",))))
    assert left == ("Z",)


def test_a_wrong_table_tells_everything_at_once(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(
        '[[rule]]\noffice = "A"\nkind = ["dance"]\npartner = ["XX"]\n'
        '[[rule]]\noffice = "B"\nncp_from = "M"\nncp_to = "C"\n[[rule]]\noffice = "C"\n'
        '[[rule]]\noffice = "D"\n',
        "utf-8",
    )
    with pytest.raises(PolicyError) as refused:
        load_work_rules(file)
    assert refused.value.problems == (
        "rule[1].kind: there is no kind of work 'dance'",
        "rule[1].partner: 'XX' is no state that takes part",
        "rule[2]: ncp_to lies before ncp_from, so no name fits",
        "rule[4]: is never reached, rule[3] fits everything",
    )


def test_each_kind_that_a_route_or_a_story_opens_has_a_row_and_what_is_unknown_stays_with_a_person() -> None:
    stories = (SAMPLE.parent / "stories").glob("*.toml")
    told = {kind for story in stories for kind in opened_in(tomllib.loads(story.read_text("utf-8")))}
    assert told
    opened = told | {route.task.kind for route in TABLE}
    assert opened - work_kinds().keys() == set()
    assert kind_of("never heard of").person


def opened_in(told: Any) -> Iterator[str]:
    """Give the kinds of all work that a story opens, wherever in it."""
    if isinstance(told, dict):
        yield from (each["kind"] for each in told.get("opens", ()))
        yield from opened_in([*told.values()])
    elif isinstance(told, list):
        for each in told:
            yield from opened_in(each)


def test_a_kind_that_only_a_person_closes_says_why(tmp_path: Path) -> None:
    file = tmp_path / "kinds.toml"
    file.write_text('[[kind]]\nid = "a"\ntext = "x"\npriority = 1\nperson = true\n', "utf-8")
    with pytest.raises(PolicyError) as refused:
        load_work_kinds(file)
    assert refused.value.problems == ("kind 'a'.basis: is missing", "kind 'other': is missing")
