"""Know what a state is asked about itself: each question by its meaning, with the kind of its answer.

The meanings are rows of `parameters/questions.toml`. Where a question stands in a version of the
questionnaire is in `questionnaire`, because places have changed and meanings have not.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique
from csenet.handlers.policy.rules import Kind, RuleValue, UnknownRuleError, parse_value, plain
from csenet.handlers.policy.working_days import Unit

AnswerKind = Literal["boolean", "integer", "decimal", "percent", "money", "period", "date", "text", "choice"]

_BASES: Mapping[str, Kind] = {
    "boolean": "boolean",
    "integer": "integer",
    "decimal": "decimal",
    "percent": "decimal",
    "money": "decimal",
    "period": "integer",
    "date": "date",
    "text": "text",
    "choice": "text",
}
_CENT = Decimal("0.01")


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a question: its meaning, the kind of its answer, our words for it.

    Kinds: a percentage is a `Decimal` of per cent; money a `Decimal` of dollars, to the cent; a period a
    whole number of `unit` (calendar days, business days, years ...); a choice one of `choices`. `switch`
    marks what an agency may set for itself in the gateway's settings.
    """

    id: str
    kind: AnswerKind
    text: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    switch: bool = False

    def parse(self, raw: Any) -> RuleValue:
        """Read an answer as TOML has it; raise `ValueError` when it is not of the question's kind."""
        value = parse_value(_BASES[self.kind], raw)
        if self.kind == "choice" and value not in self.choices:
            raise ValueError(f"is none of the choices {', '.join(self.choices)}")
        if self.kind in ("percent", "money", "period", "integer") and value < 0:  # type: ignore[operator]
            raise ValueError("must be zero or more")
        if isinstance(value, Decimal) and self.kind == "money" and value != value.quantize(_CENT):
            raise ValueError("is not a whole number of cents")
        return value

    def problem(self, raw: Any, key: str) -> list[str]:
        """List, as none or one problem, why `raw` is no answer to this question."""
        try:
            self.parse(raw)
        except ValueError as error:
            return [f"{key}: {error}"]
        return []

    def shown(self, value: RuleValue, unit: str = "") -> str:
        """Write an answer as a person reads it, in its unit; `unit` replaces the question's own."""
        if self.kind == "money":
            return f"${value}"
        if self.kind == "percent":
            return f"{value} %"
        counted = unit or self.unit
        if self.kind == "period" and value == 1:
            counted = counted.removesuffix("s")
        return f"{plain(value)} {counted}".rstrip()


class _QuestionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: tuple[Question, ...]


def question(rule_id: str) -> Question:
    """Find a question by its meaning; raise `UnknownRuleError` for one nobody asks."""
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
    for row in rows:
        problems += [f"question {row.id!r}.{problem}" for problem in _problems(row)]
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({row.id: row for row in rows})


def _problems(row: Question) -> list[str]:
    problems = []
    if row.switch and row.kind != "boolean":
        problems.append("kind: a switch must be boolean")
    if (row.kind == "choice") != bool(row.choices):
        problems.append("choices: belong to a choice, and a choice needs them")
    if row.kind == "period" and row.unit not in get_args(Unit):
        problems.append(f"unit: a period is counted in {', '.join(get_args(Unit))}")
    return problems
