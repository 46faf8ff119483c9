"""Answer what a rule says on a day, with the reason: `value_on("gsc17_unless_agreed_otherwise", day)`.

Federal rules are rows of `parameters/federal.toml`. What a state answers for itself is in its profile, under
the same kind of key, and is asked for in the same way. Reasons that only a handler can give, because they
speak of what it saw in a transaction, are rows of `parameters/federal_reasons.toml`: `reason` gives them.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

import msgspec

from csenet.handlers.policy.dated import (
    PARAMETERS,
    Dated,
    PolicyError,
    in_force,
    missing,
    read_table,
    row_problems,
    unique,
)

RuleValue = bool | int | Decimal | date | str
Kind = Literal["boolean", "integer", "decimal", "date", "text"]

_REMEMBERED = 4096

_PLAIN_KINDS: Mapping[str, Any] = {"boolean": bool, "integer": int, "date": date, "text": str}


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Give the reason for an answer: the rule, our words for it, its authority, and the value it gave.

    `ours` is true where the law gives no number or answer and the gateway chose one; `since` is the first
    day on which this answer holds, where that is known; `cited_in_spec` is the paragraph the CSENet documents
    name, where the paragraphs have moved since.
    """

    rule: str
    text: str
    citation: str
    value: str = ""
    ours: bool = False
    since: date | None = None
    cited_in_spec: str = ""


class Stated(msgspec.Struct, frozen=True):
    """Carry a value that a rule, a profile or an agreement states, and why."""

    value: RuleValue
    why: Why


class NotStated(msgspec.Struct, frozen=True):
    """Say that nobody states a value for this day, and where it was looked for. Never read this as *no*."""

    why: Why


class UnknownRuleError(LookupError):
    """Report a rule id that no table has: a mistake in the code or the settings, not in the law."""


class Answers(Protocol):
    """Stand for whatever can answer a state's own questions: a `profile.Profile`."""

    def answer(self, rule_id: str, day: date) -> Stated | NotStated:
        """Say what the state answers to `rule_id` on `day`."""
        ...


class RuleRow(Dated, frozen=True, kw_only=True):
    """Hold one dated value of a rule, as the TOML has it."""

    value: Any
    cited_in_spec: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a rule: its id, the kind of its value, and its dated rows."""

    id: str
    kind: Kind
    rows: tuple[RuleRow, ...]


class _RuleTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...]


class ReasonRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a reason without a value of its own: what a handler found, and the authority it acts on."""

    id: str
    citation: str
    text: str
    since: date | None = None
    cited_in_spec: str = ""


class _ReasonTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: tuple[ReasonRow, ...]


def value_on(rule_id: str, day: date, profile: Answers | None = None) -> Stated | NotStated:
    """Say what `rule_id` states on `day`: a federal rule, else an answer of `profile`.

    Raise `UnknownRuleError` for an id that neither has: a misspelt rule must not read as *not stated*.
    """
    said = _federal_on(rule_id, day)
    if said is not None:
        return said
    if profile is None:
        raise UnknownRuleError(f"no federal rule is called {rule_id!r}, and no profile was given")
    return profile.answer(rule_id, day)


@lru_cache(maxsize=_REMEMBERED)
def _federal_on(rule_id: str, day: date) -> Stated | NotStated | None:
    """Ask the federal rules once a day, as they do not change meanwhile; None for a rule they do not have."""
    rule = federal_rules().get(rule_id)
    if rule is None:
        return None
    row = in_force(rule.rows, day)
    if row is None:
        return NotStated(
            Why(rule=rule_id, text=f"No value is stated for {day}.", citation="parameters/federal.toml")
        )
    return stated(rule_id, rule.kind, row)


def stated(rule_id: str, kind: Kind, row: RuleRow) -> Stated:
    """Turn a checked row into the value it states and the reason for it."""
    value = parse_value(kind, row.value)
    return Stated(value, why(rule_id, row, value=plain(value), cited_in_spec=row.cited_in_spec))


def why(rule_id: str, row: Dated, *, value: str = "", cited_in_spec: str = "") -> Why:
    """Turn a dated row into the reason that goes with an answer."""
    return Why(
        rule=rule_id,
        text=f"{row.text} {row.note}".rstrip(),
        citation=row.citation,
        value=value,
        ours=row.ours,
        since=row.since,
        cited_in_spec=cited_in_spec,
    )


def plain(value: RuleValue) -> str:
    """Write a value as a person reads it: yes, no, a number, a date."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def parse_value(kind: Kind, raw: Any) -> RuleValue:
    """Read a TOML value as its kind; raise `ValueError` when it is of another.

    Decimals are written as strings or as TOML decimals, which are read exactly; a boolean is never a number.
    """
    if kind == "decimal":
        return _decimal(raw)
    if type(raw) is not _PLAIN_KINDS[kind]:
        raise ValueError(f"is not of kind {kind}")
    value: RuleValue = raw
    return value


def _decimal(raw: Any) -> Decimal:
    if not isinstance(raw, str | int | Decimal) or isinstance(raw, bool):
        raise ValueError("is not of kind decimal")
    try:
        value = Decimal(raw)
    except InvalidOperation:
        raise ValueError("is not of kind decimal") from None
    if not value.is_finite():
        raise ValueError("is not of kind decimal")
    return value


def value_problem(kind: Kind, raw: Any, key: str) -> list[str]:
    """List, as none or one problem, why `raw` is not of its kind."""
    try:
        parse_value(kind, raw)
    except ValueError as error:
        return [f"{key}: {error}"]
    return []


@cache
def federal_rules() -> Mapping[str, Rule]:
    """Load the federal rules once."""
    return load_rules(PARAMETERS / "federal.toml")


def load_rules(path: Path) -> Mapping[str, Rule]:
    """Read and check a table of rules; raise `PolicyError` naming file and key for everything wrong in it."""
    rules = read_table(path, _RuleTable).rule
    problems = unique(path.name, "rule", (rule.id for rule in rules))
    for rule in rules:
        if not rule.rows:
            problems.append(f"rule {rule.id!r}: has no rows")
        problems += row_problems(rule.rows, f"rule {rule.id!r}.rows", gaps=False)
        for number, row in enumerate(rule.rows, 1):
            problems += value_problem(rule.kind, row.value, f"rule {rule.id!r}.rows[{number}].value")
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({rule.id: rule for rule in rules})


@cache
def reason(rule_id: str) -> Why:
    """Give the reason that a handler names by its id; raise `UnknownRuleError` where there is none."""
    try:
        row = reasons()[rule_id]
    except KeyError:
        raise UnknownRuleError(f"no reason is called {rule_id!r}") from None
    return Why(
        rule=row.id, text=row.text, citation=row.citation, since=row.since, cited_in_spec=row.cited_in_spec
    )


@cache
def reasons() -> Mapping[str, ReasonRow]:
    """Load the handlers' reasons once, keyed by id."""
    return load_reasons(PARAMETERS / "federal_reasons.toml")


def load_reasons(path: Path) -> Mapping[str, ReasonRow]:
    """Read and check a table of reasons; raise `PolicyError` naming file and key for all that is wrong."""
    rows = read_table(path, _ReasonTable).reason
    problems = unique(path.name, "reason", (row.id for row in rows))
    for row in rows:
        problems += missing(row, f"reason {row.id!r}", "citation", "text")
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({row.id: row for row in rows})
