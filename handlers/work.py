"""Make work items, so that each says the same things in the same place."""

from __future__ import annotations

from datetime import date

import msgspec

from csenet.codecs.blocks import struct_fields
from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import Context, WorkView, law
from csenet.handlers.decision import Decision, WorkItem
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.rules import Why

LINE_WIDTH = struct_fields("Information")["information_text_line_1"].width
"""Characters of the first information line."""


class Task(msgspec.Struct, frozen=True):
    """Hold what the table of routes says about a code: the work it opens for a person, and the duty.

    `title` says what is to be done in our words; where it is empty, the handler finds the words.
    """

    kind: str = "review"
    duty: str | None = None
    title: str = ""


def title_of(code: FarCode) -> str:
    """Give the title of a code in our words, or the code itself when it is not a valid one."""
    row = VALID.get(code)
    return row.title if row is not None else str(code)


def sender_state(tx: Transaction) -> str:
    """Give the two-digit FIPS code of the state that sent an incoming transaction."""
    return tx.header.other_fips_state or ""


def sender_fips(tx: Transaction) -> str:
    """Give the seven-character FIPS code of the office that sent an incoming transaction."""
    header = tx.header
    return f"{header.other_fips_state}{header.other_fips_county or '000'}{header.other_fips_sub or '  '}"


def about(tx: Transaction) -> dict[str, str]:
    """Name a transaction for a work item: its code, serial number and sender, nothing of its content."""
    return {"far": str(tx.far), "serial": tx.serial or "", "from": sender_state(tx)}


def group_of(tx: Transaction) -> str:
    """Give the group of the work one transaction causes: reason, sender and serial number."""
    return f"{tx.far.reason}:{sender_state(tx)}:{tx.serial or ''}"


def item(
    tx: Transaction,
    context: Context,
    kind: str,
    title: str,
    *whys: Why | str,
    duty: str | None = None,
    group: str = "",
    details: dict[str, str] | None = None,
) -> WorkItem:
    """Make a work item caused by an incoming transaction, due as its duty says from the day of receipt.

    A reason may be the id of a rule of the policy tables.
    """
    due, timing = due_by(duty, context, context.received_on)
    return WorkItem(
        kind=kind,
        title=title,
        case_id=context.record.case_id if context.record is not None else tx.header.case_id,
        due=due,
        duty=duty,
        reasons=tuple(law(why, context) if isinstance(why, str) else why for why in whys) + timing,
        group=group,
        details=about(tx) | _candidates(context) | (details or {}),
    )


def _candidates(context: Context) -> dict[str, str]:
    """Name the cases among which a person chooses."""
    return {"candidates": ", ".join(context.fits)} if context.fits else {}


def due_by(duty: str | None, context: Context, start: date) -> tuple[date | None, tuple[Why, ...]]:
    """Give the day a duty that starts on `start` is due, and why; nothing without a duty or a limit."""
    if duty is None:
        return None, ()
    try:
        due = deadlines.due(duty, start, context.calendar)
    except deadlines.DutyError:
        return None, ()
    return due.date, (due.why,)


def decide(*items: WorkItem, notes: tuple[str, ...] = ()) -> Decision:
    """Make the decision that consists of work items, for their reasons."""
    reasons = tuple(dict.fromkeys(why for each in items for why in each.reasons))
    return Decision(work_items=items, reasons=reasons, notes=notes)


def open_of_kind(context: Context, kind: str, reason: str = "") -> tuple[WorkView, ...]:
    """Give the case's open work of a kind, of the group of one reason when that is given."""
    case_id = context.record.case_id if context.record is not None else None
    return tuple(
        work
        for work in context.open_work
        if work.kind == kind
        and work.case_id == case_id
        and work.completed_on is None
        and (not reason or work.group.startswith(f"{reason}:"))
    )
