"""Compile the edits that can apply to one kind of transaction into two functions, once for each kind.

The header is checked first, then the blocks. Each function returns what it hit: numbers of rules with the
occurrence of the block, or problems that a named function made. A clean transaction costs a comparison or two
for each rule and builds nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, TypeAlias

import msgspec

from csenet.codecs import codes, edits_language, edits_values, validation_lines
from csenet.codecs.blocks import Header
from csenet.codecs.codes import Element, FarCode
from csenet.codecs.compiler import field_problem
from csenet.codecs.edits import Edit, block_rules, edits, holds_text
from csenet.codecs.edits_language import Scope
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.fields import Finding
from csenet.codecs.layout import Field, Layout
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction, Transaction

Hit: TypeAlias = tuple[int, int] | Problem
Check: TypeAlias = Callable[[Transaction, Header, date], list[Hit]]

FIRST_YEAR, LAST_YEAR = 1900, 2099
"""Years the charts write with a century of 19 or 20."""

_OWN_SIDE = {"case_id": "other_case_id", "other_case_id": "case_id"}
"""On receipt the sender's case ID is the other one: the exchange has swapped them."""

_LINES = {"reject_line", "interest_line"}
_RANK = {Severity.FATAL: 0, Severity.ERROR: 1, Severity.WARNING: 2}


class Checks:
    """Hold the compiled checks of one kind of transaction and the problems they can tell."""

    def __init__(self, code: FarCode, direction: Direction) -> None:
        """Compile; `code` need not be a valid one."""
        self._problems: list[Problem] = []
        self._repeated: dict[tuple[int, int], Problem] = {}
        self.header = self._compile("header", _Writer(self._problems, code, direction).header())
        self.body = self._compile("body", _Writer(self._problems, code, direction).body())

    def _compile(self, name: str, lines: Iterable[str]) -> Check:
        source = f"def {name}(tx, h, today):\n    hits = []\n"
        source += "".join(f"    {line}\n" for line in lines) + "    return hits\n"
        scope: dict[str, Any] = {
            "JURISDICTIONS": edits_values.jurisdictions(),
            "PLACES": edits_values.places(),
            "STATES": edits_values.abbreviations(),
            "COUNTIES": edits_values.counties(),
            "unknown_county": edits_values.unknown_county,
            "reject_line": validation_lines.reject_problems,
            "interest_line": validation_lines.interest_problems,
        }
        exec(source, scope)  # noqa: S102 - made of our own tables, whose language is closed
        check: Check = scope[name]
        return check

    def told(self, hits: list[Hit]) -> tuple[Problem, ...]:
        """Turn hits into problems; of two that say the same about a place, the graver one counts."""
        found: dict[tuple[str, int], Problem] = {}
        for hit in hits:
            problem = hit if isinstance(hit, Problem) else self._problem(hit)
            place = (problem.code, problem.occurrence)
            if place not in found or _RANK[problem.severity] < _RANK[found[place].severity]:
                found[place] = problem
        return tuple(found.values())

    def _problem(self, hit: tuple[int, int]) -> Problem:
        number, occurrence = hit
        problem = self._problems[number]
        if occurrence == 1:
            return problem
        if hit not in self._repeated:
            self._repeated[hit] = msgspec.structs.replace(problem, occurrence=occurrence)
        return self._repeated[hit]


class _Writer:
    """Write the source of one kind's checks, adding each rule's problem to a list."""

    def __init__(self, problems: list[Problem], code: FarCode, direction: Direction) -> None:
        self._problems = problems
        self._code = code
        self._direction = direction
        self._chart = HEADERS[direction].layout.chart
        self._elements = codes.elements(code)

    # -- the header ---------------------------------------------------------------------------

    def header(self) -> Iterator[str]:
        layout = HEADERS[self._direction].layout
        held = set(Header.__struct_fields__)
        for field in layout.fields:
            if field.name in held:
                yield from self._layout_rules(layout, field, Scope("header", "h"), "1")
        for edit in edits():
            if edit.block == "header" and edit.held_by(self._chart) and edit.applies(self._code):
                yield from self._edit(edit, layout, Scope("header", "h"), "1")
        for rule in block_rules():
            if rule.applies(self._code):
                yield self._block_rule(rule.block, rule.least, rule.citation.replace("C-3", self._chart))
        for element in self._elements:
            yield from self._header_element(element, layout)

    def _header_element(self, element: Element, layout: Layout) -> Iterator[str]:
        # What chart C-3 itself demands has been checked: left are case IDs wished for, and dates of events.
        if element.block != "header":
            return
        name = element.field
        if self._direction is Direction.FROM_SERVER:
            name = _OWN_SIDE.get(name, name)
        relaxed = element.level == "recommended"
        if name == "action_resolution_date" or (name in _OWN_SIDE and relaxed):
            wanted = msgspec.structs.replace(element, field=name)
            yield from self._element(wanted, layout, Scope("header", "h"), "1")

    def _block_rule(self, block: str, least: int, citation: str) -> str:
        problem = _block_problem(block, "least", f"{least} or more demanded", citation, Severity.FATAL)
        lacking = f"len(tx.{block}) < {least}" if block in REPEATING else f"tx.{block} is None"
        return self._when(lacking, problem, "1")

    # -- the blocks ---------------------------------------------------------------------------

    def body(self) -> Iterator[str]:
        for block, codec in BLOCKS.items():
            lines = list(self._record(block, codec.layout))
            absent = [self._absent(element) for element in self._of(block) if not element.field]
            if block in REPEATING:
                yield from (f"if not tx.{block}: {line}" for line in absent)
                yield f"for n, r in enumerate(tx.{block}, 1):"
                yield from (f"    {line}" for line in lines or ["pass"])
                yield from self._among(block, codec.layout)
            else:
                yield f"if (r := tx.{block}) is None:"
                yield from (f"    {line}" for line in absent or ["pass"])
                yield "else:"
                yield from (f"    {line}" for line in lines or ["pass"])

    def _of(self, block: str) -> Iterator[Element]:
        return (element for element in self._elements if element.block == block)

    def _absent(self, element: Element) -> str:
        severity = Severity.ERROR if element.level == "required" else Severity.WARNING
        message = f"the block is {element.level}"
        return self._hit(_block_problem(element.block, "missing", message, str(self._code), severity), "1")

    def _record(self, block: str, layout: Layout) -> Iterator[str]:
        number = "n" if block in REPEATING else "1"
        scope = Scope(block, "r")
        for field in layout.fields:
            yield from self._layout_rules(layout, field, scope, number)
        for edit in edits():
            if edit.block == block and edit.applies(self._code) and not edit.must.startswith("someone"):
                yield from self._edit(edit, layout, scope, number)
        for element in self._of(block):
            if element.field:
                yield from self._element(element, layout, scope, number)

    def _among(self, block: str, layout: Layout) -> Iterator[str]:
        """Check what some record of a repeating block must hold."""
        for edit in edits():
            if edit.block == block and edit.must.startswith("someone") and edit.applies(self._code):
                wanted = edit.must.split()[1]
                nobody = f"all(r.{edit.field} != {wanted!r} for r in tx.{block})"
                yield self._when(f"tx.{block} and {nobody}", edit_problem(edit, layout), "1")

    # -- one field ----------------------------------------------------------------------------

    def _layout_rules(self, layout: Layout, field: Field, scope: Scope, number: str) -> Iterator[str]:
        if field.kind == "filler":
            return
        it = scope.own(field.name)
        if field.required and not field.default:
            message = "must be filled in every transaction" if layout.block == "header" else "required here"
            problem = field_problem(layout, field, Finding("missing", message))
            yield self._when(f"not {scope.filled(field.name)}", problem, number)
        if field.reserved:
            problem = field_problem(layout, field, RESERVED)
            yield self._when(f"{it} is not None", problem, number)
        if field.kind == "date" and not field.reserved:
            problem = field_problem(layout, field, CENTURY)
            years = f"{FIRST_YEAR} <= {it}.year <= {LAST_YEAR}"
            yield self._when(f"{it} is not None and not {years}", problem, number)

    def _edit(self, edit: Edit, layout: Layout, scope: Scope, number: str) -> Iterator[str]:
        if edit.must in _LINES:
            yield f"hits += {edit.must}({scope.own(edit.field)}, today)"
            return
        problem = edit_problem(edit, layout)
        if edit.must == "triple":
            if self._code not in codes.VALID:
                yield self._when("True", problem, number)
            return
        parts = [edits_language.condition(edit.when, scope)] if edit.when else []
        parts.append(f"({edits_language.violation(edit.must, edit.field, scope)})")
        yield self._when(" and ".join(parts), problem, number)

    def _element(self, element: Element, layout: Layout, scope: Scope, number: str) -> Iterator[str]:
        field = layout.field(element.field)
        relaxed = element.level == "recommended"
        blank = f"not {scope.filled(field.name)}"
        guard = "r.relationship in ('D', None) and " if field.name.startswith("dependent_") else ""
        problem = field_problem(layout, field, Finding("missing", f"{element.level} here", relaxed))
        yield self._when(f"{guard}{blank}", problem, number)
        if element.fixed is not None:
            it = scope.own(field.name) if holds_text(field) else f"str({scope.own(field.name)})"
            finding = Finding("fixed", f"{element.fixed} is {element.level} here", relaxed)
            wrong = f"{scope.filled(field.name)} and {it} != {element.fixed!r}"
            yield self._when(f"{guard}{wrong}", field_problem(layout, field, finding), number)

    def _when(self, condition: str, problem: Problem, number: str) -> str:
        return f"if {condition}: {self._hit(problem, number)}"

    def _hit(self, problem: Problem, number: str) -> str:
        self._problems.append(problem)
        return f"hits.append(({len(self._problems) - 1}, {number}))"


RESERVED = Finding("reserved", "reserved for a future version, must be blank")
CENTURY = Finding("century", f"must be a date from {FIRST_YEAR} to {LAST_YEAR}")


def edit_problem(edit: Edit, layout: Layout) -> Problem:
    """Make the problem that a row of the edit table tells."""
    problem = field_problem(layout, layout.field(edit.field), Finding(edit.rule, edit.message))
    chart = edit.charts[0].removesuffix("+")
    if layout.chart in edit.charts:
        chart = layout.chart
    citation = f"Chart {chart}"
    return msgspec.structs.replace(problem, severity=edit.severity, citation=citation, federal=edit.federal)


def _block_problem(block: str, rule: str, message: str, citation: str, severity: Severity) -> Problem:
    return Problem(
        code=f"{block}.block.{rule}", severity=severity, message=message, block=block, citation=citation
    )
