"""Fill the blocks of one transaction from the facts of a case, as the list of elements for its code says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import date
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from csenet.codecs import blocks
from csenet.codecs.blocks import Header, Information
from csenet.codecs.codes import Element, FarCode, elements
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.jsonform import value_of
from csenet.codecs.model import BLOCKS
from csenet.handlers.context import CaseRecord
from csenet.handlers.disclosing import problem, risk_of
from csenet.handlers.facts import BLOCKS as FACT_BLOCKS
from csenet.handlers.facts import MOST_OF_A_BLOCK
from csenet.handlers.policy.disclosure_review import BlockReview, Review, Risk, review

STRUCTS: Mapping[str, type[Any]] = {
    "header": blocks.Header,
    "case": blocks.Case,
    "ncp_identification": blocks.NcpIdentification,
    "ncp_locate": blocks.NcpLocate,
    "participants": blocks.Participant,
    "orders": blocks.Order,
    "collections": blocks.Collection,
    "information": blocks.Information,
}
_REQUIRED = "required"
_REMEMBERED = 4096
_CITATION = "CSENet required elements of the transaction"
_LATER = frozenset({"transaction_serial_number"})
_LINE, _STATUS = "information_text_line_1", "participant_status"
_OPEN, _ENDED = "O", "C"
_NOTHING_HIDDEN: Mapping[str, Problem] = MappingProxyType({})


_EVERYTHING: Mapping[str, tuple[str, ...]] = {
    "CSI P FSINF": FACT_BLOCKS,
    "LO1 P LSOTH": ("ncp_locate",),
    "COL P CITAX": ("collections",),
}
"""Blocks of which a code tells all that is known: its use is to tell whatever there is."""

_EDITED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "PAT R BLANK": {
        "case": ("payment_mail_address_line_1", "payment_city", "payment_state", "payment_zip_1"),
    },
}
"""Fields that the federal edits ask for and the printed list of the code leaves out.

Of the two addresses that will do, the agency's own for payments tells nothing of the custodial party.
"""


class ComposeError(ValueError):
    """Say what a transaction lacks: every missing element, none of any value."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems and show their codes."""
        self.problems = tuple(problems)
        super().__init__(", ".join(problem.code for problem in self.problems))


class Wanted(msgspec.Struct, frozen=True):
    """Hold what a code wants of one block: its level, and its fields.

    `needed` names the fields that it cannot go without; `given` holds the values that the list itself sets,
    for the header none.
    """

    level: str = ""
    fields: tuple[Element, ...] = ()
    names: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    given: Mapping[str, Any] = MappingProxyType({})
    values: Callable[[Any], Sequence[Any]] = lambda _block: ()
    """Takes the values of `names` out of a block."""

    @property
    def required(self) -> bool:
        """Tell whether the transaction cannot go without the block."""
        return self.level == _REQUIRED

    def fixed(self) -> dict[str, Any]:
        """Give the values that the list itself sets."""
        return dict(self.given)


def _wanted(level: str, fields: Sequence[Element]) -> Wanted:
    return Wanted(
        level=level,
        fields=tuple(fields),
        names=tuple(each.field for each in fields),
        needed=tuple(each.field for each in fields if each.level == _REQUIRED),
        values=_taking([each.field for each in fields]),
        given=MappingProxyType(
            {
                each.field: value_of(each.block, each.field, each.fixed)
                for each in fields
                if each.fixed is not None and each.block in BLOCKS
            }
        ),
    )


def _taking(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda block: [getattr(block, name) for name in names]


@lru_cache(maxsize=_REMEMBERED)
def wanted_by(code: FarCode) -> Mapping[str, Wanted]:
    """Sort the elements of a code by block. A block that has fields but no row of its own is optional."""
    return by_block(elements(code), _EVERYTHING.get(str(code), ()), _EDITED.get(str(code), {}))


def by_block(
    listed: Iterable[Element],
    whole: Iterable[str] = (),
    more: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Mapping[str, Wanted]:
    """Sort listed elements by block, with all fields of the blocks of `whole` and the fields of `more`."""
    levels: dict[str, str] = {}
    fields: dict[str, list[Element]] = {}
    for element in listed:
        if element.field:
            fields.setdefault(element.block, []).append(element)
        else:
            levels[element.block] = element.level
    for name, added in (*((name, _names(name)) for name in whole), *more.items()):
        printed = fields.setdefault(name, [])
        known = {each.field for each in printed}
        printed += [Element(name, each, "recommended") for each in added if each not in known]
    return MappingProxyType(
        {
            name: _wanted(levels.get(name, "recommended"), fields.get(name, ()))
            for name in levels.keys() | fields.keys()
        }
    )


def _insisted(wanted: Mapping[str, Wanted], insist: Set[str]) -> Mapping[str, Wanted]:
    if not insist:
        return wanted
    return {
        name: msgspec.structs.replace(want, level=_REQUIRED) if name in insist else want
        for name, want in wanted.items()
    }


def _names(block: str) -> tuple[str, ...]:
    return tuple(STRUCTS[block].__struct_fields__)


def lack(code: str, message: str, block: str, field: str = "", occurrence: int = 1) -> Problem:
    """Describe something missing or out of place; `field` is the Python name, shown as the federal one."""
    known = blocks.struct_fields(STRUCTS[block].__name__) if block in STRUCTS else {}
    return Problem(
        code=code,
        severity=Severity.ERROR,
        message=message,
        block=block,
        occurrence=occurrence,
        field=known[field].federal if field in known else field,
        citation=_CITATION,
    )


class Weighed(NamedTuple):
    """Hold what a code may tell of a case, and the same by block and occurrence."""

    said: Review
    places: Mapping[tuple[str, int], BlockReview]


def reviewed(code: FarCode, record: CaseRecord, today: date) -> Review:
    """Say what `code` may tell of a case, before it is filled, in blocks that have facts or must be there."""
    return _weighed(code, record, risk_of(record.facts), today).said


def _weighed(code: FarCode, record: CaseRecord, risk: Risk, today: date) -> Weighed:
    counts = [(name, _count(record, name, want.required)) for name, want in wanted_by(code).items()]
    return _reviewed(code, tuple(counts), risk, today)


@lru_cache(maxsize=_REMEMBERED)
def _reviewed(code: FarCode, counts: tuple[tuple[str, int], ...], risk: Risk, today: date) -> Weighed:
    """Weigh once what many cases have alike: the code, how many of each block, and who is at risk."""
    blocks = dict(counts)
    said = review(str(code), blocks, risk, today, listed=blocks)
    return Weighed(said, {(each.block, each.occurrence): each for each in said.blocks})


def _count(record: CaseRecord, name: str, required: bool) -> int:
    held = _held(record, name)
    count = min(len(held), MOST_OF_A_BLOCK) if isinstance(held, tuple) else int(held is not None)
    return count or int(required)


def _held(record: CaseRecord, name: str) -> Any:
    """Give what is known for a block; collections are no facts of a case, but an event may bring some."""
    return record.collections if name == "collections" else getattr(record.facts, name, None)


class Filling:
    """Fill the blocks of one transaction and remember what is missing on the way.

    `missing` stops the transaction. `left_out` tells why a block that is only recommended was left out, and
    is worth showing when the federal edits want that block after all. Blocks of `insist` count as required:
    without them the transaction would not say what it is sent for.
    """

    def __init__(
        self, code: FarCode, record: CaseRecord, today: date, insist: Set[str] = frozenset()
    ) -> None:
        self.code, self.record = code, record
        self.wanted = _insisted(wanted_by(code), insist)
        self.missing: list[Problem] = []
        self.left_out: list[Problem] = []
        self._risk = risk_of(record.facts)
        weighed = _weighed(code, record, self._risk, today)
        self.said, self._places = weighed.said, weighed.places
        self._withheld = False

    def header(self, header: Header) -> Header:
        """Report required header fields that are blank; the serial number comes later."""
        for field in self._want("header").needed:
            if getattr(header, field, "") is None and field not in _LATER:
                self.missing.append(self._lacks("header", field))
        return header

    def is_optional(self, name: str) -> bool:
        """Tell whether the transaction can go without a block it lists."""
        return name in self.wanted and not self.wanted[name].required

    def single(self, name: str) -> Any:
        """Fill a block that occurs once, or leave it out."""
        rows = self._fill(name, [getattr(self.record.facts, name) or STRUCTS[name]()])
        return rows[0] if rows else None

    def repeated(self, name: str) -> tuple[Any, ...]:
        """Fill a block that may occur several times, or leave it out."""
        sources = (_held(self.record, name) or ())[:MOST_OF_A_BLOCK]
        if not sources and self._want(name).required:
            self.missing.append(self._lacks(name))
        return tuple(self._fill(name, sources))

    def information(self, given: Information | None) -> Information | None:
        """Take the text given for the information block; refuse text that has no place in this code.

        Call it last: where something was withheld before and the text is free, it says so.
        """
        want = self._want("information")
        names = set(want.names)
        said = _told(given) if given is not None else {}
        if self._withheld and self.said.line and _LINE in names:
            said.setdefault(_LINE, self.said.line)
        for field in sorted(said.keys() - names):
            text = f"{self.code} has no place for this field"
            self.missing.append(lack(f"information.{field}.unused", text, "information", field))
        if not said and not want.required:
            return None
        values = said | want.fixed()
        self.missing += self._required("information", 1, want, values)
        return Information(**{field: value for field, value in values.items() if field in names})

    def _want(self, name: str) -> Wanted:
        return self.wanted.get(name, Wanted())

    def _fill(self, name: str, sources: Iterable[Any]) -> list[Any]:
        want, filled = self.wanted.get(name), list[Any]()
        if want is None:
            return filled
        for number, source in enumerate(sources, start=1):
            if _is_over(name, source, want):
                continue
            weighed = self._places.get((name, number))
            if weighed is not None and not weighed.allowed:
                self._keep_back(weighed, want, source)
                continue
            told, hidden = self._told_of(source, want, weighed)
            values = {**told, **self._of_the_case(name, want), **want.given}
            lacks = self._required(name, number, want, values, hidden)
            (self.missing if want.required else self.left_out).extend(lacks)
            if not lacks and (want.required or any(value is not None for value in told.values())):
                filled.append(STRUCTS[name](**values))
        return filled

    def _keep_back(self, weighed: BlockReview, want: Wanted, source: Any) -> None:
        """Leave out a block that may not be told; one that the transaction cannot go without stops it."""
        self._withheld = self._withheld or bool(_told(source))
        found = problem(weighed.why, weighed.block, weighed.occurrence)
        (self.missing if want.required else self.left_out).append(found)

    def _told_of(
        self, source: Any, want: Wanted, weighed: BlockReview | None
    ) -> tuple[dict[str, Any], Mapping[str, Problem]]:
        """Give what a block may tell, and for each field that it may not the reason."""
        values = dict(zip(want.names, want.values(source), strict=True))
        if weighed is None or not weighed.blank:
            return values, _NOTHING_HIDDEN
        kept = {name for name in weighed.blank & values.keys() if values[name] is not None}
        self._withheld = self._withheld or bool(kept)
        hidden = {name: problem(weighed.why, weighed.block, weighed.occurrence, name) for name in kept}
        return {name: value for name, value in values.items() if name not in weighed.blank}, hidden

    def _of_the_case(self, name: str, want: Wanted) -> dict[str, str]:
        """Give what the gateway knows for the Case block: the status, and that places are confidential."""
        if name != "case":
            return {}
        known = {"case_status": "C" if self.record.state.status == "closed" else "O"}
        known = {field: value for field, value in known.items() if field in want.names}
        return known | ({"nondisclosure_finding": "Y"} if self._risk.anybody else {})

    def _required(
        self,
        name: str,
        number: int,
        want: Wanted,
        values: Mapping[str, Any],
        hidden: Mapping[str, Problem] = _NOTHING_HIDDEN,
    ) -> list[Problem]:
        return [
            hidden.get(field) or self._lacks(name, field, number)
            for field in want.needed
            if values.get(field) is None
        ]

    def _lacks(self, block: str, field: str = "", occurrence: int = 1) -> Problem:
        what = f"{block}.{field}" if field else block
        text = f"{self.code} requires this, and the facts of the case do not have it"
        return lack(f"{what}.required", text, block, field, occurrence)


def _is_over(name: str, source: Any, want: Wanted) -> bool:
    """Tell whether a participant's part is over where the transaction is about open ones only."""
    wanted = want.given.get(_STATUS) if name == "participants" else None
    return wanted == _OPEN and getattr(source, _STATUS) == _ENDED


def _told(struct: Any) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(struct).items() if value is not None}
