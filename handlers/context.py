"""Hold what a handler may know: the case as the case system tells it, and what the gateway has learnt.

`CaseFacts` is a snapshot the case system pushes, `CaseState` is what transactions and completed work made
of the case since. Both are values; `apply` gives a new record and leaves the old one alone.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from csenet.codecs.blocks import Collection
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.decision import CaseChange
from csenet.handlers.facts import Balances, CaseFacts, FactsError, Role, facts_from_json, facts_to_json
from csenet.handlers.policy.agreements import Agreements
from csenet.handlers.policy.profile import Profile
from csenet.handlers.policy.rules import Why, value_on
from csenet.handlers.policy.working_days import Calendar

__all__ = [
    "AWAIT_BALANCES",
    "CLOSE_CASE",
    "PROVIDE_BALANCES",
    "STOP_WITHHOLDING",
    "Balances",
    "CaseFacts",
    "CaseRecord",
    "CaseState",
    "Context",
    "EarlierRequest",
    "FactsError",
    "Offset",
    "ReceivedBalances",
    "Role",
    "SentTransaction",
    "WorkView",
    "apply",
    "facts_from_json",
    "facts_to_json",
    "initial_state",
    "law",
]

CLOSE_CASE = "close_case"
STOP_WITHHOLDING = "stop_withholding"
AWAIT_BALANCES = "await_balances"
PROVIDE_BALANCES = "provide_balances"


class ReceivedBalances(msgspec.Struct, frozen=True, kw_only=True):
    """Hold balances the other state told us; `sender` (JSON: `from`) is its two-digit FIPS code."""

    as_of: date
    arrears: Decimal
    interest: Decimal
    sender: str = msgspec.field(name="from")


class Offset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hold one tax offset the other state paid out, or took back where the amount is negative.

    `amount` is left out where the money may come from a federal tax refund: it then stands in the transaction
    alone, where federal tax information is guarded.
    """

    serial: str
    federal_tax_information: bool
    source: str | None = None
    amount: Decimal | None = None
    taken_back: bool = False
    collected_on: date | None = None
    posted_on: date | None = None


class CaseState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what the gateway knows about a case beyond the last snapshot.

    `former_case_ids` are IDs of ours that the case had; `new_case_id` is one that was announced by a gateway
    that still waited for facts under it; `case_id_told_on` is when the other state was last told ours.
    """

    status: Literal["open", "closed"] = "open"
    closed_on: date | None = None
    withholding_active: bool | None = None
    may_issue_withholding: bool = False
    may_issue_withholding_since: date | None = None
    other_state_closed_on: date | None = None
    services_ended_on: date | None = None
    withholding_stop_requested_on: date | None = None
    received_balances: ReceivedBalances | None = None
    other_case_id: str | None = None
    former_other_case_id: str | None = None
    earlier_other_case_ids: tuple[str, ...] = ()
    new_case_id: str | None = None
    case_id_told_on: date | None = None
    former_case_ids: tuple[str, ...] = ()
    other_fips: str | None = None
    milestones: dict[str, date] = msgspec.field(default_factory=dict)
    offsets: tuple[Offset, ...] = ()
    closes_unless_answered_by: date | None = None


class CaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a case: the last snapshot and the state.

    `collections` holds money that an event tells of; it goes into one transaction and is never kept.
    """

    facts: CaseFacts
    state: CaseState
    collections: tuple[Collection, ...] = ()

    @property
    def case_id(self) -> str:
        """Give our case ID."""
        return self.facts.case_id

    @property
    def other_case_id(self) -> str | None:
        """Give the other state's case ID: the one it told us last, else the one of the facts."""
        return self.state.other_case_id or self.facts.other_case_id

    @property
    def other_fips(self) -> str:
        """Give the other state's FIPS code: the one it told us last, else the one of the facts."""
        return self.state.other_fips or self.facts.other_fips


class SentTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what we remember of a transaction we sent; `partner` is a two-digit FIPS code."""

    serial: str
    far: FarCode
    case_id: str
    partner: str
    transaction_date: date
    status: str


class EarlierRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Hold that a request of the same content came before, under another serial number.

    `work_open` tells whether the work on it still waits; `work_item` is its number where it has one.
    """

    serial: str
    work_open: bool
    work_item: int | None = None


class WorkView(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a work item as the store knows it."""

    id: int
    kind: str
    case_id: str | None = None
    group: str = ""
    status: str = "open"
    due: date | None = None
    completed_on: date | None = None
    duty: str | None = None
    details: dict[str, str] = msgspec.field(default_factory=dict)


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Hold everything around one decision.

    `jurisdiction` is our seven-character FIPS code; `record` is the case our case ID names, or `None` when
    we know no such case; `received_on` is the day the transaction reached us, `today` the day of the
    decision; `sent` is the transaction of ours that an incoming rejection names, `sent_before` what
    we sent on the case that bears on a new request. `candidates` are cases that might be meant,
    `matched_by` says why one of them is, `fits` are the IDs of several. `earlier` is the same request under
    another serial number. `request` is the transaction that opened the work which is being completed, `text`
    what the person who completed it wants to say.
    """

    jurisdiction: str
    profile: Profile
    agreements: Agreements
    calendar: Calendar
    today: date
    received_on: date
    record: CaseRecord | None = None
    sent: SentTransaction | None = None
    sent_before: tuple[SentTransaction, ...] = ()
    candidates: tuple[CaseRecord, ...] = ()
    matched_by: Why | None = None
    fits: tuple[str, ...] = ()
    earlier: EarlierRequest | None = None
    request: Transaction | None = None
    text: str = ""
    open_work: tuple[WorkView, ...] = ()

    @property
    def our_state(self) -> str:
        """Give our two-digit FIPS code."""
        return self.jurisdiction[:2]


def law(rule_id: str, context: Context) -> Why:
    """Give the reason a rule of the policy tables states on the day of the decision."""
    return value_on(rule_id, context.today).why


def apply(record: CaseRecord, change: CaseChange) -> CaseRecord:
    """Give the record with a change applied.

    Raises `msgspec.ValidationError` for a field that a case state does not have or a value of the wrong
    form, and `ValueError` for a change meant for another case.
    """
    if change.case_id != record.case_id:
        raise ValueError("the change belongs to another case")
    values = {**msgspec.to_builtins(record.state), **change.set}
    return CaseRecord(facts=record.facts, state=msgspec.convert(values, CaseState))


def initial_state(
    facts: CaseFacts, previous: CaseState | None = None, previous_fips: str | None = None
) -> CaseState:
    """Give the state after a new snapshot; `previous_fips` is the other state's code in the last one.

    What the snapshot says wins: the Case block's status and `withholding_active`. What it leaves open
    stays as it was.
    """
    state = previous or CaseState()
    said = facts.case.case_status if facts.case is not None else None
    if said == "C" and state.status == "open":
        state = msgspec.structs.replace(state, status="closed")
    elif said == "O":
        state = msgspec.structs.replace(state, status="open", closed_on=None)
    if facts.other_case_id not in (None, state.former_other_case_id):
        # The case system knows the new ID by now, or a newer one: from here on it says which.
        state = msgspec.structs.replace(state, other_case_id=None, former_other_case_id=None)
    if state.other_fips is not None and facts.other_fips != previous_fips:
        state = msgspec.structs.replace(state, other_fips=None)
    if facts.withholding_active is not None:
        state = msgspec.structs.replace(state, withholding_active=facts.withholding_active)
    return state
