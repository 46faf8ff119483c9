"""Fill the blocks of one transaction from the facts of a case, as the list of elements for its code says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from csenet.codecs import blocks
from csenet.codecs.blocks import Header, Information
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import Problem, Severity
from csenet.handlers.context import CaseRecord
from csenet.handlers.disclosing import problem, risk_of
from csenet.handlers.facts import MOST_OF_A_BLOCK
from csenet.handlers.policy.disclosure_review import BlockReview, Review, Risk, review
from csenet.handlers.wanted import REQUIRED, STRUCTS, Wanted, wanted_by

_EMPTY: Mapping[str, Any] = {name: struct() for name, struct in STRUCTS.items()}
_REMEMBERED = 4096
_READABLE = 100
BY_POLICY: Final = "policy."
_CITATION = "CSENet required elements of the transaction"
_LATER = frozenset({"transaction_serial_number"})
_LINE, _STATUS = "information_text_line_1", "participant_status"
_OPEN, _ENDED = "O", "C"
_NOTHING_HIDDEN: Mapping[str, Problem] = MappingProxyType({})


class ComposeError(ValueError):
    """Say what a transaction lacks: every missing element, none of any value."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems and show their codes."""
        self.problems = tuple(problems)
        super().__init__(", ".join(problem.code for problem in self.problems))


def _insisted(wanted: Mapping[str, Wanted], insist: Set[str]) -> Mapping[str, Wanted]:
    if not insist:
        return wanted
    return {
        name: msgspec.structs.replace(want, level=REQUIRED) if name in insist else want
        for name, want in wanted.items()
    }


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


def element_of(problem: Problem) -> str:
    """Name an element that is missing as a worker knows it: its block and its federal name."""
    return f"{problem.block} {problem.field}".strip().replace("_", " ")


def elements_of(problems: Iterable[Problem]) -> str:
    """Name what keeps a transaction from being built: the elements, and what policy says in its own words."""
    named = (each.message if each.code.startswith(BY_POLICY) else element_of(each) for each in problems)
    return ", ".join(dict.fromkeys(named))


def supplying(named: str) -> str:
    """Say in a title what has to be supplied; a long list stands in the work item alone."""
    return f"supply {named}" if len(named) <= _READABLE else "supply what is named as missing"


class Weighed(NamedTuple):
    """Hold what a code may tell of a case, and the same by block and occurrence."""

    said: Review
    places: Mapping[tuple[str, int], BlockReview]


def reviewed(code: FarCode, record: CaseRecord, today: date) -> Review:
    """Say what `code` may tell of a case, before it is filled, in blocks that have facts or must be there."""
    return _weighed(code, record, risk_of(record.facts), today).said


def _weighed(code: FarCode, record: CaseRecord, risk: Risk, today: date) -> Weighed:
    if not risk.anybody:
        return _all_told(code)
    counts = [(name, _count(record, name, want.required)) for name, want in wanted_by(code).items()]
    return _reviewed(code, tuple(counts), risk, today)


@lru_cache(maxsize=_REMEMBERED)
def _all_told(code: FarCode) -> Weighed:
    """Withhold nothing, as nobody of the case is at risk."""
    return Weighed(Review(send=str(code), blocks=()), {})


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
        block = Information(**{field: value for field, value in values.items() if field in names})
        self.missing += self._required("information", 1, want, block)
        return block

    def _want(self, name: str) -> Wanted:
        return self.wanted.get(name, Wanted())

    def _fill(self, name: str, sources: Iterable[Any]) -> list[Any]:
        want, filled = self.wanted.get(name), list[Any]()
        if want is None:
            return filled
        ours = {**self._of_the_case(name, want), **want.given}
        open_only = name == "participants" and want.given.get(_STATUS) == _OPEN
        for number, source in enumerate(sources, start=1):
            if open_only and getattr(source, _STATUS) == _ENDED:
                # Their part is over, and the transaction is about open ones only.
                continue
            weighed = self._places.get((name, number))
            if weighed is not None and not weighed.allowed:
                self._keep_back(weighed, want, source)
                continue
            told, hidden = want.copy(source), _NOTHING_HIDDEN
            if weighed is not None and weighed.blank:
                told, hidden = self._blanked(told, weighed)
            block = msgspec.structs.replace(told, **ours) if ours else told
            lacks = self._required(name, number, want, block, hidden)
            (self.missing if want.required else self.left_out).extend(lacks)
            if not lacks and (want.required or told != _EMPTY[name]):
                filled.append(block)
        return filled

    def _keep_back(self, weighed: BlockReview, want: Wanted, source: Any) -> None:
        """Leave out a block that may not be told; one that the transaction cannot go without stops it."""
        self._withheld = self._withheld or bool(_told(source))
        found = problem(weighed.why, weighed.block, weighed.occurrence)
        (self.missing if want.required else self.left_out).append(found)

    def _blanked(self, told: Any, weighed: BlockReview) -> tuple[Any, Mapping[str, Problem]]:
        """Blank the fields of a block that may not be told, and give for each the reason."""
        kept = [name for name in sorted(weighed.blank) if getattr(told, name, None) is not None]
        self._withheld = self._withheld or bool(kept)
        hidden = {name: problem(weighed.why, weighed.block, weighed.occurrence, name) for name in kept}
        return msgspec.structs.replace(told, **dict.fromkeys(kept)), hidden

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
        block: Any,
        hidden: Mapping[str, Problem] = _NOTHING_HIDDEN,
    ) -> list[Problem]:
        if None not in want.needs(block):
            return []
        lacking = [field for field in want.needed if getattr(block, field) is None]
        return [hidden.get(field) or self._lacks(name, field, number) for field in lacking]

    def _lacks(self, block: str, field: str = "", occurrence: int = 1) -> Problem:
        what = f"{block}.{field}" if field else block
        text = f"{self.code} requires this, and the facts of the case do not have it"
        return lack(f"{what}.required", text, block, field, occurrence)


def _told(struct: Any) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(struct).items() if value is not None}
