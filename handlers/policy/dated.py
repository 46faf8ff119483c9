"""Read TOML tables of dated, cited rows and find the row in force on a day.

A table that is wrong stops the start: `PolicyError` names the file and every key at fault, all at once.
"""

import tomllib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import msgspec

PARAMETERS = Path(__file__).parent / "parameters"
PROFILES = Path(__file__).parent / "profiles"

_ONE_DAY = timedelta(days=1)


class PolicyError(ValueError):
    """Report what is wrong with a policy table: the file, and one line per key at fault."""

    def __init__(self, file: str, problems: Iterable[str]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{file}: {problem}" for problem in self.problems))


class Dated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say from when until when (both inclusive) a row holds, by what authority, and what it says.

    A missing `since` means that the row holds for as far back as anybody asks; a missing `until`, that
    it still holds. `ours` marks a number or an answer that no law states and that we chose.
    """

    citation: str
    text: str
    since: date | None = None
    until: date | None = None
    ours: bool = False
    note: str = ""

    def covers(self, day: date) -> bool:
        """Tell whether the row is in force on `day`."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


Row = TypeVar("Row", bound=Dated)
Table = TypeVar("Table")


def in_force(rows: Iterable[Row], day: date) -> Row | None:
    """Find the row that holds on `day`; None where no row does."""
    return next((row for row in rows if row.covers(day)), None)


def row_problems(rows: Sequence[Dated], key: str, *, gaps: bool) -> list[str]:
    """List what is wrong with the rows of one key: authority, dates, overlaps, and gaps unless allowed."""
    problems = []
    for number, row in enumerate(rows, 1):
        problems += missing(row, f"{key}[{number}]", "citation", "text")
        if row.since and row.until and row.until < row.since:
            problems.append(f"{key}[{number}].until: {row.until} is before since = {row.since}")
    return problems or _order_problems(rows, key, gaps=gaps)


def missing(row: msgspec.Struct, key: str, *names: str) -> list[str]:
    """List the texts that a row has to have and leaves empty."""
    return [f"{key}.{name}: is missing" for name in names if not getattr(row, name).strip()]


def _order_problems(rows: Sequence[Dated], key: str, *, gaps: bool) -> list[str]:
    problems = []
    ordered = sorted(rows, key=lambda row: row.since or date.min)
    for earlier, later in pairwise(ordered):
        if earlier.until is None or later.since is None or later.since <= earlier.until:
            problems.append(f"{key}: the row since {later.since} overlaps the one since {earlier.since}")
        elif not gaps and later.since != earlier.until + _ONE_DAY:
            problems.append(f"{key}: nothing is stated between {earlier.until} and {later.since}")
    return problems


def read_table(path: Path, shape: type[Table]) -> Table:
    """Read a TOML file into `shape`; raise `PolicyError` naming the file and the key that does not fit."""
    return shape_table(read_toml(path), shape, path.name)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, decimals kept exact; raise `PolicyError` where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise PolicyError(path.name, [f"cannot be read ({error.strerror})"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(path.name, [f"is not TOML: {error}"]) from error


def shape_table(raw: object, shape: type[Table], file: str) -> Table:
    """Turn what TOML held into `shape`; raise `PolicyError` naming the key that does not fit."""
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise PolicyError(file, [str(error).replace("`$.", "`")]) from error


def unique(file: str, key: str, names: Iterable[str]) -> list[str]:
    """List the names that stand more than once where each may stand once."""
    seen: set[str] = set()
    problems = []
    for name in names:
        if name in seen:
            problems.append(f"{key} {name!r}: stands twice in {file}")
        seen.add(name)
    return problems
