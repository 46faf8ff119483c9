"""Say of each kind of work how urgent it is, by when, who closes it, and what makes one item of several."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique

OTHER = "other"
AT_ONCE = 1
_PRIORITIES = 4
_LONGEST = 365

Joins = Literal["never", "code", "duty"]


class WorkKind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describe a kind of work; `person` says that nothing but a person closes it, `basis` by which rule."""

    id: str
    text: str
    priority: Annotated[int, msgspec.Meta(ge=1, le=_PRIORITIES)]
    person: bool
    basis: str = ""
    days: Annotated[int, msgspec.Meta(ge=1, le=_LONGEST)] | None = None
    joins: Joins = "never"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: tuple[WorkKind, ...]


def kind_of(name: str) -> WorkKind:
    """Find a kind; one that the table does not have is treated as the row "other"."""
    kinds = work_kinds()
    return kinds.get(name) or kinds[OTHER]


@cache
def work_kinds() -> Mapping[str, WorkKind]:
    """Load the kinds once, keyed by id."""
    return load_work_kinds(PARAMETERS / "work_kinds.toml")


def load_work_kinds(path: Path) -> Mapping[str, WorkKind]:
    """Read and check the table; raises `PolicyError` naming all that is wrong."""
    rows = read_table(path, _Table).kind
    problems = unique(path.name, "kind", (row.id for row in rows))
    problems += [f"kind {row.id!r}.basis: is missing" for row in rows if row.person and not row.basis]
    if all(row.id != OTHER for row in rows):
        problems.append(f"kind {OTHER!r}: is missing")
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({row.id: row for row in rows})
