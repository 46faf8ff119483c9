"""Handle what keeps a case's correspondence in order: rejections, and everything a person has to look at."""

from __future__ import annotations

from datetime import date

from csenet.codecs import infoline
from csenet.codecs.blocks import Information
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import CodecError
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import Context, law
from csenet.handlers.decision import Decision, Reply
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.replies import header_of, permission, task_of, way_of
from csenet.handlers.work import Task, decide, item, sender_fips, sender_state, title_of

REJCT = FarCode(function="MSC", action="P", reason="REJCT")
_BLANK_CASE_ID_IS_NORMAL = frozenset({("CSI", "R"), ("CSI", "P"), ("LO1", "R")})


def review(tx: Transaction, context: Context, task: Task) -> Decision:
    """Give a transaction the gateway does not decide by itself to a person, under the duty it starts."""
    title = f"{title_of(tx.far)}: {task.title or 'look at it and act'}"
    return decide(item(tx, context, task.kind, title, "silence_is_no_outcome", duty=task.duty))


def reject(tx: Transaction, context: Context) -> Decision:
    """Send a transaction back whose case ID names no case of ours.

    A rejection is never rejected, or two gateways would go on forever; nor are case information exchanges and
    locate requests, which come before the other state can know a case ID of ours.
    """
    header, code = tx.header, tx.far
    exempt = code == REJCT or (code.function, code.action) in _BLANK_CASE_ID_IS_NORMAL
    if exempt or header.other_case_id is None or header.transaction_date is None or tx.serial is None:
        title = f"{title_of(code)}: names no case of ours, find out what it is about"
        return decide(
            item(tx, context, "review", title, "unknown_case_is_rejected", reason("check.rejectable"))
        )
    allowed = permission(REJCT, context, sender_state(tx))
    if not allowed.allowed:
        title = f"{title_of(code)}: names no case of ours, {task_of(allowed)}"
        whys: tuple[Why | str, ...] = ("unknown_case_is_rejected", *allowed.reasons)
        return decide(item(tx, context, "send_otherwise", title, *whys, details=way_of(allowed)))
    reply = Reply(
        transaction=_rejection(tx, tx.serial, header.transaction_date, context), case_id=header.case_id or ""
    )
    return Decision(
        replies=(reply,), reasons=(law("unknown_case_is_rejected", context), allowed.why, *allowed.also)
    )


def _rejection(tx: Transaction, serial: str, day: date, context: Context) -> Transaction:
    header, code = tx.header, tx.far
    line = infoline.reject_line(serial, code.action, code.function, day, code.reason)
    return Transaction(
        header=header_of(
            REJCT,
            context,
            other_fips=sender_fips(tx),
            case_id=header.case_id,
            other_case_id=header.other_case_id,
        ),
        information=Information(information_text_line_1=line),
    )


def rejected(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have a person find the other state's case ID and send again what was rejected."""
    sent = context.sent
    line = tx.information.information_text_line_1 if tx.information is not None else None
    if sent is None or sent.partner != sender_state(tx) or not _names(line, sent.serial):
        title = "A case ID was rejected, but no transaction of ours is named: find out which one was meant"
        return decide(item(tx, context, "review", title, reason("rejection.unmatched")))
    work = item(
        tx,
        context,
        task.kind,
        f"Our {sent.far} was rejected: find the other state's case ID, correct it and send again",
        reason("rejection.received"),
        duty=task.duty,
        details={"rejected_far": str(sent.far), "rejected_serial": sent.serial},
    )
    note = f"our transaction {sent.serial} ({sent.far}) was rejected for its case ID"
    return decide(work, notes=(note,))


def _names(line: str | None, serial: str) -> bool:
    try:
        return infoline.parse_reject_line(line or "").transaction_serial_number == serial
    except CodecError:
        return False
