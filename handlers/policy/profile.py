"""Hold what a jurisdiction answers about itself in the Intergovernmental Reference Guide (IRG), dated, cited.

Answers are kept under their meaning (`sends_gsc15`), because the questionnaire's own letters have changed;
the letter is in `parameters/questions.toml`. A question left blank is *not stated*, never *no*.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from csenet.handlers.policy.dated import (
    PARAMETERS,
    PROFILES,
    Dated,
    PolicyError,
    in_force,
    read_table,
    row_problems,
    unique,
)
from csenet.handlers.policy.interest import Rate
from csenet.handlers.policy.jurisdictions import Jurisdiction, jurisdiction
from csenet.handlers.policy.rules import (
    Kind,
    NotStated,
    Stated,
    UnknownRuleError,
    Why,
    parse_value,
    plain,
    value_problem,
    why,
)


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a question: its meaning, the kind of its answer, our words for it.

    `lettered` is its place in the lettered questionnaire; `switch` marks what an agency may set for itself in
    the gateway's settings.
    """

    id: str
    kind: Kind
    lettered: str
    text: str
    switch: bool = False


class AnswerRow(Dated, frozen=True, kw_only=True):
    """Hold one dated answer; without `value` the state was asked and left it blank."""

    value: Any = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    question: str
    rows: tuple[AnswerRow, ...]


class _RateRow(Dated, frozen=True, kw_only=True):
    annual_percent: Decimal


class _ProfileTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    fips: str
    source: str
    answer: tuple[_Answer, ...] = ()
    interest_rate: tuple[_RateRow, ...] = ()


class _QuestionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: tuple[Question, ...]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a jurisdiction's name, time zone, answers and interest rates; ask it with `answer`."""

    fips: str
    abbreviation: str
    name: str
    time_zone: str
    source: str
    answers: Mapping[str, tuple[AnswerRow, ...]]
    rates: tuple[Rate, ...]

    def answer(self, rule_id: str, day: date) -> Stated | NotStated:
        """Say what the jurisdiction answers on `day`; raise `UnknownRuleError` for a question nobody asks."""
        question = _question(rule_id)
        row = in_force(self.answers.get(rule_id, ()), day)
        if row is None:
            text = f"The profile of {self.name} says nothing on {day} about: {question.text}"
            return NotStated(Why(rule=rule_id, text=text, citation=self.source, value="not stated"))
        if row.value is None:
            return NotStated(why(rule_id, row, value="not stated"))
        value = parse_value(question.kind, row.value)
        return Stated(value, why(rule_id, row, value=plain(value)))

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
    return value_problem(question.kind, value, key)


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
    table = read_table(path, _ProfileTable)
    problems = unique(path.name, "answer", (answer.question for answer in table.answer))
    for answer in table.answer:
        problems += _answer_problems(answer)
    problems += row_problems(table.interest_rate, "interest_rate", gaps=True)
    problems += _rate_problems(table.interest_rate)
    if problems:
        raise PolicyError(path.name, problems)
    try:
        return _profile(jurisdiction(table.fips), table)
    except LookupError as error:
        raise PolicyError(path.name, [f"fips: {error.args[0]}"]) from error


def _answer_problems(answer: _Answer) -> list[str]:
    key = f"answer {answer.question!r}"
    question = questions().get(answer.question)
    if question is None:
        return [f"{key}: no such question in questions.toml"]
    problems = row_problems(answer.rows, f"{key}.rows", gaps=True)
    for number, row in enumerate(answer.rows, 1):
        if row.value is not None:
            problems += value_problem(question.kind, row.value, f"{key}.rows[{number}].value")
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
    )


def _rate(since: date, row: _RateRow) -> Rate:
    reason = why("interest_rate", row, value=f"{row.annual_percent} %")
    return Rate(since, row.until, row.annual_percent, reason)


def _question(rule_id: str) -> Question:
    try:
        return questions()[rule_id]
    except KeyError:
        raise UnknownRuleError(f"no rule or question is called {rule_id!r}") from None


@cache
def questions() -> Mapping[str, Question]:
    """Load the questions once, keyed by meaning."""
    return load_questions(PARAMETERS / "questions.toml")


def load_questions(path: Path) -> Mapping[str, Question]:
    """Read and check a table of questions; raise `PolicyError` naming file and key."""
    rows = read_table(path, _QuestionTable).question
    problems = unique(path.name, "question", (row.id for row in rows))
    problems += [
        f"question {row.id!r}.kind: a switch must be boolean"
        for row in rows
        if row.switch and row.kind != "boolean"
    ]
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({row.id: row for row in rows})
