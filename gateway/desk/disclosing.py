"""Keep what could tell where a person lives out of transactions that the case side wrote by itself.

Those built from facts are filtered on the way; one given whole must not be a way around that.
"""

from __future__ import annotations

from csenet.codecs.errors import Problem, Severity
from csenet.codecs.model import BLOCKS
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import CaseRecord
from csenet.handlers.policy import disclosure
from csenet.handlers.policy.rules import Why


def withheld(tx: Transaction, record: CaseRecord | None) -> list[Problem]:
    """Name every block and field that may not leave because family violence is recorded on the case."""
    if record is None or not record.facts.family_violence:
        return []
    problems = []
    for block in BLOCKS:
        value = getattr(tx, block)
        entries = value if isinstance(value, tuple) else () if value is None else (value,)
        for occurrence, entry in enumerate(entries, 1):
            problems += _of_block(block, occurrence, entry)
    return problems


def _of_block(block: str, occurrence: int, entry: object) -> list[Problem]:
    whole = disclosure.permits(block, family_violence=True)
    if not whole.allowed:
        return [_problem(whole.why, block, occurrence, "")]
    return [
        _problem(disclosure.permits(block, family_violence=True, field=name).why, block, occurrence, name)
        for name in sorted(disclosure.withheld_fields(block, family_violence=True))
        if getattr(entry, name, None) is not None
    ]


def _problem(why: Why, block: str, occurrence: int, field: str) -> Problem:
    return Problem(
        code=f"policy.{why.rule}",
        severity=Severity.ERROR,
        message=why.text,
        block=block,
        occurrence=occurrence,
        field=field,
        citation=why.citation,
    )
