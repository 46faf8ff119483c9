"""Say which blocks and fields may leave when family violence is recorded in a case.

Blocks and fields go under their names in the JSON form of a transaction. What is withheld stands in
`parameters/disclosure.toml`; everything else may leave.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import msgspec

from csenet.handlers.policy.agreements import Permission
from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique
from csenet.handlers.policy.rules import Why

_RULE = "family_violence_disclosure"


class UnknownBlockError(LookupError):
    """Report a block that no transaction has: nothing is known about disclosing it."""


class Withheld(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what of one block is withheld: the named fields, or the whole block where none is named."""

    block: str
    citation: str
    text: str
    fields: tuple[str, ...] = ()


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    blocks: tuple[str, ...]
    withhold: tuple[Withheld, ...]


def permits(block: str, family_violence: bool, field: str = "") -> Permission:
    """Say whether a block may leave at all or, given `field`, whether that field of it may.

    Raise `UnknownBlockError` for a block that the table does not list.
    """
    row = _row(block)
    if not family_violence:
        text = "No family violence is recorded in the case, so nothing is withheld on that ground."
        return Permission(True, Why(rule=_RULE, text=text, citation="45 CFR 303.21(e)", value="no"))
    if row is None or (row.fields and field not in row.fields):
        text = f"Nothing in {field or block} tells where somebody lives or works."
        return Permission(True, Why(rule=_RULE, text=text, citation="45 CFR 303.21(e)", value="yes"))
    return Permission(False, Why(rule=_RULE, text=row.text, citation=row.citation, value="yes"))


def withheld_fields(block: str, family_violence: bool) -> frozenset[str]:
    """List the fields of a block that are left blank; `permits` says whether the block may leave at all."""
    row = _row(block)
    return frozenset(row.fields) if row is not None and family_violence else frozenset()


def _row(block: str) -> Withheld | None:
    try:
        return withheld()[block]
    except KeyError:
        raise UnknownBlockError(f"no block is called {block!r}") from None


@cache
def withheld() -> Mapping[str, Withheld | None]:
    """Load the table once: every block, with what of it is withheld."""
    return load_withheld(PARAMETERS / "disclosure.toml")


def load_withheld(path: Path) -> Mapping[str, Withheld | None]:
    """Read and check the table of what is withheld; raise `PolicyError` naming file and key."""
    table = read_table(path, _Table)
    problems = unique(path.name, "withhold", (row.block for row in table.withhold))
    for number, row in enumerate(table.withhold, 1):
        problems += [
            f"withhold[{number}].{name}: is missing"
            for name in ("citation", "text")
            if not getattr(row, name).strip()
        ]
        if row.block not in table.blocks:
            problems.append(f"withhold[{number}].block: {row.block!r} is not in blocks")
    if problems:
        raise PolicyError(path.name, problems)
    rows = {row.block: row for row in table.withhold}
    return MappingProxyType({block: rows.get(block) for block in table.blocks})
