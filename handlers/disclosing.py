"""Put what is known of a case before the disclosure rules: who is at risk, and what a transaction carries.

Transactions built from facts are weighed before they are filled (`filling`); one that the case side wrote is
weighed as it is, and what it may not tell is named. Only a release lifts that, for one written transaction as
it is: one person asked for it, and another one approved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from csenet.codecs.blocks import Case, Participant
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.model import BLOCKS
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import Context
from csenet.handlers.facts import PARENT, CaseFacts, participant_names
from csenet.handlers.policy.agreements import Permission
from csenet.handlers.policy.disclosure_review import (
    BlockReview,
    Release,
    Review,
    Risk,
    may_hold_tax_information,
    review,
    tax_review,
    weigh,
)
from csenet.handlers.policy.rules import Why

_FOUND = "Y"
_WHO = ("name_last", "name_first", "name_middle", "name_suffix", "date_of_birth", "ssn")
_NAME = frozenset(("name_last", "name_first"))


def risk_of(facts: CaseFacts) -> Risk:
    """Say who is at risk as the case system tells it; a nondisclosure finding counts as family violence."""
    count, protected = len(facts.participants), facts.protected
    return Risk(
        case=facts.family_violence,
        nondisclosure_finding=_is_found(facts.case),
        parent=PARENT in protected,
        participants=tuple([name in protected for name in participant_names(count)])
        if protected
        else (False,) * count,
    )


def _is_found(case: Case | None) -> bool:
    return case is not None and case.nondisclosure_finding == _FOUND


def replaced(said: Review, far: str) -> Why | None:
    """Give the reason why another answer must go instead of `far`; None where `far` itself may go."""
    return said.reasons[0] if said.send != far else None


def objections(
    tx: Transaction, facts: CaseFacts | None, day: date, release: Release | None = None
) -> list[Problem]:
    """Name all that a transaction that was written tells and may not tell.

    A release lifts that where it names each place; what came to be withheld after somebody asked for it holds
    the whole transaction.
    """
    blocks, far, risk = _blocks(tx), str(tx.far), _risk(tx, facts)
    carried = {name: len(entries) for name, entries in blocks.items()}
    if release is not None and not withheld_places(tx, facts) <= release.places:
        release = None
    said = review(far, carried, risk, day, release=release)
    why = replaced(said, far)
    if why is not None:
        return [problem(why, "header", text=f"{why.text} Send {said.send} instead.")]
    return _against(said.blocks, blocks)


def withheld_places(tx: Transaction, facts: CaseFacts | None) -> frozenset[str]:
    """Name the blocks and fields that a transaction tells and may not, such as ``ncp_locate[0]``."""
    blocks = _blocks(tx)
    weighed = weigh({name: len(entries) for name, entries in blocks.items()}, _risk(tx, facts))
    return frozenset(_place(each) for each in _against(weighed, blocks))


def _place(said: Problem) -> str:
    place = f"{said.block}[{said.occurrence - 1}]"
    return f"{place}.{said.field}" if said.field else place


def _against(
    weighed: Sequence[BlockReview], blocks: Mapping[str, Sequence[Mapping[str, object]]]
) -> list[Problem]:
    found = []
    for each in weighed:
        found += _of_block(each, blocks[each.block][each.occurrence - 1])
    return found


def _risk(tx: Transaction, facts: CaseFacts | None) -> Risk:
    known = risk_of(facts) if facts is not None else Risk()
    return msgspec.structs.replace(
        known,
        nondisclosure_finding=known.nondisclosure_finding or _is_found(tx.case),
        participants=tuple(_at_risk(person, facts) for person in tx.participants),
    )


def _at_risk(person: Participant, facts: CaseFacts | None) -> bool:
    """Tell whether a participant of a written transaction is protected.

    With anybody protected, everybody is who is not recognised as somebody else of the facts: a name spelt in
    another way must not lift the protection.
    """
    if facts is None:
        return False
    marked = risk_of(facts).participants
    if not any(marked):
        return False
    alike = [
        at_risk for other, at_risk in zip(facts.participants, marked, strict=True) if _same(person, other)
    ]
    return any(alike) or not alike


def _same(one: Participant, other: Participant) -> bool:
    """Tell whether two entries can be of one person: both have the name, and nothing differs."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in _WHO}
    both = {name for name, pair in pairs.items() if None not in pair}
    return both >= _NAME and all(len({str(each).casefold() for each in pairs[name]}) == 1 for name in both)


def _of_block(said: BlockReview, entry: Mapping[str, object]) -> list[Problem]:
    if not said.allowed:
        return [problem(said.why, said.block, said.occurrence)]
    filled = sorted(name for name in said.blank if entry.get(name) is not None)
    return [problem(said.why, said.block, said.occurrence, name) for name in filled]


def problem(why: Why, block: str, occurrence: int = 1, field: str = "", *, text: str = "") -> Problem:
    """Say as a problem of a place in a transaction what a rule has against it."""
    return Problem(
        code=f"policy.{why.rule}",
        severity=Severity.ERROR,
        message=text or why.text,
        block=block,
        occurrence=occurrence,
        field=field,
        citation=why.citation,
    )


def tax_permission(tx: Transaction, context: Context) -> Permission:
    """Ask whether a transaction of ours may go as far as federal tax information is concerned."""
    partner = tx.header.other_fips_state or ""
    far = str(tx.far)
    # Without a mark that could be set, there is no need to look into the blocks.
    blocks = coded(tx) if may_hold_tax_information(far) else {}
    return tax_review(far, blocks, partner, context.today, context.agreements)


def coded(tx: Transaction | None) -> dict[str, list[dict[str, str | None]]]:
    """Give the coded values of each block; of what cannot be read, every block with nothing known of it."""
    if tx is None:
        return {name: [{}] for name in BLOCKS}
    return {
        name: [{key: value for key, value in entry.items() if isinstance(value, str)} for entry in entries]
        for name, entries in _blocks(tx).items()
    }


def _blocks(tx: Transaction) -> dict[str, Sequence[dict[str, object]]]:
    """Give the blocks a transaction carries, each as a list of its entries."""
    found: dict[str, Sequence[dict[str, object]]] = {}
    for name in BLOCKS:
        value = getattr(tx, name)
        entries = value if isinstance(value, tuple) else () if value is None else (value,)
        if entries:
            found[name] = [msgspec.structs.asdict(entry) for entry in entries]
    return found
