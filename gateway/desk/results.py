"""What the desk answers with: plain values that the API, the command line and the log can show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import msgspec

from csenet.codecs.errors import Problem
from csenet.gateway.errors import GatewayError, NotFound, Rejected
from csenet.gateway.store.ledger import LedgerReport
from csenet.handlers.decision import WorkItem
from csenet.handlers.facts import problem_path

__all__ = [
    "CaseView",
    "Conflict",
    "LedgerReport",
    "NotFound",
    "Page",
    "Receipt",
    "Rejected",
    "SettleCount",
    "SubmitResult",
    "TimelineEvent",
    "TransactionDetail",
    "TransactionFilter",
    "TransactionRejected",
    "TransactionView",
    "WorkChangeView",
    "WorkFilter",
    "WorkHistory",
    "WorkItemView",
]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Say that bytes are kept; given only after they are on disk.

    The same bytes again get the same receipt with ``duplicate`` set, whatever name they came under.
    ``next_window`` says when answers may leave: the start of the window that was open when they came, else of
    the next one; None where there are no hours.
    """

    receipt_id: str
    file_id: int
    name: str
    source: str
    kind: str
    sha256: str
    bytes: int
    received_at: datetime
    duplicate: bool = False
    next_window: datetime | None = None


class SettleCount(msgspec.Struct, kw_only=True):
    """Count what was settled: files, transactions by status, and what they caused."""

    files: int = 0
    malformed: int = 0
    duplicate: int = 0
    conflict: int = 0
    parked: int = 0
    decided: int = 0
    replies: int = 0
    work_items: int = 0

    @property
    def transactions(self) -> int:
        """Return how many transactions were settled."""
        return self.malformed + self.duplicate + self.conflict + self.parked + self.decided

    def add(self, other: SettleCount) -> None:
        """Add another count to this one."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class TransactionView(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a transaction without its content.

    ``id`` reads ``in-12`` or ``out-7``.  ``milliseconds`` runs from the intake of what caused an outbound
    transaction to its delivery.
    """

    id: str
    direction: str
    far: str | None
    serial: str | None
    from_fips: str | None
    to_fips: str | None
    case_id: str | None
    status: str
    correlation: str
    received_at: datetime
    settled_at: datetime | None = None
    milliseconds: float | None = None
    in_reply_to: str | None = None
    attempts: int = 0
    reason: str | None = None
    problems: list[dict[str, Any]] = msgspec.field(default_factory=list)


class CorrectionView(msgspec.Struct, frozen=True, kw_only=True):
    """Say who corrected a transaction of ours when, in which places, and why it had been refused."""

    at: datetime
    actor: str
    fields: list[str]
    reason: str | None = None
    refused_at: datetime | None = None


class TransactionDetail(TransactionView, frozen=True, kw_only=True):
    """Describe a transaction with its content and what was decided about it."""

    transaction: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None
    corrections: list[CorrectionView] = msgspec.field(default_factory=list)


class WorkItemView(msgspec.Struct, frozen=True, kw_only=True):
    """Describe something to do; ``change`` is the number of its newest change where changes are followed."""

    id: int
    kind: str
    title: str
    case_id: str | None
    group: str
    duty: str | None
    due: date | None
    status: str
    reasons: list[dict[str, Any]]
    details: dict[str, str]
    transaction: str | None
    outbound: str | None
    opened_at: datetime
    completed_on: date | None
    completed_at: datetime | None
    priority: int = 3
    worker: str | None = None
    office: str | None = None
    messages: int = 1
    outcome: str | None = None
    change: int | None = None


class WorkChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one thing that happened to a work item; ``text`` is what a person or a message said."""

    id: int
    at: datetime
    change: str
    actor: str
    transaction: str | None = None
    text: str | None = None


class WorkHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Show a work item with all that happened to it, oldest first."""

    item: WorkItemView
    changes: list[WorkChangeView]


class TimelineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one thing that happened on a case."""

    at: datetime
    event: str
    detail: dict[str, Any]
    transaction: str | None = None


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a case: what the case system said, what happened since, what is to do.

    ``warnings`` says in the answer to facts what the exchange would mind in them: they are kept, but a block
    with such a value may be left out of what leaves, or keep it from leaving.
    """

    case_id: str
    version: int
    updated_at: datetime
    facts: dict[str, Any]
    state: dict[str, Any]
    timeline: list[TimelineEvent] = msgspec.field(default_factory=list)
    work_items: list[WorkItemView] = msgspec.field(default_factory=list)
    created: bool = False
    warnings: list[Problem] = msgspec.field(default_factory=list)


class SubmitResult(msgspec.Struct, frozen=True, kw_only=True):
    """List what was queued; ``repeated`` when an idempotency key had been answered before.

    ``next_window`` says when it may leave: the start of the window that was open when it was queued, else of
    the next one, with the offset of the exchange's hours; None where there are no hours.
    """

    transactions: list[TransactionView]
    warnings: list[Problem] = msgspec.field(default_factory=list)
    repeated: bool = False
    next_window: datetime | None = None


class TransactionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Choose transactions; ``after`` is the ``next`` of an earlier page.

    ``offices`` leaves out the cases of all others; None means all.
    """

    direction: str | None = None
    status: str | None = None
    case_id: str | None = None
    far: str | None = None
    partner: str | None = None
    serial: str | None = None
    offices: frozenset[str] | None = None
    after: str | None = None
    limit: int = 100


class WorkFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Choose work items; ``after`` is the ``next`` of an earlier page, ``offices`` as for transactions."""

    status: str | None = None
    case_id: str | None = None
    kind: str | None = None
    group: str | None = None
    due_by: date | None = None
    due_before: date | None = None
    worker: str | None = None
    office: str | None = None
    offices: frozenset[str] | None = None
    after: str | None = None
    limit: int = 100


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Hold part of a list, oldest first; ``next`` leads on and is None at the end."""

    items: list[Any]
    next: str | None = None


class Conflict(GatewayError):  # noqa: N818 - read by the API as an outcome
    """Report a request that contradicts an earlier one under the same key."""


class TransactionRejected(Rejected):
    """Report a transaction that may not be sent, with the codecs' and handlers' problems as they are.

    ``work`` is what a person has to do instead, ``work_item`` its number once it is kept.
    """

    def __init__(self, problems: Iterable[Problem], work: WorkItem | None = None) -> None:
        """Keep the problems in the order found."""
        self.work = work
        self.work_item: int | None = None
        found = tuple(problems)
        super().__init__((problem_path(problem), problem.message) for problem in found)
        # Readers of problems take pairs as well as these, which say more: code, field and citation.
        self.problems = found  # type: ignore[assignment]
