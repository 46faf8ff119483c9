"""Take in what other states tell of a case: changes for the case system, questions, and tax offsets.

The gateway changes what it keeps itself, such as the other state's case ID. The rest becomes work that says
in one sentence what was told, and no work where there is nothing to do.
"""

from __future__ import annotations

from csenet.codecs import describe
from csenet.codecs.transaction import Direction, Transaction
from csenet.handlers.checks import record_of
from csenet.handlers.context import Context, law
from csenet.handlers.decision import CaseChange, Decision, WorkItem, merge
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.work import Task, decide, item, title_of

_FROM_TAX_REFUND = ("I", None)
"""A source that nobody gave may be the federal tax refund."""


def update_case(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have the case system take over what was told; all such work of a case is one group."""
    return decide(_update(tx, context, task, reason("news.for_the_case")))


def _update(tx: Transaction, context: Context, task: Task, *whys: Why | str) -> WorkItem:
    title = f"{describe.sentence(tx, Direction.FROM_SERVER)} {describe.note(tx.far).receiver}"
    group = f"{task.kind}:{record_of(context).case_id}"
    return item(tx, context, task.kind, title, *whys, duty=task.duty, group=group)


def new_case_id(tx: Transaction, context: Context, task: Task) -> Decision:
    """Use the other state's new case ID from now on, and have the case system take it over."""
    record, told = record_of(context), tx.information
    if told is None or told.new_case_id is None:
        title = f"{title_of(tx.far)}: the new ID is missing, ask the other state for it"
        return decide(item(tx, context, "review", title, reason("news.no_new_id")))
    why = reason("news.for_the_case")
    values = {"other_case_id": told.new_case_id, "former_other_case_id": record.facts.other_case_id}
    change = CaseChange(case_id=record.case_id, set=values, why=why)
    work = _update(tx, context, task, why)
    return merge(Decision(case_changes=(change,), reasons=(why,)), decide(work))


def asked(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have a question answered in the time the law gives."""
    title = f"{title_of(tx.far)}: {task.title}"
    return decide(item(tx, context, task.kind, title, reason("news.for_the_case"), duty=task.duty))


def submitted_for_offset(tx: Transaction, context: Context, _task: Task) -> Decision:
    """Note that the case was submitted for federal tax offset; nobody has to act."""
    reasons = (reason("collection.offset"), law("tax_information", context))
    return Decision(notes=(describe.sentence(tx, Direction.FROM_SERVER),), reasons=reasons)


def offset_paid(tx: Transaction, context: Context, task: Task) -> Decision:
    """Note tax offset money paid out or taken back, and have the payment records follow where there is any.

    Neither the note nor the work says an amount: it is federal tax information.
    """
    reasons = [reason("collection.offset")]
    if any(each.payment_source in _FROM_TAX_REFUND for each in tx.collections):
        reasons.append(law("tax_information", context))
    noted = Decision(notes=(describe.sentence(tx, Direction.FROM_SERVER),), reasons=tuple(reasons))
    amounts = [each.payment_amount for each in tx.collections if each.payment_amount]
    if not amounts:
        return noted
    back = sum(amount < 0 for amount in amounts)
    details = {"collections": str(len(amounts)), "taken_back": str(back)}
    title = f"{title_of(tx.far)}: {task.title}"
    return merge(noted, decide(item(tx, context, task.kind, title, *reasons, details=details)))
