"""Say which blocks and fields may leave when family violence is recorded in a case.

Blocks and fields go under their names in the JSON form of a transaction. What is withheld stands in
`parameters/disclosure.toml`; everything else may leave. `permits` and `withheld_fields` answer for a whole
case; `disclosure_review.review` weighs a transaction person by person, with replaced answers and release by
two.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import msgspec

from csenet.handlers.policy.agreements import Permission
from csenet.handlers.policy.dated import PARAMETERS, PolicyError, missing, read_table, unique
from csenet.handlers.policy.rules import Why

_RULE = "family_violence_disclosure"
_LINE_LENGTH = 80
"""Characters of one line of the information block (Chart C-11)."""


class UnknownBlockError(LookupError):
    """Report a block that no transaction has: nothing is known about disclosing it."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what every row of the table says: its authority, our words, and whether we chose it."""

    citation: str
    text: str
    ours: bool = False

    def why(self, value: str) -> Why:
        """Give the row as a reason."""
        return Why(rule=_RULE, text=self.text, citation=self.citation, value=value, ours=self.ours)


class Withheld(Row, frozen=True, kw_only=True):
    """Hold what of one block is withheld: the named fields, or the whole block where none is named."""

    block: str
    fields: tuple[str, ...] = ()


class Replacement(Row, frozen=True, kw_only=True, rename={"send": "with"}):
    """Say what goes instead of `far` (may end in `*`): another code, or the same without the block."""

    far: str
    send: str = ""


class TaxRow(Row, frozen=True, kw_only=True):
    """Mark a block that can hold federal tax information, where its fields have the values of `when`."""

    far: str
    block: str
    when: dict[str, str] = {}


class DisclosureTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold the whole table."""

    blocks: tuple[str, ...]
    withhold: tuple[Withheld, ...]
    protect: tuple[Withheld, ...] = ()
    replace: tuple[Replacement, ...] = ()
    tax_information: tuple[TaxRow, ...] = ()
    line: Row | None = None


def permits(block: str, family_violence: bool, field: str = "") -> Permission:
    """Say whether a block may leave at all or, given `field`, whether that field of it may.

    Raise `UnknownBlockError` for a block that the table does not list.
    """
    row = row_of(block)
    if not family_violence:
        text = "No family violence is recorded in the case, so nothing is withheld on that ground."
        return Permission(True, Why(rule=_RULE, text=text, citation="45 CFR 303.21(e)", value="no"))
    if row is None or (row.fields and field not in row.fields):
        text = f"Nothing in {field or block} tells where somebody lives or works."
        return Permission(True, Why(rule=_RULE, text=text, citation="45 CFR 303.21(e)", value="yes"))
    return Permission(False, row.why("yes"))


def withheld_fields(block: str, family_violence: bool) -> frozenset[str]:
    """List the fields of a block that are left blank; `permits` says whether the block may leave at all."""
    row = row_of(block)
    return frozenset(row.fields) if row is not None and family_violence else frozenset()


def row_of(block: str) -> Withheld | None:
    """Find what of a block is withheld; raise `UnknownBlockError` for a block that no transaction has."""
    try:
        return withheld()[block]
    except KeyError:
        raise UnknownBlockError(f"no block is called {block!r}") from None


@cache
def withheld() -> Mapping[str, Withheld | None]:
    """Load the table once: every block, with what of it is withheld."""
    return _by_block(table())


@cache
def table() -> DisclosureTable:
    """Load the whole table once."""
    return load_table(PARAMETERS / "disclosure.toml")


def load_withheld(path: Path) -> Mapping[str, Withheld | None]:
    """Read and check the table of what is withheld; raise `PolicyError` naming file and key."""
    return _by_block(load_table(path))


def load_table(path: Path) -> DisclosureTable:
    """Read and check the whole table; raise `PolicyError` naming file and key for all that is wrong."""
    found = read_table(path, DisclosureTable)
    problems = unique(path.name, "withhold", (row.block for row in found.withhold))
    problems += unique(path.name, "replace", (row.far for row in found.replace))
    for name in ("withhold", "protect", "tax_information"):
        for number, row in enumerate(getattr(found, name), 1):
            problems += missing(row, f"{name}[{number}]", "citation", "text")
            if row.block not in found.blocks:
                problems.append(f"{name}[{number}].block: {row.block!r} is not in blocks")
    for number, replacement in enumerate(found.replace, 1):
        problems += missing(replacement, f"replace[{number}]", "citation", "text")
    if found.line is not None and len(found.line.text) > _LINE_LENGTH:
        problems.append(f"line.text: is longer than the {_LINE_LENGTH} characters of an information line")
    if problems:
        raise PolicyError(path.name, problems)
    return found


def _by_block(found: DisclosureTable) -> Mapping[str, Withheld | None]:
    rows = {row.block: row for row in found.withhold}
    return MappingProxyType({block: rows.get(block) for block in found.blocks})
