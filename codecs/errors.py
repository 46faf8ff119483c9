"""Say what is wrong with a transaction, as values a program can act on and a person can read."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """Rank a problem: fatal stops the transaction, error makes it unusable, warning is only told."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one fault and the place where it stands.

    `code` is `block.field.rule`, `field` the federal name, `columns` the first and last position as the chart
    prints them (1-based, within the block). `message` never repeats the value: it may be personal data.
    `federal` is the exchange's own number or wording, where it is known.

    The rest is known only beside the file (see `validation.placed`): `position` counts its transactions from
    1, `offset` its bytes from 0, `value` is what stands there, masked if it may tell of a person.
    """

    code: str
    severity: Severity
    message: str
    block: str = ""
    occurrence: int = 1
    field: str = ""
    columns: tuple[int, int] | None = None
    citation: str = ""
    federal: str = ""
    position: int | None = None
    offset: int | None = None
    value: str | None = None

    @property
    def stops(self) -> bool:
        """Tell whether the transaction cannot be used because of this."""
        return self.severity is not Severity.WARNING


class CodecError(ValueError):
    """Refuse a value, a JSON form or bytes; `problems` holds everything that is wrong, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems and show their codes and messages as the error's text."""
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.code}: {problem.message}" for problem in self.problems))
