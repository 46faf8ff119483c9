"""Take in what other states tell of a case: changes for the case system, questions, and tax offsets.

The gateway changes what it keeps itself, such as the other state's case ID. The rest becomes work that says
in one sentence what was told, and no work where there is nothing to do.
"""

from __future__ import annotations

import msgspec

from csenet.codecs import describe
from csenet.codecs.blocks import Collection
from csenet.codecs.transaction import Direction, Transaction
from csenet.handlers.central_registry import lacking
from csenet.handlers.checks import record_of
from csenet.handlers.context import Context, Offset, law
from csenet.handlers.decision import CaseChange, Decision, WorkItem, merge
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.progress import advanced, day_of, reached
from csenet.handlers.sought import is_answer_about_custodial_party
from csenet.handlers.work import Task, decide, item, sender_fips, title_of

_FROM_TAX_REFUND = ("I", None)
"""A source that nobody gave may be the federal tax refund."""


def update_case(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have the case system take over what was told; all such work of a case is one group."""
    return decide(_update(tx, context, task, reason("news.for_the_case")))


def located(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have the case system take over what our locate found; of a custodial party nothing more follows."""
    if is_answer_about_custodial_party(tx, record_of(context)):
        return _of_custodial_party(tx, context)
    return update_case(tx, context, task)


def died(tx: Transaction, context: Context, task: Task) -> Decision:
    """Note that the parent we looked for has died; of a custodial party the case system has to know."""
    if is_answer_about_custodial_party(tx, record_of(context)):
        return _of_custodial_party(tx, context)
    return advanced(tx, context, task)


def _of_custodial_party(tx: Transaction, context: Context) -> Decision:
    """Open the work without the duties that finding a parent, or not finding him, begins."""
    return decide(_update(tx, context, Task("update_case"), reason("locate.custodial_party")))


def _update(tx: Transaction, context: Context, task: Task, *whys: Why | str) -> WorkItem:
    title = f"{describe.sentence(tx, Direction.FROM_SERVER)} {describe.note(tx.far).receiver}"
    group = f"{task.kind}:{record_of(context).case_id}"
    missing = ", ".join(lacking(tx, "required"))
    details = {"missing_required": missing} if missing else None
    return item(tx, context, task.kind, title, *whys, duty=task.duty, group=group, details=details)


def new_case_id(tx: Transaction, context: Context, task: Task) -> Decision:
    """Use the other state's new case ID from now on, and have the case system take it over."""
    record, told = record_of(context), tx.information
    if told is None or told.new_case_id is None:
        title = f"{title_of(tx.far)}: the new ID is missing, ask the other state for it"
        return decide(item(tx, context, "review", title, reason("news.no_new_id")))
    why = reason("news.for_the_case")
    before = record.other_case_id
    earlier = (*record.state.earlier_other_case_ids, *((before,) if before is not None else ()))
    values = {
        "other_case_id": told.new_case_id,
        "former_other_case_id": before,
        "earlier_other_case_ids": list(dict.fromkeys(earlier)),
    }
    change = CaseChange(case_id=record.case_id, set=values, why=why)
    work = _update(tx, context, task, why)
    return merge(Decision(case_changes=(change,), reasons=(why,)), decide(work))


def new_fips(tx: Transaction, context: Context, task: Task) -> Decision:
    """Write to the office that handles the case from now on, and have the case system take its code over."""
    record, why = record_of(context), reason("news.for_the_case")
    change = CaseChange(case_id=record.case_id, set={"other_fips": sender_fips(tx)}, why=why)
    work = _update(tx, context, task, why)
    return merge(Decision(case_changes=(change,), reasons=(why,)), decide(work))


def asked(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have a question answered in the time the law gives."""
    title = f"{title_of(tx.far)}: {task.title}"
    return decide(item(tx, context, task.kind, title, reason("news.for_the_case"), duty=task.duty))


def submitted_for_offset(tx: Transaction, context: Context, _task: Task) -> Decision:
    """Note that the case was submitted for federal tax offset; nobody has to act."""
    reasons = (reason("collection.offset"), law("tax_information", context))
    noted = Decision(notes=(describe.sentence(tx, Direction.FROM_SERVER),), reasons=reasons)
    return merge(reached(tx.far, record_of(context), day_of(tx, context)), noted)


def offset_paid(tx: Transaction, context: Context, task: Task) -> Decision:
    """Record tax offset money paid out or taken back, and have the payment records follow where there is any.

    Neither the note nor the work says an amount, and none that may be federal tax information leaves the
    transaction.
    """
    record, told = record_of(context), tuple(_offset(each, tx.serial or "") for each in tx.collections)
    reasons = [reason("collection.offset")]
    if any(each.federal_tax_information for each in told):
        reasons.append(law("tax_information", context))
    noted = Decision(notes=(describe.sentence(tx, Direction.FROM_SERVER),), reasons=tuple(reasons))
    paid = [each for each, entry in zip(told, tx.collections, strict=True) if entry.payment_amount]
    if not paid:
        return noted
    offsets = msgspec.to_builtins((*record.state.offsets, *paid))
    change = CaseChange(case_id=record.case_id, set={"offsets": list(offsets)}, why=reasons[0])
    details = {
        "collections": str(len(paid)),
        "taken_back": str(sum(each.taken_back for each in paid)),
        "sources": ", ".join(dict.fromkeys(each.source or "not given" for each in paid)),
        "federal_tax_information": "yes" if any(each.federal_tax_information for each in paid) else "no",
    }
    title = f"{title_of(tx.far)}: {task.title}"
    work = item(tx, context, task.kind, title, *reasons, details=details)
    return merge(merge(noted, Decision(case_changes=(change,))), decide(work))


def _offset(entry: Collection, serial: str) -> Offset:
    guarded = entry.payment_source in _FROM_TAX_REFUND
    return Offset(
        serial=serial,
        federal_tax_information=guarded,
        source=entry.payment_source,
        amount=None if guarded else entry.payment_amount,
        taken_back=entry.payment_amount is not None and entry.payment_amount < 0,
        collected_on=entry.date_of_collection,
        posted_on=entry.date_of_posting,
    )
