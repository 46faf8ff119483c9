"""Read a file of stories and the cast they are played by.

A story is a TOML table: what comes or happens on a day about which case, and all that must follow. A
caseworker can read it; what it does not mention must not happen.
"""

from __future__ import annotations

import json
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from csenet.codecs import jsonform
from csenet.codecs.blocks import Header
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import CodecError
from csenet.codecs.transaction import Transaction
from csenet.gateway.errors import GatewayError
from csenet.handlers.context import (
    CaseRecord,
    CaseState,
    Context,
    EarlierRequest,
    FactsError,
    SentTransaction,
    WorkView,
    facts_from_json,
    initial_state,
)
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.working_days import Calendar


class StoryError(GatewayError):
    """Report a file of stories that cannot be played, with the place in it."""


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what must follow: replies, work, settled work, changes of the case, notes, or refusals."""

    out: tuple[str, ...] = ()
    says: dict[str, Any] = {}
    omits: tuple[str, ...] = ()
    opens: tuple[dict[str, Any], ...] = ()
    details: dict[str, str] = {}
    closes: tuple[int, ...] = ()
    changes: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class Done(Expected, frozen=True, kw_only=True):
    """Hold the day on which an `item` of the work the story opened is done, how it ends, and what follows.

    With the outcome `time` nobody did anything until that day, and the time for it has run. `said_on` is the
    day on which it is said, where that is another one.
    `put_to_case` says that the case of the cast was opened for it meanwhile or found, with its own `facts`.
    `others` are the days on which the other work it opened was done, false for what still waits.
    """

    on: date
    item: int = 1
    outcome: str = "done"
    put_to_case: bool = False
    text: str = ""
    others: tuple[date | bool, ...] = ()
    said_on: date | None = None
    role: str = "responding"
    facts: dict[str, Any] = {}


class Story(Expected, frozen=True, kw_only=True):
    """Hold one story.

    It begins `on` a day in one of these ways: `comes` is a code that arrives, `event` what is told of a case
    of ours, `asks` a code that our side wants sent, `writes` one that it wrote whole, `yearly` the notice of
    interest a year after the `last` one. `header` and `blocks` are what is special in what is written,
    `blocks_of` a golden transaction whose blocks it has. Without a `role` no case of ours is meant; `facts`
    and `state` say what is special about the case, and an empty text leaves a value out. Of an event,
    `learns` names the facts that change, `kept_back` what of the transactions does not leave. `why` names
    the authorities, parted by semicolons.
    """

    tells: str
    why: str
    on: date
    comes: str = ""
    event: dict[str, Any] = {}
    asks: str = ""
    writes: str = ""
    yearly: bool = False
    last: date | None = None
    role: str = ""
    header: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    blocks_of: str = ""
    facts: dict[str, Any] = {}
    state: dict[str, Any] = {}
    switches: dict[str, bool] = {}
    agreements: str = ""
    open_work: tuple[dict[str, Any], ...] = ()
    sent: dict[str, Any] = {}
    sent_before: tuple[dict[str, Any], ...] = ()
    learns: tuple[str, ...] = ()
    kept_back: tuple[dict[str, Any], ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    earlier: dict[str, Any] = {}
    done: Done | None = None

    def __post_init__(self) -> None:
        """Refuse a story with no beginning, or with several."""
        ways = (self.comes, self.event, self.asks, self.writes, self.yearly)
        if sum(map(bool, ways)) != 1:
            raise ValueError(f"{self.tells!r} begins with one of comes, event, asks, writes and yearly")

    @property
    def begins(self) -> str:
        """Say in words what it begins with."""
        if self.event:
            return f"{self.event.get('kind', 'an event')} is told"
        if self.yearly:
            return "the yearly notice of interest is due"
        wished = f"our side asks to send {self.asks}" if self.asks else f"our side writes {self.writes}"
        return f"{self.comes} comes" if self.comes else wished


class Cast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold who plays: our code and case ID, the header of what arrives, the facts of the case."""

    jurisdiction: str
    case_id: str
    transactions: str
    header: dict[str, str]
    facts: dict[str, Any]
    folder: Path = Path()

    def arriving(self, story: Story) -> Transaction:
        """Make the transaction a story begins with."""
        code = FarCode.parse(story.comes or story.writes)
        header: dict[str, Any] = {
            **self.header,
            "action_code": code.action,
            "functional_type_code": code.function,
            "action_reason": code.reason or None,
            "transaction_date": story.on - timedelta(days=1) if story.comes else story.on,
            **{name: value or None for name, value in story.header.items()},
        }
        blocks: dict[str, Any] = {}
        if story.blocks_of:
            path = self.folder / self.transactions / f"{story.blocks_of}.json"
            golden = json.loads(path.read_text("utf-8"))
            blocks = {name: block for name, block in golden.items() if name != "header"}
        return jsonform.load(
            {"header": jsonform.dump_block(Header(**header)), **blocks, **plain(story.blocks)}
        )

    def surroundings(self, story: Story) -> Context:
        """Make the case and what is known around it."""
        record = self.record(story.role, story.facts, story.state) if story.role else None
        held = [
            WorkView(id=number, case_id=self.case_id, **msgspec.convert(work, dict[str, Any]))
            for number, work in enumerate(story.open_work, 1)
        ]
        state = self.jurisdiction[:2]
        return Context(
            jurisdiction=self.jurisdiction,
            profile=load_profile(state).with_switches(story.switches),
            agreements=load_agreements(self.folder / story.agreements if story.agreements else None),
            calendar=Calendar(state),
            record=record,
            today=story.on,
            received_on=story.on,
            sent=self._sent(story.sent) if story.sent else None,
            sent_before=tuple(map(self._sent, story.sent_before)),
            candidates=tuple(self._candidate(each) for each in story.candidates),
            earlier=EarlierRequest(**story.earlier) if story.earlier else None,
            open_work=tuple(held),
        )

    def record(
        self, role: str, facts: dict[str, Any], state: dict[str, Any], case_id: str = ""
    ) -> CaseRecord:
        """Make the case of the cast with what is special about it."""
        whole = {"role": role} | self.facts | plain(facts)
        given = {name: value for name, value in whole.items() if value not in ("", None)}
        try:
            read = facts_from_json(case_id or self.case_id, given)
        except FactsError as wrong:
            told = "; ".join(f"{path} {problem}" for path, problem in wrong.problems)
            raise StoryError(f"the facts of a story: {told}") from None
        values = msgspec.to_builtins(initial_state(read)) | plain(state)
        return CaseRecord(facts=read, state=msgspec.convert(values, CaseState))

    def _candidate(self, each: dict[str, Any]) -> CaseRecord:
        role, case_id = each.get("role", "responding"), each.get("case_id", "")
        return self.record(role, each.get("facts", {}), each.get("state", {}), case_id)

    def _sent(self, told: dict[str, Any]) -> SentTransaction:
        values = {"case_id": self.case_id, "partner": self.header["other_fips_state"], "status": "delivered"}
        given = values | told
        return SentTransaction(**{**given, "far": FarCode.parse(given["far"])})


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Write TOML's dates the way JSON does."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(values))
    return written


def read_stories(path: Path) -> tuple[Cast, tuple[Story, ...]]:
    """Read one file; raise `StoryError` naming what in it cannot be used."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        cast_path = path.parent / raw["cast"]
        cast = msgspec.convert(tomllib.loads(cast_path.read_text("utf-8")), Cast)
        stories = msgspec.convert(raw["story"], tuple[Story, ...])
    except KeyError as missing:
        raise StoryError(f"{path}: has no {missing}") from None
    except (OSError, ValueError, CodecError) as wrong:
        raise StoryError(f"{path}: {wrong}") from None
    return msgspec.structs.replace(cast, folder=cast_path.parent), stories
