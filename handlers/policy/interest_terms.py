"""Know on which terms a jurisdiction charges interest, applies payments, limits judgments, ends support.

Terms are dated, cited rows of `parameters/interest_terms.toml` and `parameters/allocation.toml`; the rates
and three of the yes-or-no answers come from the jurisdiction's profile. A term that nobody states answers
`NotStated` with the question to put to a person.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from csenet.handlers.policy.dated import (
    PARAMETERS,
    Dated,
    PolicyError,
    in_force,
    read_table,
    row_problems,
    unique,
)
from csenet.handlers.policy.interest import Rate
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.profile import Profile, load_profile
from csenet.handlers.policy.rules import (
    Kind,
    NotStated,
    RuleRow,
    Stated,
    Why,
    federal_rules,
    stated,
    value_problem,
)

FILES = ("interest_terms.toml", "allocation.toml")
YEAR_DAYS = "interest_year_days"
_ONE_DAY = timedelta(days=1)


class Term(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a term: the kind of its value, the question it answers, and the values the engine understands.

    `several` marks a value that is several of `values`, joined by commas; `profile` one that profiles answer.
    """

    id: str
    kind: Kind
    text: str
    values: tuple[str, ...] = ()
    several: bool = False
    profile: bool = False


class _Rows(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    term: str
    rows: tuple[RuleRow, ...]


class _Jurisdiction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    fips: str
    rule: tuple[_Rows, ...]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    term: tuple[Term, ...]
    jurisdiction: tuple[_Jurisdiction, ...] = ()
    ledger: tuple[_Rows, ...] = ()


class TermSheet(msgspec.Struct, frozen=True):
    """Hold the terms of one file, what jurisdictions (by FIPS code) state, and those of a plain ledger."""

    terms: Mapping[str, Term]
    rows: Mapping[str, Mapping[str, tuple[RuleRow, ...]]]
    ledger: Mapping[str, tuple[RuleRow, ...]]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one jurisdiction's terms: ask them with `ask`. Rates are in order of date and do not overlap."""

    fips: str
    name: str
    rates: tuple[Rate, ...]
    rows: Mapping[str, tuple[RuleRow, ...]]
    profile: Profile | None = None

    def ask(self, term_id: str, day: date) -> Stated | NotStated:
        """Say what holds on `day`; raise `KeyError` for a term that no file defines."""
        term = definitions()[term_id]
        row = in_force(self.rows.get(term_id, ()), day)
        if row is not None:
            return stated(term_id, term.kind, row)
        if term.profile and self.profile is not None:
            answer = self.profile.answer(term_id, day)
            return answer if isinstance(answer, Stated) else self.question(term_id, day, term.text)
        return self.question(term_id, day, term.text)

    def question(self, rule: str, day: date, text: str) -> NotStated:
        """Say that something is not stated, with the question to answer."""
        reason = f"{self.name} states nothing about this for {day}. To be answered: {text}"
        return NotStated(
            Why(rule=rule, text=reason, citation=f"the profile of {self.name}", value="not stated")
        )

    def changes(self) -> Iterator[date]:
        """Give the first day of each row and each rate, and the day after its last."""
        dated: list[Dated] = [row for rows in self.rows.values() for row in rows]
        dated += federal_rules()[YEAR_DAYS].rows
        if self.profile is not None:
            asked = [self.profile.answers.get(name, ()) for name, t in definitions().items() if t.profile]
            dated += [row for rows in asked for row in rows]
        spans = [(row.since, row.until) for row in dated]
        spans += [(rate.start, rate.end) for rate in self.rates]
        for first, last in spans:
            if first is not None:
                yield first
            if last is not None:
                yield last + _ONE_DAY


def load_terms(fips2: str) -> Terms:
    """Load a jurisdiction's terms by its two-digit FIPS code.

    Raise `jurisdictions.UnknownJurisdictionError` for an unknown code, `PolicyError` for a wrong file.
    """
    profile = load_profile(fips2)
    merged: dict[str, tuple[RuleRow, ...]] = {}
    for sheet in sheets():
        merged.update(sheet.rows.get(fips2, {}))
    return Terms(
        fips=profile.fips,
        name=profile.name,
        rates=profile.interest_rates(),
        rows=MappingProxyType(merged),
        profile=profile,
    )


def ledger_terms(fips2: str) -> Terms:
    """Load the terms of a plain ledger under a jurisdiction's rates: those of the gateway's own balances.

    Raise `jurisdictions.UnknownJurisdictionError` for an unknown code, `PolicyError` for a wrong file.
    """
    profile = load_profile(fips2)
    rows = {term: given for sheet in sheets() for term, given in sheet.ledger.items()}
    return Terms(
        fips=profile.fips, name=profile.name, rates=profile.interest_rates(), rows=MappingProxyType(rows)
    )


def terms_with(values: Mapping[str, Any], rates: Sequence[Rate], *, citation: str, name: str = "") -> Terms:
    """Make terms that hold on every day: `values` by term.

    Raise `PolicyError` for a term that is not defined or a value that it cannot have.
    """
    text = f"Given with the request: {citation}."
    rows = {term: (RuleRow(value=value, citation=citation, text=text),) for term, value in values.items()}
    problems = [problem for term, given in rows.items() for problem in _rows_problems(term, given, "terms")]
    if problems:
        raise PolicyError("terms", problems)
    ordered = tuple(sorted(rates, key=lambda rate: rate.start))
    return Terms(fips="", name=name or citation, rates=ordered, rows=MappingProxyType(rows))


@cache
def definitions() -> Mapping[str, Term]:
    """Give every term by its id."""
    return MappingProxyType({name: term for sheet in sheets() for name, term in sheet.terms.items()})


@cache
def sheets() -> tuple[TermSheet, ...]:
    """Load the files of terms once."""
    return tuple(load_sheet(PARAMETERS / name) for name in FILES)


def load_sheet(path: Path) -> TermSheet:
    """Read and check one file of terms; raise `PolicyError` naming file and key for all that is wrong."""
    table = read_table(path, _Table)
    terms = {term.id: term for term in table.term}
    problems = unique(path.name, "term", (term.id for term in table.term))
    problems += unique(path.name, "jurisdiction", (place.fips for place in table.jurisdiction))
    for place in table.jurisdiction:
        problems += _place_problems(place, terms)
    problems += _rules_problems(table.ledger, "ledger", terms)
    if problems:
        raise PolicyError(path.name, problems)
    rows = {place.fips: {rule.term: rule.rows for rule in place.rule} for place in table.jurisdiction}
    ledger = {rule.term: rule.rows for rule in table.ledger}
    return TermSheet(MappingProxyType(terms), MappingProxyType(rows), MappingProxyType(ledger))


def _place_problems(place: _Jurisdiction, terms: Mapping[str, Term]) -> list[str]:
    key = f"jurisdiction {place.fips!r}"
    problems = [] if place.fips in jurisdictions() else [f"{key}.fips: no jurisdiction has this FIPS code"]
    return problems + _rules_problems(place.rule, key, terms)


def _rules_problems(rules: Sequence[_Rows], key: str, terms: Mapping[str, Term]) -> list[str]:
    problems = unique(key, "rule", (rule.term for rule in rules))
    for rule in rules:
        problems += row_problems(rule.rows, f"{key}.{rule.term}", gaps=True)
        problems += _rows_problems(rule.term, rule.rows, key, terms)
    return problems


def _rows_problems(
    term_id: str, rows: Iterable[RuleRow], key: str, terms: Mapping[str, Term] | None = None
) -> list[str]:
    term = (definitions() if terms is None else terms).get(term_id)
    if term is None:
        return [f"{key}.{term_id}: is not a term that this file defines"]
    problems = []
    for number, row in enumerate(rows, 1):
        place = f"{key}.{term_id}[{number}].value"
        problems += value_problem(term.kind, row.value, place) or _choice_problem(term, row.value, place)
    return problems


def _choice_problem(term: Term, value: Any, place: str) -> list[str]:
    if not term.values:
        return []
    chosen = [part.strip() for part in value.split(",")] if term.several else [value]
    wrong = [part for part in chosen if part not in term.values]
    if wrong or len(set(chosen)) < len(chosen):
        return [f"{place}: must be made of {', '.join(term.values)}, each at most once"]
    return []
