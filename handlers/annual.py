"""Decide on the yearly notice of interest that a state owes for its orders enforced elsewhere."""

from __future__ import annotations

from datetime import date

from csenet.handlers.context import CaseRecord, Context, law
from csenet.handlers.decision import Decision, WorkItem, merge
from csenet.handlers.facts import Role
from csenet.handlers.filling import elements_of
from csenet.handlers.interest import GSTAI
from csenet.handlers.origination import originate
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.rules import Why
from csenet.handlers.replies import permission, task_of
from csenet.handlers.work import open_of_kind

DUTY = "IN5"
ANNUAL = "annual_interest"


def owes_notice(record: CaseRecord, our_state: str) -> bool:
    """Tell whether the case has an order of ours that another state enforces; it has a case ID there then."""
    state = record.state
    enforced = state.status == "open" and state.other_state_closed_on is None
    enforced = enforced and record.other_case_id is not None
    ours = any(order.order_fips_state == our_state for order in record.facts.orders)
    return record.facts.role is Role.INITIATING and enforced and ours


def due_on(last: date | None, context: Context) -> date | None:
    """Give the day by which the next notice is due; none where no notice has gone out yet: it is due now."""
    return None if last is None else deadlines.due(DUTY, last, context.calendar).date


def notice(last: date | None, context: Context) -> Decision:
    """Tell the interest of a case whose notice is due, or have a person supply what is missing.

    `last` is the day of the last notice. The other state is told through the exchange where that is allowed.
    """
    record = context.record
    if record is None:
        raise LookupError("this step needs the case")
    duty = deadlines.duty_of(DUTY)
    timing = (deadlines.due(DUTY, last, context.calendar).why,) if last is not None else ()
    why = Why(rule=DUTY, text=duty.text, citation=duty.citation, cited_in_spec=duty.cited_in_spec)
    grounds = (law("interest_on_request", context), *(timing or (why,)))
    allowed = permission(GSTAI, context, record.facts.other_state)
    if not allowed.allowed:
        title = f"The yearly notice of interest may not go through the exchange: {task_of(allowed)}"
        return _work(context, record, last, title, (*grounds, *allowed.reasons), "")
    made = originate(GSTAI, context)
    if isinstance(made, Decision):
        settled = tuple(work.id for work in open_of_kind(context, ANNUAL))
        return merge(Decision(reasons=grounds, closes_work=settled), made)
    return _work(context, record, last, _TITLE, (*grounds, *made.reasons), elements_of(made.problems))


_TITLE = "The yearly notice of interest cannot be written: supply what is missing and send it"


def _work(
    context: Context, record: CaseRecord, last: date | None, title: str, whys: tuple[Why, ...], missing: str
) -> Decision:
    if open_of_kind(context, ANNUAL):
        return Decision(reasons=whys, notes=("work on the yearly notice of interest is open already",))
    item = WorkItem(
        kind=ANNUAL,
        title=title,
        case_id=record.case_id,
        due=due_on(last, context) or context.today,
        duty=DUTY,
        reasons=tuple(dict.fromkeys(whys)),
        details={"far": str(GSTAI)} | ({"missing": missing} if missing else {}),
    )
    return Decision(work_items=(item,), reasons=item.reasons)
