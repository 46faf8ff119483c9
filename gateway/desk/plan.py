"""Turn a decision into rows, without touching anything: what fails here has had no effect yet."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec

from csenet.codecs import transaction as codec
from csenet.codecs.blocks import Header
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.validation import validate
from csenet.gateway.desk.agency import Agency
from csenet.gateway.store import search
from csenet.handlers.context import CaseRecord, apply
from csenet.handlers.decision import CheckedReply, Decision, Reply, WorkItem

VERSION = "003"


@dataclass(slots=True)
class Cause:
    """Say what brought something about; ``inbound_id`` is known once the transaction has its row.

    ``partner`` and ``far`` are the other state and the code of the transaction that did, where one did.
    """

    correlation: str
    intake_at: datetime
    actor: str
    inbound_id: int | None = None
    partner: str | None = None
    far: str | None = None


@dataclass(slots=True)
class Queued:
    """Hold a transaction to queue."""

    serial: int
    case_id: str
    far: str
    partner: str
    raw: bytes
    day: date
    cause: Cause
    in_reply: bool
    row_id: int | None = None
    words: Set[search.Word] = frozenset()
    """What it is found by."""


@dataclass(slots=True)
class Plan:
    """Hold what a decision comes to."""

    cause: Cause
    records: dict[str, CaseRecord] = field(default_factory=dict)
    changes: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)
    work: list[WorkItem] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def with_header(transaction: Transaction, agency: Agency, serial: int, today: date) -> Transaction:
    """Give a transaction what only the gateway knows: who we are, its number, and the date.

    The locality of ours that has the case stays as it is.
    """
    header = transaction.header
    ours = agency.fips
    if header.local_fips_state == agency.state and header.local_fips_county:
        ours = f"{agency.state}{header.local_fips_county}{header.local_fips_sub or ''}"
    filled: Header = msgspec.structs.replace(
        header,
        local_fips_state=ours[:2],
        local_fips_county=ours[2:5],
        local_fips_sub=ours[5:7].strip() or None,
        csenet_version_number=VERSION,
        transaction_serial_number=f"{serial:012d}",
        transaction_date=today,
        attachments_ind=header.attachments_ind or "N",
        overdue_ind=header.overdue_ind or "0",
    )
    return msgspec.structs.replace(transaction, header=filled)


def _only_numbered(composed: Transaction, leaving: Transaction) -> bool:
    """Tell whether a transaction got a number and nothing else since it was composed."""
    serial = leaving.header.transaction_serial_number
    return leaving.header == msgspec.structs.replace(composed.header, transaction_serial_number=serial)


def encode(
    transaction: Transaction, today: date, *, checked: bool = False
) -> tuple[bytes, list[Problem], list[Problem]]:
    """Return a transaction's bytes, what the exchange would refuse it for, and what it only would mind.

    One that its maker ``checked`` is not put before the federal edits again.
    """
    found = () if checked else validate(transaction, today=today, direction=Direction.TO_SERVER)
    problems = list(found)
    wrong = [problem for problem in problems if problem.severity is not Severity.WARNING]
    minor = [problem for problem in problems if problem.severity is Severity.WARNING]
    if wrong:
        return b"", wrong, minor
    try:
        return codec.write(transaction, Direction.TO_SERVER), [], minor
    except CodecError as error:
        return b"", list(error.problems), minor


def queue(
    reply: Reply, cause: Cause, agency: Agency, serial: int, today: date
) -> tuple[Queued | None, list[Problem], list[Problem]]:
    """Prepare a transaction to leave under ``serial``; only problems if the exchange would refuse it."""
    transaction = with_header(reply.transaction, agency, serial, today)
    checked = isinstance(reply, CheckedReply) and _only_numbered(reply.transaction, transaction)
    raw, wrong, minor = encode(transaction, today, checked=checked)
    if wrong:
        return None, wrong, minor
    prepared = Queued(
        serial=serial,
        case_id=reply.case_id,
        far=str(transaction.far),
        partner=transaction.header.other_fips_state or "",
        raw=raw,
        day=today,
        cause=cause,
        in_reply=reply.in_reply_to,
        # What was composed from the facts of its case names nobody whom the case does not.
        words=search.words_of_header(transaction) if checked else search.words_of_transaction(transaction),
    )
    return prepared, [], minor


def unsendable(reply: Reply, problems: list[Problem]) -> WorkItem:
    """Make the work item for a reply of ours that the exchange would refuse; it names rules, no values."""
    codes = ", ".join(dict.fromkeys(problem.code for problem in problems))
    return WorkItem(
        kind="reply_not_sent",
        title="An automatic answer could not be made from the case's facts: complete them and send it",
        case_id=reply.case_id or None,
        details={"far": str(reply.transaction.far), "problems": codes},
    )


def make_plan(
    decision: Decision,
    cause: Cause,
    *,
    agency: Agency,
    records: dict[str, CaseRecord],
    next_serial: int,
    today: date,
) -> Plan:
    """Work a decision out against ``records``, the cases it may change, and leave them as they are.

    Raises ``KeyError`` for a change to a case that is not among them.
    """
    plan = Plan(cause=cause, work=list(decision.work_items), closes=list(decision.closes_work))
    for change in decision.case_changes:
        before = plan.records.get(change.case_id) or records[change.case_id]
        plan.records[change.case_id] = apply(before, change)
        plan.changes.append((change.case_id, change.set, change.why.rule))
    for reply in decision.replies:
        prepared, wrong, minor = queue(reply, cause, agency, next_serial + len(plan.queued), today)
        plan.warnings += minor
        if prepared is None:
            plan.work.append(unsendable(reply, wrong))
        else:
            plan.queued.append(prepared)
    return plan
