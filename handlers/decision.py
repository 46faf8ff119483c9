"""Say what a handler decided, as plain values.

A handler never sends, stores or logs anything. It answers with a `Decision`, and the gateway carries
the whole of it out in one commit. So each decision can be replayed, explained and compared.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from csenet.codecs.errors import Problem
from csenet.codecs.transaction import Transaction
from csenet.handlers.policy.rules import Why

__all__ = [
    "CaseChange",
    "CheckedReply",
    "Decision",
    "Refusal",
    "Reply",
    "Why",
    "WorkItem",
    "merge",
    "to_json",
    "written",
]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a transaction to send.

    Its header carries no serial number: the gateway gives one in the commit that queues it. `case_id` is
    our case ID and decides the queue in which the order is kept. `in_reply_to` tells whether it answers
    the transaction that is being decided.
    """

    transaction: Transaction
    case_id: str
    in_reply_to: bool = True


class CheckedReply(Reply, frozen=True, kw_only=True):
    """Hold a transaction composed from its case's facts in which the edits find nothing wrong."""


class WorkItem(msgspec.Struct, frozen=True, kw_only=True):
    """Hold something a person or the case system has to do.

    `title` and `details` never carry personal data. Items with the same non-empty `group` belong
    together: the answer to the other state leaves when the last of them is complete.
    """

    kind: str
    title: str
    case_id: str | None = None
    due: date | None = None
    duty: str | None = None
    reasons: tuple[Why, ...] = ()
    group: str = ""
    details: dict[str, str] = msgspec.field(default_factory=dict)


class CaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """Hold new values for fields of a case's state, in JSON form, and why they change."""

    case_id: str
    set: dict[str, Any]
    why: Why


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Hold everything one transaction, completion or request causes.

    `closes_work` names the work items that are settled by it.
    """

    replies: tuple[Reply, ...] = ()
    work_items: tuple[WorkItem, ...] = ()
    case_changes: tuple[CaseChange, ...] = ()
    notes: tuple[str, ...] = ()
    reasons: tuple[Why, ...] = ()
    closes_work: tuple[int, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Hold why something asked for from our own side is not done: every problem at once.

    `task` says what a person does instead where the other state must be told all the same; `work` is that as
    an item, where whoever asked may be a machine that nobody reads the answers of.
    """

    problems: tuple[Problem, ...]
    reasons: tuple[Why, ...] = ()
    task: str = ""
    work: WorkItem | None = None


def merge(first: Decision, second: Decision) -> Decision:
    """Join two decisions, keeping the order and dropping reasons said twice."""
    return Decision(
        replies=first.replies + second.replies,
        work_items=first.work_items + second.work_items,
        case_changes=first.case_changes + second.case_changes,
        notes=first.notes + second.notes,
        reasons=first.reasons + tuple(why for why in second.reasons if why not in first.reasons),
        closes_work=first.closes_work + second.closes_work,
    )


def to_json(decision: Decision) -> dict[str, Any]:
    """Write a decision as JSON-able values; transactions stand in their own JSON form."""
    plain: dict[str, Any] = msgspec.json.decode(written(decision))
    return plain


def written(decision: Decision) -> msgspec.Raw:
    """Write a decision as JSON."""
    return msgspec.Raw(msgspec.json.encode(decision))
