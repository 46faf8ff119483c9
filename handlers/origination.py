"""Decide on transactions our own side asks to send: all checks first, then the transaction and its effects.

What may not go is a `Refusal` with every problem, for the person who asked. It becomes work only where all
was well but that federal tax information may not go to the other state: no change of the asker's would mend
that, and the other state has to be told all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from datetime import date

import msgspec

from csenet.codecs import infoline
from csenet.codecs.blocks import Header, Information
from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.transaction import Transaction
from csenet.handlers import closure, interest
from csenet.handlers.context import AWAIT_BALANCES, PROVIDE_BALANCES, CaseRecord, Context, law
from csenet.handlers.decision import CaseChange, Decision, Refusal, Reply, WorkItem, merge
from csenet.handlers.disclosing import tax_permission
from csenet.handlers.filling import ComposeError, reviewed
from csenet.handlers.managing import REJCT
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.agreements import Permission
from csenet.handlers.policy.closure import closures
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.progress import reached
from csenet.handlers.readdressing import GSCAS, id_told
from csenet.handlers.replies import (
    COMPLETE,
    compose,
    disclosure_reasons,
    left_out,
    permission,
    task_of,
    way_of,
)
from csenet.handlers.work import due_by, open_of_kind

GRINT = FarCode(function="MSC", action="R", reason="GRINT")
_OPENING = frozenset({"LO1", "CSI", "ENF", "EST", "PAT"})

Effects = Callable[[CaseRecord, Context], Decision]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one request: the code and what the case side gave for it."""

    code: FarCode
    information: Information | None = None
    header: Header | None = None


def originate(
    code: FarCode,
    context: Context,
    *,
    information: Information | None = None,
    header: Header | None = None,
    insist: Set[str] = frozenset(),
    named: str = "",
    on: date | None = None,
) -> Decision | Refusal:
    """Build a transaction on a case from its facts, with everything it changes, or refuse with every problem.

    `information` is the text block where the code has one; of `header` only what the case side may decide is
    taken: the other office, the other case ID, and the resolution, due and response dates. Blocks of `insist`
    may not be left out. `named` is a former ID of ours, under which the other state knows the case. `on` is
    the day of what is told, where it was not today.
    """
    objections, record = _objections(code, context), context.record
    if record is not None:
        objections += _refused(permission(code, context, record.facts.other_state))
    elif not objections:
        objections = [_UNKNOWN_CASE]
    if objections or record is None:
        return Refusal(problems=tuple(objections))
    try:
        request = _prepared(Request(code=code, information=information, header=header), record, context)
        tx = compose(
            code,
            record,
            context,
            information=request.information,
            header=request.header,
            insist=insist,
            named=named,
        )
    except ComposeError as lacking:
        return Refusal(problems=lacking.problems, reasons=(reason("replies.not_composed"),))
    taxed = tax_permission(tx, context)
    if not taxed.allowed:
        return _told_by_a_person(code, taxed, record, context)
    said = disclosure_reasons(reviewed(code, record, context.today), record)
    return merge(_sent(tx, code, context, on), Decision(notes=left_out(tx, record), reasons=said))


def originate_written(tx: Transaction, context: Context) -> Decision | Refusal:
    """Send a transaction that the case side wrote as a whole, under the same checks, with the same effects.

    Requests that open a matter may go before facts of the case are known here; everything else needs them.
    """
    partner = tx.header.other_fips_state or ""
    objections = _objections(tx.far, context)
    objections += _refused(permission(tx.far, context, partner))
    taxed = tax_permission(tx, context)
    if not objections and not taxed.allowed and context.record is not None:
        return _told_by_a_person(tx.far, taxed, context.record, context)
    objections += _refused(taxed)
    if objections:
        return Refusal(problems=tuple(objections))
    return _sent(tx, tx.far, context)


def _told_by_a_person(code: FarCode, taxed: Permission, record: CaseRecord, context: Context) -> Refusal:
    """Refuse what holds federal tax information, and make the work of telling it in another way.

    The work says neither an amount nor a source. It is due as the duty says that the code would fulfil, from
    today: when the money came, whoever asks does not say.
    """
    duty = deadlines.answered_with(str(code))
    due, timing = due_by(duty.id if duty is not None else None, context, context.today)
    work = WorkItem(
        kind="send_otherwise",
        title=f"{code} may not go through the exchange: {task_of(taxed)}",
        case_id=record.case_id,
        due=due,
        duty=duty.id if duty is not None else None,
        reasons=(*taxed.reasons, *timing),
        details={"far": str(code), **way_of(taxed)},
    )
    problems = tuple(_refused(taxed))
    return Refusal(problems=problems, reasons=taxed.reasons, task=task_of(taxed), work=work)


def _sent(tx: Transaction, code: FarCode, context: Context, on: date | None = None) -> Decision:
    case_id = context.record.case_id if context.record is not None else tx.header.case_id or ""
    allowed = permission(code, context, tx.header.other_fips_state or "")
    decision = Decision(
        replies=(Reply(transaction=tx, case_id=case_id, in_reply_to=False),),
        reasons=(law("electronic_exchange", context), allowed.why, *allowed.also),
    )
    if context.record is None:
        return decision
    day = tx.header.action_resolution_date or on or context.today
    decision = merge(decision, reached(code, context.record, day))
    supplied = [
        work.id
        for work in open_of_kind(context, COMPLETE)
        if work.details.get("far") == str(code) and "event" not in work.details
    ]
    if len(supplied) == 1:
        decision = merge(decision, Decision(closes_work=tuple(supplied)))
    if code == closure.GSC14:
        decision = merge(decision, _intends_to_close(tx, context.record))
    return merge(decision, _EFFECTS[code](context.record, context)) if code in _EFFECTS else decision


def _intends_to_close(tx: Transaction, record: CaseRecord) -> Decision:
    """Remember until when the other state can keep our case open; a closure for its silence comes after."""
    day = tx.header.action_resolution_date
    values = {"closes_unless_answered_by": day.isoformat()} if day is not None else {}
    return _noted(record, closures()[closure.GSC14.reason].why(), values)


def _objections(code: FarCode, context: Context) -> list[Problem]:
    """List what the code itself and the case of the context have against sending."""
    if code not in VALID:
        return [
            _objection("header.action_reason.valid", "no state can send this combination of codes", "header")
        ]
    if code == REJCT:
        return [_objection("header.action_reason.rejection", "only the gateway itself rejects", "header")]
    record = context.record
    if record is None:
        if code.action == "R" and code.function in _OPENING:
            return []
        return [_UNKNOWN_CASE]
    return [
        *_role_objection(code, record),
        *_status_objection(code, record),
        *_repetition_objection(code, context),
    ]


def _refused(permission: Permission) -> list[Problem]:
    """Name as a problem why something may not go, with the way by which the other state is told instead."""
    if permission.allowed:
        return []
    why = permission.why
    return [_objection(f"policy.{why.rule}", permission.told, "header", why.citation)]


def _role_objection(code: FarCode, record: CaseRecord) -> list[Problem]:
    sender = _SENDER.get(code, VALID[code].sent_by)
    if sender in ("either", record.facts.role.value):
        return []
    text = f"only the {sender} state sends this, and in this case we are the {record.facts.role} state"
    return [_objection("case.role", text, "case")]


def _status_objection(code: FarCode, record: CaseRecord) -> list[Problem]:
    wanted = _STATUS.get(code)
    if wanted in (None, record.state.status):
        return []
    return [_objection("case.status", f"this goes only while our case is {wanted}", "case")]


def _repetition_objection(code: FarCode, context: Context) -> list[Problem]:
    """Refuse to ask for case information again before the time the federal guidance sets."""
    if (code.function, code.action) != ("CSI", "R"):
        return []
    asked = (each for each in context.sent_before if (each.far.function, each.far.action) == ("CSI", "R"))
    last = max((each.transaction_date for each in asked), default=None)
    if last is None:
        return []
    again = deadlines.due("CSI2", last, context.calendar)
    if context.today >= again.date:
        return []
    text = f"this was asked on {last} and is not asked again before {again.date}"
    return [_objection("policy.CSI2", text, "header", again.why.citation)]


def _objection(code: str, text: str, block: str, citation: str = "45 CFR 303.7") -> Problem:
    return Problem(code=code, severity=Severity.ERROR, message=text, block=block, citation=citation)


_UNKNOWN_CASE = _objection("case.known", "the facts of the case are not known: put them first", "case")


def _prepared(request: Request, record: CaseRecord, context: Context) -> Request:
    """Supply what a code needs beyond the facts; raises `ComposeError` when that is not known."""
    prepare = _PREPARE.get(request.code)
    return prepare(request, record, context) if prepare is not None else request


def _with_closure_date(request: Request, record: CaseRecord, context: Context) -> Request:
    asked = request.header or Header()
    day = asked.action_resolution_date or record.state.closed_on
    if day is None or day > context.today:
        text = "the day our case was closed is needed, and it may not lie in the future"
        raise ComposeError([_objection("header.action_resolution_date.required", text, "header")])
    return msgspec.structs.replace(request, header=msgspec.structs.replace(asked, action_resolution_date=day))


def _with_balances(request: Request, record: CaseRecord, context: Context) -> Request:
    if request.information is not None:
        _check_line(request.information, context)
        return request
    said = interest.balances(record.facts, context)
    if isinstance(said, interest.Question):
        why = said.reasons[0]
        raise ComposeError([_objection(f"policy.{why.rule}", said.text, "information", why.citation)])
    return msgspec.structs.replace(request, information=interest.information_of(said))


def _check_line(given: Information, context: Context) -> None:
    try:
        told = infoline.parse_interest_line(given.information_text_line_1 or "")
    except CodecError as wrong:
        raise ComposeError(wrong.problems) from None
    if told.as_of_date > context.today:
        why = law("balance_as_of_not_in_future", context)
        raise ComposeError([_objection(f"policy.{why.rule}", why.text, "information", why.citation)])


def _services_ended(record: CaseRecord, context: Context) -> Decision:
    return _noted(
        record,
        law("gsc15_keeps_initiating_case_open", context),
        {"services_ended_on": context.today.isoformat()},
    )


def _stop_requested(record: CaseRecord, context: Context) -> Decision:
    day = context.today.isoformat()
    return _noted(record, reason("closure.before_own_withholding"), {"withholding_stop_requested_on": day})


def _noted(record: CaseRecord, why: Why, values: dict[str, str]) -> Decision:
    change = CaseChange(case_id=record.case_id, set=dict(values), why=why)
    return Decision(case_changes=(change,), reasons=(why,))


def _await_balances(record: CaseRecord, context: Context) -> Decision:
    if open_of_kind(context, AWAIT_BALANCES):
        return Decision(notes=("an earlier request for interest information is still open",))
    due, whys = due_by(interest.DUTY, context, context.today)
    work = WorkItem(
        kind=AWAIT_BALANCES,
        title="Interest information was asked for: wait for the answer, ask again if none comes",
        case_id=record.case_id,
        due=due,
        duty=interest.DUTY,
        reasons=(law("interest_on_request", context), *whys),
    )
    return Decision(work_items=(work,), reasons=work.reasons)


def _balances_told(record: CaseRecord, context: Context) -> Decision:
    settled = tuple(work.id for work in open_of_kind(context, PROVIDE_BALANCES))
    return Decision(closes_work=settled, reasons=(law("interest_on_request", context),))


_SENDER: Mapping[FarCode, str] = {interest.GSTAI: "initiating"}
"""Codes either state may send that we send in one role: telling interest is the initiating state's duty."""

_STATUS: Mapping[FarCode, str] = {
    closure.GSC15: "open",
    closure.GSC17: "open",
    closure.GSC16: "closed",
    closure.GSC18: "closed",
    GRINT: "open",
    interest.GSTAI: "open",
}

_PREPARE: Mapping[FarCode, Callable[[Request, CaseRecord, Context], Request]] = {
    closure.GSC16: _with_closure_date,
    closure.GSC18: _with_closure_date,
    interest.GSTAI: _with_balances,
}

_EFFECTS: Mapping[FarCode, Effects] = {
    closure.GSC15: _services_ended,
    closure.GSC17: _stop_requested,
    GRINT: _await_balances,
    GSCAS: id_told,
    interest.GSTAI: _balances_told,
}
