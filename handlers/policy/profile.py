"""Hold what a jurisdiction answers about itself in the Intergovernmental Reference Guide (IRG), dated, cited.

Answers are kept under their meaning (`sends_gsc15`), because the questionnaire's own letters have changed;
where a version asks what is in `questionnaire`. A question left blank is *not stated*, never *no*. What the
page says in the state's own words is kept beside the typed answers, as is what nobody has confirmed: neither
is ever used as a rule.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from csenet.handlers.policy.dated import (
    PROFILES,
    Dated,
    PolicyError,
    in_force,
    read_toml,
    row_problems,
    shape_table,
    unique,
)
from csenet.handlers.policy.interest import Rate
from csenet.handlers.policy.jurisdictions import Jurisdiction, jurisdiction
from csenet.handlers.policy.profile_questions import Question as Question
from csenet.handlers.policy.profile_questions import load_questions as load_questions
from csenet.handlers.policy.profile_questions import question as _question
from csenet.handlers.policy.profile_questions import questions as questions
from csenet.handlers.policy.questionnaire import Place, Questionnaire, questionnaires
from csenet.handlers.policy.rules import NotStated, Stated, Why, why
from csenet.handlers.policy.working_days import holidays_of

_NOT_STATED = "not stated"


class AnswerRow(Dated, frozen=True, kw_only=True):
    """Hold one dated answer; without `value` the state was asked and left it blank.

    `unit` replaces the question's own unit; `contradicts` names answers of the same state that cannot be true
    beside this one: both are kept, and a person decides.
    """

    value: Any = None
    unit: str = ""
    contradicts: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep what a page says in the state's own words at one place; without `answer` it was left blank.

    `rules` are the meanings it is about, where the place does not tell; `not_typed` those that its words
    answer without a typed value. `certain` is false for what an unofficial or undated `source` tells. `line`
    is the question's line on the page; `link` the page's note on further information.
    """

    place: str = ""
    rules: tuple[str, ...] = ()
    answer: str | None = None
    cites: str = ""
    link: str = ""
    line: int | None = None
    source: str = ""
    certain: bool = True
    not_typed: tuple[str, ...] = ()


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    question: str
    rows: tuple[AnswerRow, ...]


class _RateRow(Dated, frozen=True, kw_only=True):
    annual_percent: Decimal


class _ProfileTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    fips: str
    source: str
    questionnaire: str = ""
    updated: date | None = None
    certified: date | None = None
    note: str = ""
    answer: tuple[_Answer, ...] = ()
    interest_rate: tuple[_RateRow, ...] = ()
    said: tuple[Said, ...] = ()


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a jurisdiction's name, time zone, answers and interest rates; ask it with `answer`.

    `updated` and `certified` are the dates that the page itself bears; `said` is what it says in its own
    words.
    """

    fips: str
    abbreviation: str
    name: str
    time_zone: str
    source: str
    answers: Mapping[str, tuple[AnswerRow, ...]]
    rates: tuple[Rate, ...]
    said: tuple[Said, ...] = ()
    questionnaire: str = ""
    updated: date | None = None
    certified: date | None = None
    note: str = ""

    def __hash__(self) -> int:
        """Let what follows from a profile be remembered; its answers are too many to be counted each time."""
        return hash((self.fips, self.updated))

    def answer(self, rule_id: str, day: date) -> Stated | NotStated:
        """Say what the jurisdiction answers on `day`; raise `UnknownRuleError` for a question nobody asks."""
        question = _question(rule_id)
        row = in_force(self.answers.get(rule_id, ()), day)
        if row is None:
            text = f"The profile of {self.name} says nothing on {day} about: {question.text}"
            hints = "".join(f" {hint}" for hint in self._hints(rule_id))
            return NotStated(Why(rule=rule_id, text=text + hints, citation=self.source, value=_NOT_STATED))
        if row.value is None:
            return NotStated(why(rule_id, row, value=_NOT_STATED))
        value = question.parse(row.value)
        return Stated(value, _because(rule_id, row, question.shown(value, row.unit)))

    def unit(self, rule_id: str, day: date) -> str:
        """Name the unit in which the answer of `day` counts ("business days")."""
        row = in_force(self.answers.get(rule_id, ()), day)
        return (row.unit if row else "") or _question(rule_id).unit

    def contradictions(self, day: date) -> tuple[tuple[str, str], ...]:
        """List the pairs of answers in force on `day` that contradict each other, each pair once."""
        pairs = set()
        for rule_id, rows in self.answers.items():
            row = in_force(rows, day)
            pairs |= {
                (min(rule_id, other), max(rule_id, other)) for other in (row.contradicts if row else ())
            }
        return tuple(sorted(pairs))

    def said_of(self, rule_id: str) -> tuple[Said, ...]:
        """List what the page, or an unconfirmed source, says in words about `rule_id`."""
        places = {row.place for row in self.places() if rule_id in row.rules}
        return tuple(said for said in self.said if said.place in places or rule_id in said.rules)

    def places(self) -> tuple[Place, ...]:
        """List the places of the questionnaire that this profile answers; none where it has no page."""
        version = questionnaires().get(self.questionnaire)
        return version.question if version else ()

    def holidays(self, year: int) -> Mapping[date, str]:
        """List the days off of a year: federal ones and the jurisdiction's own, weekends among them."""
        return holidays_of(self.abbreviation, year)

    def _hints(self, rule_id: str) -> Iterator[str]:
        for said in self.said_of(rule_id):
            if said.answer is None:
                continue
            if not said.certain:
                yield f"Not confirmed, from {said.source}: {said.answer}."
            elif not said.place:
                yield f"Not typed, from {said.source}: {said.answer}."
            elif rule_id in said.not_typed:
                yield f"Question {said.place} is answered in words that a person must read."

    def interest_rates(self) -> tuple[Rate, ...]:
        """Give the known rates in order of date; days that none of them covers are not stated."""
        return self.rates

    def with_switches(self, switches: Mapping[str, bool]) -> "Profile":
        """Let the agency's own settings decide: each switch replaces the profile's answer on every day.

        Raise `PolicyError` naming every key that is not a switch or not true or false.
        """
        problems = [problem for key, value in switches.items() for problem in _switch_problems(key, value)]
        if problems:
            raise PolicyError("policy.switches", problems)
        own = {key: (_switch_row(self.name, key, value),) for key, value in switches.items()}
        return msgspec.structs.replace(self, answers=MappingProxyType({**self.answers, **own}))


def _switch_problems(key: str, value: object) -> list[str]:
    question = questions().get(key)
    if question is None or not question.switch:
        known = ", ".join(name for name, row in questions().items() if row.switch)
        return [f"{key}: is not a switch; the switches are {known}"]
    return question.problem(value, key)


def _switch_row(name: str, key: str, value: bool) -> AnswerRow:
    verb = "on" if value else "off"
    return AnswerRow(
        citation=f"policy.switches.{key} in the gateway's settings",
        text=f"The agency of {name} has switched this {verb}: {_question(key).text}",
        value=value,
    )


def load_profile(fips2: str) -> Profile:
    """Load a jurisdiction's profile by its two-digit FIPS code.

    A jurisdiction without a profile file gets a skeleton: name and time zone, everything else not stated.
    Raise `jurisdictions.UnknownJurisdictionError` for an unknown code, `PolicyError` for a wrong file.
    """
    place = jurisdiction(fips2)
    return profiles().get(fips2) or _profile(
        place, _ProfileTable(fips=fips2, source=f"no profile of {place.name}")
    )


@cache
def profiles() -> Mapping[str, Profile]:
    """Load every profile file once, keyed by FIPS code."""
    loaded = [read_profile(path) for path in sorted(PROFILES.glob("*.toml"))]
    return MappingProxyType({profile.fips: profile for profile in loaded})


def read_profile(path: Path) -> Profile:
    """Read and check one profile file; raise `PolicyError` naming file and key for everything wrong in it."""
    return shape_profile(read_toml(path), path.name)


def shape_profile(raw: object, file: str) -> Profile:
    """Turn what a profile's TOML held into a checked profile; raise `PolicyError` naming `file` and key."""
    table = shape_table(raw, _ProfileTable, file)
    problems = unique(file, "answer", (answer.question for answer in table.answer))
    for answer in table.answer:
        problems += _answer_problems(answer)
    problems += row_problems(table.interest_rate, "interest_rate", gaps=True)
    problems += _rate_problems(table.interest_rate)
    problems += _said_problems(table, file)
    if problems:
        raise PolicyError(file, problems)
    try:
        return _profile(jurisdiction(table.fips), table)
    except LookupError as error:
        raise PolicyError(file, [f"fips: {error.args[0]}"]) from error


def _answer_problems(answer: _Answer) -> list[str]:
    key = f"answer {answer.question!r}"
    question = questions().get(answer.question)
    if question is None:
        return [f"{key}: no such question in questions.toml"]
    problems = row_problems(answer.rows, f"{key}.rows", gaps=True)
    for number, row in enumerate(answer.rows, 1):
        if row.value is not None:
            problems += question.problem(row.value, f"{key}.rows[{number}].value")
        problems += _unknown_rules(row.contradicts, f"{key}.rows[{number}].contradicts")
    return problems


def _unknown_rules(rules: Iterable[str], key: str) -> list[str]:
    return [
        f"{key}: no question in questions.toml is called {rule!r}"
        for rule in rules
        if rule not in questions()
    ]


def _said_problems(table: _ProfileTable, file: str) -> list[str]:
    version = questionnaires().get(table.questionnaire)
    if table.questionnaire and version is None:
        return [f"questionnaire: {table.questionnaire!r} is not a version of the questionnaire"]
    problems = unique(file, "said", (said.place for said in table.said if said.place))
    for number, said in enumerate(table.said, 1):
        problems += _said_row_problems(said, version, f"said[{number}]")
    return problems


def _said_row_problems(said: Said, version: Questionnaire | None, key: str) -> list[str]:
    problems = _unknown_rules((*said.rules, *said.not_typed), f"{key}.rules")
    if not said.place and not said.rules:
        problems.append(f"{key}: names neither a place nor a rule")
    if said.place and (version is None or version.place(said.place) is None):
        problems.append(f"{key}.place: {said.place!r} is no place of the profile's questionnaire")
    if not said.certain and not said.source.strip():
        problems.append(f"{key}.source: is missing, and what is not certain needs one")
    return problems


def _rate_problems(rows: Iterable[_RateRow]) -> list[str]:
    problems = []
    for number, row in enumerate(rows, 1):
        if row.since is None:
            problems.append(f"interest_rate[{number}].since: is missing")
        if not row.annual_percent.is_finite() or row.annual_percent < 0:
            problems.append(f"interest_rate[{number}].annual_percent: must be zero or more")
    return problems


def _profile(place: Jurisdiction, table: _ProfileTable) -> Profile:
    rates = [_rate(row.since, row) for row in table.interest_rate if row.since]
    return Profile(
        fips=place.fips,
        abbreviation=place.abbreviation,
        name=place.name,
        time_zone=place.time_zone,
        source=table.source,
        answers=MappingProxyType({answer.question: answer.rows for answer in table.answer}),
        rates=tuple(sorted(rates, key=lambda rate: rate.start)),
        said=table.said,
        questionnaire=table.questionnaire,
        updated=table.updated,
        certified=table.certified,
        note=table.note,
    )


def _rate(since: date, row: _RateRow) -> Rate:
    reason = why("interest_rate", row, value=f"{row.annual_percent} %")
    return Rate(since, row.until, row.annual_percent, reason)


def _because(rule_id: str, row: AnswerRow, value: str) -> Why:
    reason = why(rule_id, row, value=value)
    if not row.contradicts:
        return reason
    others = ", ".join(row.contradicts)
    return msgspec.structs.replace(
        reason, text=f"{reason.text} The same profile contradicts this in {others}: a person must decide."
    )
