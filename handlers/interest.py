"""Handle requests for interest information and the balances that answer them.

Amounts are told only when the case system stated them or its ledger and a stated rate yield them. Everything
else is a question for a person.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from csenet.codecs import infoline
from csenet.codecs.blocks import Information
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import CodecError
from csenet.codecs.transaction import Transaction
from csenet.handlers.checks import record_of
from csenet.handlers.context import AWAIT_BALANCES, CaseFacts, Context, law
from csenet.handlers.decision import CaseChange, Decision, merge
from csenet.handlers.policy.interest import Ledger, LedgerError, Rate, Statement, owed
from csenet.handlers.policy.jurisdictions import UnknownJurisdictionError
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.replies import Answer, reply_or_work
from csenet.handlers.work import Task, about, decide, due_by, item, open_of_kind, sender_state, title_of

GSTAI = FarCode(function="MSC", action="P", reason="GSTAI")
DUTY = "IN4"
_OPEN = "O"
MOST = Decimal("9999999999.99")
"""Dollars that twelve positions with two implied decimals can hold."""


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what may be told: dollars; `arrears` is the total and includes `interest`."""

    arrears: Decimal
    interest: Decimal
    as_of: date
    reasons: tuple[Why, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a person must answer before balances can be told."""

    text: str
    reasons: tuple[Why, ...]


def requested(tx: Transaction, context: Context, task: Task) -> Decision:
    """Answer a request for interest information with the balances, or open work with the question."""
    record = record_of(context)
    said = balances(record.facts, context)
    if isinstance(said, Question):
        return decide(
            item(
                tx,
                context,
                task.kind,
                f"{title_of(tx.far)}: {said.text}",
                "interest_on_request",
                *said.reasons,
                duty=task.duty,
            )
        )
    due, _ = due_by(task.duty, context, context.received_on)
    answer = Answer(
        code=GSTAI,
        information=information_of(said),
        other_case_id=tx.header.other_case_id,
        due=due,
        duty=task.duty,
        details={"asked_by": about(tx)["serial"]},
    )
    return merge(
        Decision(reasons=(law("interest_on_request", context), *said.reasons)),
        reply_or_work(answer, record, context),
    )


def information_of(said: Owed) -> Information:
    """Write balances the way the first information line carries them."""
    line = infoline.interest_line(said.arrears, said.interest, said.as_of)
    return Information(status_change_code=_OPEN, information_text_line_1=line)


def balances(facts: CaseFacts, context: Context) -> Owed | Question:
    """Say what is owed in a case: the balances the case system stated, else its ledger worked out today."""
    if facts.balances is not None:
        told = facts.balances
        if told.as_of > context.today:
            text = "the stated balances are for a day to come, state them for a day that has come"
            return Question(text=text, reasons=(law("balance_as_of_not_in_future", context),))
        return Owed(
            arrears=told.arrears,
            interest=told.interest,
            as_of=told.as_of,
            reasons=(reason("interest.balances_given"),),
        )
    if facts.ledger is None:
        text = "what are total arrears and interest, and as of which day?"
        return Question(text=text, reasons=(reason("interest.balances_not_stated"),))
    rates = rates_for(facts, context)
    return rates if isinstance(rates, Question) else _from_ledger(facts.ledger, rates, context.today)


def rates_for(facts: CaseFacts, context: Context) -> tuple[Rate, ...] | Question:
    """Find the interest rates of the state whose order it is: ours when no order says otherwise."""
    states = {order.order_fips_state for order in facts.orders if order.order_fips_state is not None}
    if len(states) > 1:
        text = "orders of several states are on the case, which one governs interest?"
        return Question(text=text, reasons=(reason("interest.one_governing_state"),))
    state = states.pop() if states else context.our_state
    if state == context.our_state:
        return context.profile.interest_rates()
    try:
        return load_profile(state).interest_rates()
    except UnknownJurisdictionError:
        text = "no interest rates are known for the place that issued the order, what is owed?"
        return Question(text=text, reasons=(reason("interest.balances_not_stated"),))


def _from_ledger(ledger: Ledger, rates: tuple[Rate, ...], today: date) -> Owed | Question:
    try:
        statement = owed(ledger, rates, today)
    except LedgerError:
        text = "the ledger has amounts that cannot be right, what is owed?"
        return Question(text=text, reasons=(reason("interest.balances_not_stated"),))
    if isinstance(statement, Statement):
        return _stated(statement)
    text = "the interest rate of a part of the time is not stated, what is owed?"
    return Question(text=text, reasons=(statement.why,))


def _stated(statement: Statement) -> Owed | Question:
    if statement.total > MOST:
        text = "the ledger adds up to more than the transaction can carry, what is owed?"
        return Question(text=text, reasons=(reason("interest.balances_not_stated"),))
    return Owed(
        arrears=statement.total,
        interest=statement.interest,
        as_of=statement.as_of,
        reasons=statement.reasons,
    )


def provided(tx: Transaction, context: Context, task: Task) -> Decision:
    """Record the balances the other state told us, and have the account follow unless it says the same."""
    record = record_of(context)
    line = tx.information.information_text_line_1 if tx.information is not None else None
    try:
        told = infoline.parse_interest_line(line or "")
    except CodecError:
        title = f"{title_of(tx.far)}: the amounts cannot be read, ask the other state for them"
        return decide(item(tx, context, "review", title, reason("interest.line_readable")))
    if told.as_of_date > context.today:
        title = f"{title_of(tx.far)}: the balances are for a day to come, ask the other state"
        return decide(item(tx, context, "review", title, "balance_as_of_not_in_future"))
    received = {
        "as_of": told.as_of_date.isoformat(),
        "arrears": f"{told.total_arrears_owed_amount:.2f}",
        "interest": f"{told.total_interest_owed_amount:.2f}",
        "from": sender_state(tx),
    }
    change = CaseChange(
        case_id=record.case_id, set={"received_balances": received}, why=reason("interest.balances_received")
    )
    settled = tuple(work.id for work in open_of_kind(context, AWAIT_BALANCES))
    decision = Decision(
        case_changes=(change,), reasons=(reason("interest.balances_received"),), closes_work=settled
    )
    ours = record.facts.balances
    if ours is not None and (ours.arrears, ours.interest) == (
        told.total_arrears_owed_amount,
        told.total_interest_owed_amount,
    ):
        return decision
    title = f"{title_of(tx.far)}: {task.title}"
    group = f"{task.kind}:{record.case_id}"
    why = reason("interest.balances_received")
    return merge(decision, decide(item(tx, context, task.kind, title, why, group=group)))
