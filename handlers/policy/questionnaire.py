"""Know where each version of the states' questionnaire asks what: sections, places, our words for them.

A place is what the page prints before a question ("F3.1"). Rules are kept under their meaning, and a version
maps its places to meanings; so an answer means the same whichever version it came from. What is not known of
a version is left out of its map and told by `Questionnaire.unplaced`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique
from csenet.handlers.policy.profile_questions import questions


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name a section; its places begin with `id` ("F")."""

    id: str
    name: str


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe one question where it stands: our words for it, and the meanings its answer gives values to.

    A bare yes, no or number gives its value to the only rule of the place, or to `plain` among several.
    `heading` marks what is printed as a question and asks nothing. `source` says how the place is known,
    where it is not the version's own.
    """

    place: str
    section: str
    text: str
    rules: tuple[str, ...] = ()
    plain: str = ""
    heading: bool = False
    source: str = ""


class Questionnaire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a version of the questionnaire.

    `whole` is false where only some of its places are known; `asked` lists meanings that the version is known
    to ask about, at a place that is not known.
    """

    version: str
    name: str
    source: str
    whole: bool
    section: tuple[Section, ...]
    question: tuple[Place, ...]
    asked: tuple[str, ...] = ()

    def place(self, name: str) -> Place | None:
        """Find a place by its name; None where this version has none of that name."""
        return _by_place(self.version).get(name)

    def section_named(self, name: str) -> Section | None:
        """Find a section by its printed name, whatever its capitals."""
        return next((row for row in self.section if row.name.casefold() == name.casefold()), None)

    def places_of(self, rule_id: str) -> tuple[Place, ...]:
        """List the places whose answer gives `rule_id` its value."""
        return tuple(row for row in self.question if rule_id in row.rules)

    def unplaced(self) -> tuple[str, ...]:
        """List the meanings whose place in this version is not known, or that it does not ask about."""
        placed = {rule for row in self.question for rule in row.rules}
        return tuple(rule for rule in questions() if rule not in placed)


@cache
def questionnaires() -> Mapping[str, Questionnaire]:
    """Load every version once, keyed by its name."""
    loaded = [load_questionnaire(path) for path in sorted(PARAMETERS.glob("questions_*.toml"))]
    return MappingProxyType({row.version: row for row in loaded})


@cache
def _by_place(version: str) -> Mapping[str, Place]:
    return MappingProxyType({row.place: row for row in questionnaires()[version].question})


def load_questionnaire(path: Path) -> Questionnaire:
    """Read and check a version of the questionnaire; raise `PolicyError` naming file and key."""
    table = read_table(path, Questionnaire)
    problems = unique(path.name, "section", (row.id for row in table.section))
    problems += unique(path.name, "question", (row.place for row in table.question))
    problems += unique(path.name, "rule", _placed_rules(table))
    sections = {row.id for row in table.section}
    for row in table.question:
        key = f"question {row.place!r}"
        if row.section not in sections:
            problems.append(f"{key}.section: {row.section!r} is no section of this version")
        if row.plain and row.plain not in row.rules:
            problems.append(f"{key}.plain: {row.plain!r} is none of its rules")
        if not row.text.strip():
            problems.append(f"{key}.text: is missing")
    for rule in _placed_rules(table):
        if rule not in questions():
            problems.append(f"rule {rule!r}: no such question in questions.toml")
    if problems:
        raise PolicyError(path.name, problems)
    return table


def _placed_rules(table: Questionnaire) -> Iterator[str]:
    for row in table.question:
        yield from row.rules
    yield from table.asked
