"""Receive requests to enforce, to establish an order or to establish paternity, and what follows them.

The central registry acknowledges within its time and says what is missing. The gateway does so by itself only
where the agency switched that on; else it lists for a person what the request lacks. A request goes on even
when it is incomplete.
"""

from __future__ import annotations

from datetime import date

import msgspec

from csenet.codecs import describe
from csenet.codecs.blocks import Information, struct_fields
from csenet.codecs.codes import FarCode, elements
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.transaction import Transaction
from csenet.handlers.checks import record_of
from csenet.handlers.context import CaseRecord, Context, WorkView
from csenet.handlers.decision import Decision, WorkItem, merge
from csenet.handlers.facts import REPEATED
from csenet.handlers.lines import fits, in_lines
from csenet.handlers.policy.rules import Stated, reason
from csenet.handlers.progress import day_of, reached
from csenet.handlers.replies import Answer, reply_or_work
from csenet.handlers.wanted import STRUCTS
from csenet.handlers.work import (
    Task,
    about,
    decide,
    due_by,
    group_of,
    item,
    open_of_kind,
    title_of,
)

ACKNOWLEDGE = "acknowledge_referral"
PROCESS = "process_referral"
SWITCH = "acknowledges_referrals"
_ALL = REPEATED | {"collections"}


def lacking(tx: Transaction, level: str) -> tuple[str, ...]:
    """Name each element of a level that a transaction lacks: its block and its federal name, no value."""
    found: dict[str, None] = {}
    for element in elements(tx.far):
        if element.level != level or element.block == "header":
            continue
        held = getattr(tx, element.block)
        entries = held if element.block in _ALL else () if held is None else (held,)
        if not entries and not element.field:
            found[_words(element.block)] = None
        elif element.field and any(getattr(entry, element.field) is None for entry in entries):
            federal = struct_fields(STRUCTS[element.block].__name__)[element.field].federal
            found[f"{_words(element.block)} {federal}"] = None
    return tuple(found)


def _words(block: str) -> str:
    return block.replace("_", " ")


def referred(tx: Transaction, context: Context, task: Task) -> Decision:
    """Acknowledge a request where the agency lets the gateway do it, else have it acknowledged in time.

    The same request once more opens no second work while the first is open; later it is acknowledged again.
    """
    if (again := _again(context)) is not None:
        return again
    missing = lacking(tx, "required")
    said = context.profile.answer(SWITCH, context.today)
    on_its_own = isinstance(said, Stated) and said.value is True
    record = context.record if on_its_own else None
    # The acknowledgment names both cases and tells that ours is open.
    if record is None or record.state.status != "open" or tx.header.other_case_id is None:
        return _by_hand(tx, context, task, missing)
    due, timing = due_by(task.duty, context, context.received_on)
    acknowledged = _acknowledgment(tx, record, context, _line(missing), due, task.duty)
    decision = merge(Decision(reasons=(said.why, *timing)), acknowledged)
    return decision if context.earlier is not None else merge(decision, decide(_next(tx, context)))


def _again(context: Context) -> Decision | None:
    """Note that the same request came before and waits; nothing where it did not, or no longer waits."""
    if context.earlier is None or not context.earlier.work_open:
        return None
    note = f"the same request came before under serial number {context.earlier.serial}"
    return Decision(notes=(note,), reasons=(reason("referral.again"),))


def _acknowledgment(
    tx: Transaction,
    record: CaseRecord,
    context: Context,
    asking: str,
    due: date | None,
    duty: str | None,
) -> Decision:
    """Acknowledge a request on a case: ask for what is missing, or say that nothing is."""
    information = Information(status_change_code="O", **in_lines(asking))
    answer = Answer(
        code=FarCode(function=tx.far.function, action="A", reason="AADIN" if asking else "ANOAD"),
        information=information if asking else None,
        other_case_id=tx.header.other_case_id,
        due=due,
        duty=duty,
        details={"answers": about(tx)["serial"]},
    )
    complete = reason("referral.incomplete" if asking else "referral.complete")
    return merge(Decision(reasons=(complete,)), reply_or_work(answer, record, context))


def acknowledge(work: WorkView, context: Context, *, done: bool) -> Decision | Problem:
    """Acknowledge when a person has put the request to a case; `done=False` says that it was done otherwise.

    The text of that person is asked for in place of the list of what is missing.
    """
    tx, record = context.request, context.record
    if not done or tx is None:
        note = f"work item {work.id}: the request was acknowledged in another way"
        return Decision(notes=(note,), reasons=(reason("referral.acknowledged_otherwise"),))
    if record is None:
        text = (
            "name the case of ours to which the request was put, or decline if it was acknowledged otherwise"
        )
        return Problem(code="work.case_id.needed", severity=Severity.ERROR, message=text, field="case_id")
    asking = context.text.upper() or _line(lacking(tx, "required"))
    put = msgspec.structs.replace(context, fits=())
    decision = merge(
        Decision(reasons=(reason("referral.acknowledged"),)),
        _acknowledgment(tx, record, context, asking, work.due, None),
    )
    return merge(decision, decide(_next(tx, put)))


def review_wanted(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have an offset or an order reviewed; the outcome of the review is the answer, and a person gives it."""
    if (again := _again(context)) is not None:
        return again
    answers = " or ".join(str(code) for code in describe.note(tx.far).answer)
    details = {**_listed(tx), "answer": answers}
    title = f"{title_of(tx.far)}: {task.title}"
    return decide(
        item(tx, context, task.kind, title, reason("referral.review_wanted"), duty=task.duty, details=details)
    )


def _next(tx: Transaction, context: Context) -> WorkItem:
    title = f"{title_of(tx.far)}: acknowledged; carry the request on as far as possible"
    return item(tx, context, PROCESS, title, "referral_acknowledged", duty="RS1", details=_listed(tx))


def _by_hand(tx: Transaction, context: Context, task: Task, missing: tuple[str, ...]) -> Decision:
    where = "find or open its case" if context.record is None else "it belongs to a case of ours"
    if context.fits:
        where = "choose its case among those that fit, or open one"
    asking = ", asking for what is missing" if missing else ""
    title = f"{title_of(tx.far)}: {where}, acknowledge it{asking} and pass it on"
    details = _listed(tx)
    earlier = [
        work
        for work in open_of_kind(context, task.kind)
        if context.record is not None and work.details.get("far") == str(tx.far)
    ]
    if earlier:
        details["earlier_item"] = str(earlier[0].id)
    if context.earlier is not None:
        details["earlier_serial"] = context.earlier.serial
    details["answer"] = f"{tx.far.function} A {'AADIN' if missing else 'ANOAD'}"
    why = reason("referral.incomplete" if missing else "referral.complete")
    work = item(
        tx,
        context,
        task.kind,
        title,
        "referral_acknowledged",
        why,
        duty=task.duty,
        group=group_of(tx),
        details=details,
    )
    return decide(work)


def _listed(tx: Transaction) -> dict[str, str]:
    listed = {level: ", ".join(lacking(tx, level)) for level in ("required", "recommended")}
    return {f"missing_{level}": names for level, names in listed.items() if names}


def _line(missing: tuple[str, ...]) -> str:
    """Ask for what is missing by name, or where the lines are too few, by number; empty for nothing."""
    if not missing:
        return ""
    named = f"PLEASE SEND: {', '.join(missing)}".upper()
    if fits(named):
        return named
    return f"{len(missing)} REQUIRED ELEMENTS MISSING, ASK US FOR THE LIST"


def followed(tx: Transaction, context: Context, task: Task) -> Decision:
    """Put an update, a cancellation or a reminder to the work on the request it belongs to."""
    waiting = [
        work
        for work in (*open_of_kind(context, ACKNOWLEDGE), *open_of_kind(context, PROCESS))
        if work.details.get("far", "").startswith(f"{tx.far.function} R")
    ]
    title = f"{title_of(tx.far)}: {task.title}"
    details = {"request_item": str(waiting[-1].id)} if waiting else {}
    why = reason("referral.follows")
    return decide(item(tx, context, task.kind, title, why, duty=task.duty, details=details))


def acknowledged(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have what the other state asks for sent (AADIN); note that it needs nothing (ANOAD, or blank)."""
    moved = reached(tx.far, record_of(context), day_of(tx, context))
    if task.duty is not None:
        title = f"{title_of(tx.far)}: {task.title}"
        work = item(tx, context, task.kind, title, reason("referral.incomplete"), duty=task.duty)
        return merge(moved, decide(work))
    note = "the other state received our request and needs nothing more"
    return merge(moved, Decision(notes=(note,), reasons=(reason("news.noted"),)))
