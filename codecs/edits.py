"""Load the edits the charts state: one row of `tables/edits.csv` each, one statement of one chart.

A row applies to the transactions of `far` when its condition `when` holds, and then demands `must` of its
field. Both are small languages of their own: see `edits_language`. What follows from a field alone (valid
values, digits, calendar dates, amounts) stands in the layouts; which blocks a transaction needs in
`block_rules.csv`; which fields in `transaction_elements.csv`.

`chart` names who states it. In a header, `C-3+` is stated for the way to the exchange only, and kept on the
way from it as well.
"""

from fnmatch import fnmatchcase
from functools import cache

import msgspec

from csenet.codecs import codes
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import Severity
from csenet.codecs.layout import Field, Layout, load_layouts
from csenet.codecs.model import BLOCKS, HEADERS, Direction


class EditError(ValueError):
    """Refuse a row of the table, naming it and what is wrong with it."""


class Pattern(msgspec.Struct, frozen=True):
    """Match transactions: functions and actions (empty for any) and a pattern of reasons."""

    functions: frozenset[str]
    actions: frozenset[str]
    reasons: str

    def matches(self, code: FarCode) -> bool:
        """Tell whether a transaction is meant."""
        return (
            (not self.functions or code.function in self.functions)
            and (not self.actions or code.action in self.actions)
            and fnmatchcase(code.reason, self.reasons)
        )


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one row for one field; `also` names the other fields in whose rows the chart says the same."""

    charts: tuple[str, ...]
    block: str
    field: str
    rule: str
    far: str
    meant: tuple[Pattern, ...]
    excepted: tuple[Pattern, ...]
    when: str
    must: str
    severity: Severity
    also: tuple[str, ...]
    federal: str
    example: str
    message: str

    @property
    def code(self) -> str:
        """Return the code of the problem it finds."""
        return f"{self.block}.{self.field}.{self.rule}"

    @property
    def counted(self) -> tuple[str, ...]:
        """Return the charts that state it."""
        return tuple(chart.removesuffix("+") for chart in self.charts)

    def applies(self, code: FarCode) -> bool:
        """Tell whether it speaks of this transaction."""
        return any(pattern.matches(code) for pattern in self.meant) and not any(
            pattern.matches(code) for pattern in self.excepted
        )

    def held_by(self, chart: str) -> bool:
        """Tell whether a header of this chart is held to it."""
        return any(each == chart or each.endswith("+") for each in self.charts)


class BlockRule(msgspec.Struct, frozen=True):
    """Demand a block `least` times of the transactions that match; see `tables/block_rules.csv`."""

    functions: frozenset[str]
    actions: frozenset[str]
    reasons: tuple[str, ...]
    excepted: frozenset[str]
    block: str
    least: int
    citation: str

    def applies(self, code: FarCode) -> bool:
        """Tell whether the rule speaks of this transaction."""
        return (
            code.function in self.functions
            and code.action in self.actions
            and code.reason not in self.excepted
            and any(fnmatchcase(code.reason, pattern) for pattern in self.reasons)
        )


@cache
def block_rules() -> tuple[BlockRule, ...]:
    """Load the rules of chart C-3 about the block counts."""
    return tuple(
        BlockRule(
            functions=frozenset(row["functions"].split()),
            actions=frozenset(row["actions"].split()),
            reasons=tuple(word for word in row["reasons"].split() if word[0] != "!"),
            excepted=frozenset(word[1:] for word in row["reasons"].split() if word[0] == "!"),
            block=row["block"],
            least=int(row["least"]),
            citation=row["citation"],
        )
        for row in codes.rows("block_rules")
    )


@cache
def edits() -> tuple[Edit, ...]:
    """Load every row, one edit a field; EditError names a row that does not add up."""
    found: list[Edit] = []
    for number, row in enumerate(codes.rows("edits"), start=2):
        try:
            found += (_edit(row, name) for name in row["field"].split())
        except (KeyError, ValueError) as error:
            raise EditError(f"edits.csv:{number}: {error}") from None
    return tuple(found)


def _edit(row: dict[str, str], name: str) -> Edit:
    block = row["block"]
    known = {field.name for layout in layouts_of(block) for field in layout.fields}
    if strangers := {name, *row["also"].split()} - known:
        raise ValueError(f"{block} has no field {', '.join(sorted(strangers))}")
    worst = Severity.FATAL if block == "header" else Severity.ERROR
    alternatives = [part.strip() for part in row["far"].split(";")]
    return Edit(
        charts=tuple(row["chart"].split()),
        block=block,
        field=name,
        rule=row["rule"],
        far=row["far"],
        meant=tuple(_pattern(part) for part in alternatives if part[0] != "-"),
        excepted=tuple(_pattern(part[1:]) for part in alternatives if part[0] == "-"),
        when=row["when"],
        must=row["must"],
        severity=Severity(row["severity"]) if row["severity"] else worst,
        also=tuple(row["also"].split()),
        federal=row["federal"],
        example=row["example"].replace("@", name),
        message=row["message"],
    )


def _pattern(text: str) -> Pattern:
    functions, actions, reasons = (*text.split(), "*", "*")[:3]
    return Pattern(_names(functions), _names(actions), reasons)


def _names(text: str) -> frozenset[str]:
    return frozenset() if text == "*" else frozenset(text.split("/"))


def layouts_of(block: str) -> tuple[Layout, ...]:
    """Return the layouts of a block by its JSON name: two of the header, one of any other."""
    if block == "header":
        return tuple(HEADERS[direction].layout for direction in Direction)
    if block == "error":
        return (load_layouts()["error_record"],)
    return (BLOCKS[block].layout,)


def holds_text(field: Field) -> bool:
    """Tell whether a field's value is text; dates, times and amounts are not."""
    return field.kind not in ("date", "time", "money")
