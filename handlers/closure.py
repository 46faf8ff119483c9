"""Handle the closure of interstate cases on both sides, and what follows when the work for it is done.

The initiating state says that it no longer needs services (GSC15) or wants to withhold by itself (GSC17); the
responding state closes and says so (GSC16, GSC18). The work one instruction causes is one group; the answer
leaves when the last item of the group is complete.
"""

from __future__ import annotations

from datetime import date

import msgspec

from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.checks import record_of
from csenet.handlers.context import CLOSE_CASE, STOP_WITHHOLDING, CaseRecord, Context, WorkView, law
from csenet.handlers.decision import CaseChange, Decision, WorkItem, merge
from csenet.handlers.policy.closure import closures
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.replies import Answer, reply_or_work
from csenet.handlers.work import Task, decide, group_of, item, open_of_kind, title_of

GSC14 = FarCode(function="MSC", action="P", reason="GSC14")
GSC15 = FarCode(function="MSC", action="P", reason="GSC15")
GSC16 = FarCode(function="MSC", action="P", reason="GSC16")
GSC17 = FarCode(function="MSC", action="P", reason="GSC17")
GSC18 = FarCode(function="MSC", action="P", reason="GSC18")

ANSWERS = {
    code: FarCode(function="MSC", action="P", reason=row.answer)
    for code, row in closures().items()
    if row.answer
}
"""What is sent when the work on a notice or an instruction is complete, by its reason."""

ELECTIVE = frozenset(code for code in ANSWERS if closures()[code].closes_receiver == "may")
"""Notices on which the receiver may close and need not."""

ANSWER_INTENT = "answer_intent_to_close"


def stop_and_close(tx: Transaction, context: Context, task: Task) -> Decision:
    """Open the work of GSC17: stop withholding and close, within the time the law gives."""
    record = record_of(context)
    if record.facts.alternative_agreement:
        title = "The other state asks us to stop withholding and close, but another way was agreed: settle it"
        return decide(
            item(
                tx,
                context,
                "alternative_agreement",
                title,
                "gsc17_unless_agreed_otherwise",
                duty=task.duty,
            )
        )
    if open_of_kind(context, CLOSE_CASE, GSC17.reason):
        return _repeated(tx, context)
    close = _closing(tx, context, CLOSE_CASE, "Close the interstate case", "gsc17_closes_case", task.duty)
    if False in (record.facts.withholding_active, record.state.withholding_active):
        decision = decide(close, notes=("no withholding of ours is active, so there is none to stop",))
        return merge(decision, Decision(reasons=(reason("closure.no_withholding"),)))
    title = "Stop our income withholding"
    return decide(_closing(tx, context, STOP_WITHHOLDING, title, "gsc17_closes_case", task.duty), close)


def services_ended(tx: Transaction, context: Context, task: Task) -> Decision:
    """Open the work of GSC15: the case may be closed, which is a choice."""
    if open_of_kind(context, CLOSE_CASE, GSC15.reason):
        return _repeated(tx, context)
    title = "The other state no longer needs our services: close the case, or keep it open for a reason"
    return decide(_closing(tx, context, CLOSE_CASE, title, "gsc15_responding_may_close", task.duty))


def initiating_closed(tx: Transaction, context: Context, task: Task) -> Decision:
    """Open the work of the initiating state's own closure (GSC02 to GSC12): we may close, too."""
    if open_of_kind(context, CLOSE_CASE, tx.far.reason):
        return _repeated(tx, context)
    title = f"{title_of(tx.far)}: close the case as well, or keep it open for a reason"
    return decide(_closing(tx, context, task.kind, title, closures()[tx.far.reason].why(), task.duty))


def _closing(
    tx: Transaction, context: Context, kind: str, title: str, why: Why | str, duty: str | None
) -> WorkItem:
    details = {"other_case_id": tx.header.other_case_id} if tx.header.other_case_id is not None else {}
    return item(tx, context, kind, title, why, duty=duty, group=group_of(tx), details=details)


def _repeated(tx: Transaction, context: Context) -> Decision:
    title = f"{title_of(tx.far)}: came again while the work on it is open, its answer will serve for both"
    return decide(item(tx, context, "review", title, reason("closure.repeated")))


def other_closed(tx: Transaction, context: Context, _task: Task) -> Decision:
    """Record that the responding state closed (GSC16); our own case stays open."""
    closed_on, objection = _closed_on(tx, context)
    if objection is not None:
        return objection
    decision = _changed(
        context, reason("closure.other_state_closed"), other_state_closed_on=closed_on.isoformat()
    )
    state = record_of(context).state
    if state.services_ended_on is not None or state.status == "closed":
        note = f"the other state closed on {closed_on}, as we asked; our own case is as it was"
        return merge(decision, Decision(notes=(note,)))
    title = "The other state closed its case without a request of ours: decide how to go on"
    return merge(decision, decide(item(tx, context, "review", title, reason("closure.no_request_on_record"))))


def closed_after_notice(tx: Transaction, context: Context, task: Task) -> Decision:
    """Record that the responding state closed after its notice (GSC13); what is next is for a person.

    An open answer to the notice is settled by it, for there is no case left to keep open.
    """
    closed_on, objection = _closed_on(tx, context)
    if objection is not None:
        return objection
    ground = closures()[tx.far.reason].why()
    decision = _changed(context, ground, other_state_closed_on=closed_on.isoformat())
    settled = Decision(closes_work=tuple(work.id for work in open_of_kind(context, ANSWER_INTENT)))
    title = f"The other state closed on {closed_on}, because we did not act: decide how to go on"
    return merge(merge(decision, settled), decide(item(tx, context, task.kind, title, ground)))


def intends_to_close(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have the notice of intent to close (GSC14) answered while the other state still waits.

    That is until the day it names, or until the waiting time has run where it names none that is still ahead.
    """
    title = "The other state will close its case unless we act: supply what it waits for, or let it close"
    ground = closures()[tx.far.reason].why()
    kept = "closure_notice_answered_keeps_open"
    work = item(tx, context, task.kind, title, ground, kept, duty=task.duty, group=group_of(tx))
    named = tx.header.action_resolution_date
    if named is not None and named >= context.received_on:
        why = reason("closure.day_named")
        work = msgspec.structs.replace(work, due=named, reasons=(*work.reasons, why))
    return decide(work)


def other_stopped(tx: Transaction, context: Context, _task: Task) -> Decision:
    """Record that the responding state stopped and closed (GSC18): our own withholding may go now."""
    closed_on, objection = _closed_on(tx, context)
    if objection is not None:
        return objection
    day = closed_on.isoformat()
    decision = _changed(
        context,
        law("gsc18_frees_withholding", context),
        other_state_closed_on=day,
        may_issue_withholding=True,
        may_issue_withholding_since=day,
    )
    if record_of(context).state.withholding_stop_requested_on is None:
        title = "The other state stopped and closed, but no request of ours is on record: find out why"
        return merge(
            decision, decide(item(tx, context, "review", title, reason("closure.no_request_on_record")))
        )
    title = f"Our own income withholding may be issued: the other state stopped and closed on {closed_on}"
    return merge(
        decision,
        decide(item(tx, context, "issue_withholding", title, "gsc18_frees_withholding")),
    )


def _closed_on(tx: Transaction, context: Context) -> tuple[date, Decision | None]:
    day = tx.header.action_resolution_date or tx.header.transaction_date or context.received_on
    if day <= context.today:
        return day, None
    title = f"{title_of(tx.far)}: the closure date is still to come, ask the other state"
    return day, decide(item(tx, context, "review", title, reason("closure.date_not_ahead")))


def completed(work: WorkView, on: date, siblings: tuple[WorkView, ...], context: Context) -> Decision:
    """Decide what follows when one piece of closure work was done on a day.

    Each completion changes the case by itself; the last of its group also sends the answer.
    """
    others = [each for each in siblings if each.group == work.group and each.id != work.id]
    if any(each.completed_on is None for each in others):
        why = reason("closure.answer_waits")
        waits = Decision(notes=(why.text,), reasons=(why,))
        return merge(waits, _alone(work, on, context))
    closings = [each.completed_on for each in others if each.kind == CLOSE_CASE]
    closed_on = on if work.kind == CLOSE_CASE or not closings else closings[0]
    return _answered(work, closed_on or on, context)


def _alone(work: WorkView, on: date, context: Context) -> Decision:
    if work.kind == STOP_WITHHOLDING:
        return _changed(context, reason("closure.withholding_stopped"), withholding_active=False)
    return _changed(context, law("closure_is_told", context), status="closed", closed_on=on.isoformat())


def _answered(work: WorkView, closed_on: date, context: Context) -> Decision:
    record, code = record_of(context), ANSWERS[reason_of(work)]
    values: dict[str, object] = {"status": "closed", "closed_on": closed_on.isoformat()}
    if code == GSC18:
        values["withholding_active"] = False
    state = msgspec.structs.replace(record.state, status="closed", closed_on=closed_on)
    answer = Answer(
        code=code,
        action_resolution_date=closed_on,
        other_case_id=work.details.get("other_case_id"),
        due=work.due,
        details={"action_resolution_date": closed_on.isoformat(), "answers": work.details.get("serial", "")},
    )
    reply = reply_or_work(answer, CaseRecord(facts=record.facts, state=state), context)
    return merge(_changed(context, law("closure_is_told", context), **values), reply)


def reason_of(work: WorkView) -> str:
    """Give the reason code of the instruction that a piece of work belongs to."""
    return work.group.partition(":")[0]


def declined(work: WorkView) -> Decision:
    """Keep the case open although the other state does without us: a choice, so nobody is told."""
    note = f"work item {work.id} was declined, the case stays open"
    return Decision(notes=(note,), reasons=(closures()[reason_of(work)].why(),))


def _changed(context: Context, why: Why, **values: object) -> Decision:
    change = CaseChange(case_id=record_of(context).case_id, set=values, why=why)
    return Decision(case_changes=(change,), reasons=(why,))
