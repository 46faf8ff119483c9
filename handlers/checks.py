"""Check what every incoming transaction must pass before its own handler may act on it.

One pipeline for all codes: each check answers with a decision that ends the matter, or with nothing. A route
may leave out the checks that its code does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers import managing
from csenet.handlers.context import CaseRecord, Context
from csenet.handlers.decision import Decision
from csenet.handlers.matching import REQUESTS
from csenet.handlers.policy.agreements import may_exchange
from csenet.handlers.policy.rules import Stated, reason
from csenet.handlers.work import decide, item, sender_state, title_of

Check = Callable[[Transaction, Context], Decision | None]


def addressed_to_us(tx: Transaction, context: Context) -> Decision | None:
    """Stop what the exchange meant for another state."""
    if tx.header.local_fips_state == context.our_state:
        return None
    title = "A transaction meant for another state arrived: tell the exchange"
    return decide(item(tx, context, "review", title, reason("check.addressed_to_us")))


def code_known(tx: Transaction, context: Context) -> Decision | None:
    """Stop a code that does not exist."""
    if tx.far in VALID:
        return None
    title = "A transaction with an unknown code arrived: find out what the sender wants"
    return decide(item(tx, context, "review", title, reason("check.code_known")))


def agreement_allows(tx: Transaction, context: Context) -> Decision | None:
    """Stop what no exchange agreement with the sender covers on the day of receipt."""
    said = may_exchange(
        sender_state(tx), tx.far.function, "receive", context.received_on, agreements=context.agreements
    )
    if isinstance(said, Stated) and said.value is True:
        return None
    title = f"No exchange agreement covers what arrived ({title_of(tx.far)}): decide what to do"
    return decide(item(tx, context, "no_agreement", title, said.why))


def case_id_given(tx: Transaction, context: Context) -> Decision | None:
    """Stop a transaction without our case ID: the case must be found by other data."""
    if tx.header.case_id is not None or context.record is not None:
        return None
    title = f"{title_of(tx.far)}: our case ID is blank, find the case by other data"
    return decide(item(tx, context, "review", title, "missing_case_id_is_not_rejected"))


def case_known(tx: Transaction, context: Context) -> Decision | None:
    """Reject a transaction whose case ID names no case of ours."""
    if tx.header.case_id is None or context.record is not None:
        return None
    if context.fits and asks_for_work(tx.far):
        return None
    if context.fits:
        title = f"{title_of(tx.far)}: several cases of ours have this ID but for its padding, choose one"
        return decide(item(tx, context, "review", title, reason("match.several")))
    return managing.reject(tx, context)


def partner_of_case(tx: Transaction, context: Context) -> Decision | None:
    """Stop a state that is not the other state of the case."""
    if context.record is None or context.record.facts.other_state == sender_state(tx):
        return None
    title = f"{title_of(tx.far)}: sent by a state that is not the other state of this case"
    return decide(item(tx, context, "wrong_state", title, reason("check.partner_of_case")))


def role_fits(tx: Transaction, context: Context) -> Decision | None:
    """Stop a code that only a state in our own role may send."""
    if context.record is None or VALID[tx.far].sent_by != context.record.facts.role.value:
        return None
    ours = context.record.facts.role
    title = f"{title_of(tx.far)}: only the {ours} state sends this, and in this case we are the {ours} state"
    return decide(item(tx, context, "wrong_role", title, "sender_must_have_role"))


def case_open(tx: Transaction, context: Context) -> Decision | None:
    """Stop a transaction on a case we have closed."""
    if context.record is None or context.record.state.status == "open":
        return None
    state = context.record.state
    title = f"{title_of(tx.far)}: arrived on a closed case"
    closed_on = {"closed_on": state.closed_on.isoformat()} if state.closed_on is not None else {}
    return decide(item(tx, context, "case_closed", title, "closed_case_is_not_changed", details=closed_on))


def asks_for_work(code: FarCode) -> bool:
    """Tell whether a code begins a matter before the central registry, which finds the case for it."""
    return code.action == "R" and code.function in REQUESTS


CHECKS: tuple[Check, ...] = (
    addressed_to_us,
    code_known,
    agreement_allows,
    case_id_given,
    case_known,
    partner_of_case,
    role_fits,
    case_open,
)


def first_objection(tx: Transaction, context: Context, without: Set[Check]) -> Decision | None:
    """Run the checks in order and give what the first that objects decides."""
    for check in CHECKS:
        if check not in without and (decision := check(tx, context)) is not None:
            return decision
    return None


def record_of(context: Context) -> CaseRecord:
    """Give the case of a context; `case_known` comes first, so a missing one is a mistake in the code."""
    if context.record is None:
        raise LookupError("this step needs the case")
    return context.record
