"""Weigh what a transaction may tell, person by person, before it leaves.

`review` decides on family violence: which blocks and fields stay, which answer goes instead, which line is
added. What it withholds leaves only when two different persons release it and say why. `tax_review` marks
federal tax information and asks the agreement with the partner. Nothing here drops a transaction: each
refusal names what goes instead, or the work that takes its place.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from functools import cache, lru_cache

import msgspec

from csenet.handlers.policy.agreements import Agreements, Permission, alternative_of
from csenet.handlers.policy.disclosure import Replacement, TaxRow, Withheld, row_of, table
from csenet.handlers.policy.rules import Stated, Why, value_on

_REMEMBERED = 4096
_OF_A_PERSON = "participants"
_OF_THE_PARENT = ("ncp_identification", "ncp_locate")


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """Say where family violence or a nondisclosure finding is on record.

    `case` is the record of the case as a whole, `nondisclosure_finding` that of its Case block. `parent` is
    the indicator of the noncustodial parent, `participants` those of the participants in their order; `None`
    means that nobody said. With a record of the whole case, everybody is protected.
    """

    case: bool = False
    nondisclosure_finding: bool = False
    parent: bool | None = None
    participants: tuple[bool | None, ...] = ()

    @property
    def everybody(self) -> bool:
        """Tell whether the whole case is confidential."""
        return self.case or self.nondisclosure_finding

    @property
    def anybody(self) -> bool:
        """Tell whether anybody of the case is protected."""
        return self.everybody or bool(self.parent) or any(self.participants)


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the release of what is withheld: who asked, who approved, and for what reason.

    `places` names what was withheld when it was asked for, such as `ncp_locate[0]`; nothing else is released.
    """

    asked_by: str
    approved_by: str
    reason: str
    places: frozenset[str] = frozenset()

    def problems(self) -> tuple[str, ...]:
        """List why the release does not count: it takes two different persons and a reason."""
        found = []
        names = [" ".join(name.split()).casefold() for name in (self.asked_by, self.approved_by)]
        if not all(names):
            found.append("both the person who asks and the one who approves must be named")
        elif len(set(names)) == 1:
            found.append("the person who approves must be another than the one who asks")
        if not self.reason.strip():
            found.append("the reason must be given")
        return tuple(found)


class BlockReview(msgspec.Struct, frozen=True, kw_only=True):
    """Say what of one block leaves: nothing (not `allowed`), or all but `blank`; `occurrence` is from 1."""

    block: str
    occurrence: int
    allowed: bool
    blank: frozenset[str] = frozenset()
    why: Why


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a transaction may tell.

    `send` is the code that goes: the one asked for, or the answer that stands in for it. `line` is the text
    to add to the information block, "" where none is added. With another answer none of the blocks goes that
    were asked about, so `blocks` is empty. `refused` says why a release did not count.
    """

    send: str
    blocks: tuple[BlockReview, ...]
    line: str = ""
    released: bool = False
    refused: tuple[str, ...] = ()
    reasons: tuple[Why, ...] = ()


def review(
    far: str,
    blocks: Mapping[str, int],
    risk: Risk,
    day: date,
    *,
    listed: Collection[str] = (),
    release: Release | None = None,
) -> Review:
    """Decide what `far` may tell: `blocks` counts what it would carry, `listed` names what it may have.

    Raise `disclosure.UnknownBlockError` for a block that no transaction has.
    """
    weighed = weigh(blocks, risk)
    stays = any(not each.allowed or each.blank for each in weighed)
    refused = release.problems() if release is not None else ()
    if release is not None and not refused and stays:
        why = value_on("disclosure_override_by_two", day).why
        free = tuple(_freed(each, why) for each in weighed)
        return Review(send=far, blocks=free, released=True, reasons=(why,))
    reasons = tuple(dict.fromkeys(each.why for each in weighed if not each.allowed or each.blank))
    if risk.nondisclosure_finding:
        reasons = (value_on("nondisclosure_finding_protects_all", day).why, *reasons)
    instead = _replacement(far) if stays else None
    send = instead.send or far if instead is not None else far
    line = table().line
    says = stays and "information" in listed and send == far
    if instead is not None:
        reasons = (_replaced(instead, send), *reasons)
    return Review(
        send=send,
        blocks=weighed if send == far else (),
        line=line.text if line is not None and says else "",
        refused=refused,
        reasons=reasons,
    )


def weigh(blocks: Mapping[str, int], risk: Risk) -> tuple[BlockReview, ...]:
    """Say of each block what may leave, whatever answer goes in the end; raise as `review` does."""
    return tuple(
        _weigh_one(block, row_of(block), number, risk)
        for block, count in blocks.items()
        for number in range(count)
    )


def _weigh_one(block: str, row: Withheld | None, number: int, risk: Risk) -> BlockReview:
    own = _own_indicator(block, number, risk)
    if not (risk.everybody or own):
        text = "Nobody whom this block is about is protected."
        why = Why(rule="family_violence_disclosure", text=text, citation="45 CFR 303.21(e)", value="no")
        return BlockReview(block=block, occurrence=number + 1, allowed=True, why=why)
    blank = frozenset(row.fields) if row is not None else frozenset()
    more = next((each for each in table().protect if each.block == block), None) if own else None
    if more is not None:
        blank |= frozenset(more.fields)
    if row is not None:
        return BlockReview(
            block=block, occurrence=number + 1, allowed=bool(row.fields), blank=blank, why=row.why("yes")
        )
    why = Why(
        rule="family_violence_disclosure",
        text=f"Nothing in {block} tells where somebody lives or works.",
        citation="45 CFR 303.21(e)",
        value="yes",
    )
    return BlockReview(block=block, occurrence=number + 1, allowed=True, blank=blank, why=why)


def _own_indicator(block: str, number: int, risk: Risk) -> bool:
    if block in _OF_THE_PARENT:
        return bool(risk.parent)
    if block == _OF_A_PERSON and number < len(risk.participants):
        return bool(risk.participants[number])
    return False


def _freed(each: BlockReview, why: Why) -> BlockReview:
    return msgspec.structs.replace(each, allowed=True, blank=frozenset(), why=why)


def _replacement(far: str) -> Replacement | None:
    return next((row for row in table().replace if fnmatchcase(far, row.far)), None)


def _replaced(row: Replacement, send: str) -> Why:
    return Why(rule="disclosure_replacement", text=row.text, citation=row.citation, value=send, ours=row.ours)


def tax_review(
    far: str,
    blocks: Mapping[str, Sequence[Mapping[str, str | None]]],
    partner: str,
    day: date,
    agreements: Agreements,
) -> Permission:
    """Say whether a transaction may go as far as federal tax information is concerned.

    `blocks` gives, for each block it carries, the coded values of its fields. A transaction without a marked
    block may go; with one, only to a partner (two-digit FIPS code) whose agreement allows it. The marks stand
    in `also`.
    """
    marks = tuple(_marks(far, blocks)) if blocks else ()
    if not marks:
        return _unmarked(day)
    rule = value_on("tax_information_needs_agreement", day).why
    said = agreements.may_carry_tax_information(partner, far.partition(" ")[0], day)
    if isinstance(said, Stated) and said.value:
        return Permission(True, said.why, (rule, *marks))
    return Permission(False, said.why, (rule, *marks), alternative_of(None))


@lru_cache(maxsize=_REMEMBERED)
def _unmarked(day: date) -> Permission:
    text = "No block of this transaction is marked for federal tax information."
    rule = value_on("tax_information_needs_agreement", day).why
    return Permission(True, msgspec.structs.replace(rule, text=text, value="no"))


@cache
def tax_codes() -> tuple[str, ...]:
    """List the codes any block of which can be marked."""
    return tuple(dict.fromkeys(row.far for row in table().tax_information))


def may_hold_tax_information(far: str) -> bool:
    """Tell whether any block of `far` can be marked, so that only such transactions need be looked into."""
    return far in tax_codes()


def marked_blocks(far: str, blocks: Mapping[str, Sequence[Mapping[str, str | None]]]) -> tuple[str, ...]:
    """Name the blocks of a transaction that hold federal tax information; blocks as for `tax_review`."""
    return tuple(dict.fromkeys(why.value for why in _marks(far, blocks)))


def _marks(far: str, blocks: Mapping[str, Sequence[Mapping[str, str | None]]]) -> Iterator[Why]:
    for row in table().tax_information:
        if row.far == far and any(_can_hold(row, values) for values in blocks.get(row.block, ())):
            yield Why(
                rule="tax_information", text=row.text, citation=row.citation, value=row.block, ours=row.ours
            )


def _can_hold(row: TaxRow, values: Mapping[str, str | None]) -> bool:
    return all((values.get(name) or wanted) == wanted for name, wanted in row.when.items())
