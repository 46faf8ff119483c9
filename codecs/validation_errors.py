"""Check a record of the exchange's error file: it repeats what was refused, so little can be demanded."""

from functools import cache

from csenet.codecs import edits_language
from csenet.codecs.edits import edits, layouts_of
from csenet.codecs.edits_language import Scope
from csenet.codecs.edits_values import jurisdictions
from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.errors import Problem
from csenet.codecs.validation_compiler import edit_problem


@cache
def _rules() -> tuple[tuple[object, Problem], ...]:
    layout = layouts_of("error")[0]
    found: list[tuple[object, Problem]] = []
    for edit in edits():
        if edit.block != "error":
            continue
        scope = Scope("error", "r")
        parts = [edits_language.condition(edit.when, scope)] if edit.when else []
        parts.append(f"({edits_language.violation(edit.must, edit.field, scope)})")
        found.append((compile(" and ".join(parts), edit.code, "eval"), edit_problem(edit, layout)))
    return tuple(found)


def validate_error(record: ErrorRecord) -> tuple[Problem, ...]:
    """Return what is odd about an error record that could be read; all of it only warnings."""
    scope = {"r": record, "JURISDICTIONS": jurisdictions()}
    return tuple(problem for rule, problem in _rules() if eval(rule, scope))  # type: ignore[arg-type]  # noqa: S307
