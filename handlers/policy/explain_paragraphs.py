"""Say where a paragraph that the CSENet documents cite stands today: `today_of("303.11(b)(12)")`.

The documents are older than two revisions of 45 CFR 303, so their numbers can mean another paragraph now.
"""

from functools import cache
from pathlib import Path

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, missing, read_table, unique


class Paragraph(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pair a paragraph as the documents cite it with the one of today; `misprint` where they got it wrong."""

    cited_in_spec: str
    current: str
    text: str
    misprint: bool = False


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paragraph: tuple[Paragraph, ...]


@cache
def paragraphs() -> tuple[Paragraph, ...]:
    """Load the table once."""
    return load_paragraphs(PARAMETERS / "federal_crosswalk.toml")


def today_of(cited: str) -> tuple[Paragraph, ...]:
    """List what a paragraph of the documents is today; empty where it is not known to have been cited."""
    return tuple(row for row in paragraphs() if row.cited_in_spec == cited)


def load_paragraphs(path: Path) -> tuple[Paragraph, ...]:
    """Read and check a table of paragraphs; raise `PolicyError` naming file and key."""
    rows = read_table(path, _Table).paragraph
    problems = unique(path.name, "paragraph", (row.cited_in_spec for row in rows))
    for number, row in enumerate(rows, 1):
        problems += missing(row, f"paragraph[{number}]", "cited_in_spec", "current", "text")
    if problems:
        raise PolicyError(path.name, problems)
    return rows
