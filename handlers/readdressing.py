"""Tell a state that writes to us under a wrong case ID of ours which one is right (MSC P GSCAS).

It is told once in so many days: what crosses on the way asks for no second notice. A notice of a case ID
never causes another one, nor does a rejection, so that no two gateways can go on answering each other.
"""

from __future__ import annotations

from datetime import timedelta

from csenet.codecs.blocks import Information
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import CaseRecord, Context
from csenet.handlers.decision import CaseChange, CheckedReply, Decision
from csenet.handlers.filling import ComposeError
from csenet.handlers.matching import bare
from csenet.handlers.policy.rules import Stated, reason, value_on
from csenet.handlers.replies import compose, permission
from csenet.handlers.work import sender_state

GSCAS = FarCode(function="MSC", action="P", reason="GSCAS")
_NOT_FOR = frozenset({"MSC P GSCAS", "MSC P REJCT"})
_OF_NO_CASE = frozenset({"CSI", "LO1"})
"""Functions that any state may send, whether or not it has a part in the case."""


def id_told(record: CaseRecord, context: Context) -> Decision:
    """Remember that the other state was told today which case ID of ours is right."""
    why = reason("match.right_id_told")
    change = CaseChange(case_id=record.case_id, set={"case_id_told_on": context.today.isoformat()}, why=why)
    return Decision(case_changes=(change,), reasons=(why,))


def right_id(tx: Transaction, context: Context) -> Decision:
    """Tell the right case ID where a wrong one was used and nobody told it lately; else nothing.

    Whoever may not be told through the exchange, or cannot be, was told in another way when the ID changed.
    """
    record, used = context.record, tx.header.case_id
    if record is None or used is None or not _wants_it(tx, record, used) or _was_told(record, context):
        return Decision()
    if not permission(GSCAS, context, record.facts.other_state).allowed:
        return Decision()
    try:
        notice = compose(
            GSCAS,
            record,
            context,
            information=Information(new_case_id=record.case_id),
            other_case_id=tx.header.other_case_id,
            named=used,
        )
    except ComposeError:
        return Decision()
    told = id_told(record, context)
    reply = CheckedReply(transaction=notice, case_id=record.case_id)
    return Decision(replies=(reply,), case_changes=told.case_changes, reasons=told.reasons)


def _wants_it(tx: Transaction, record: CaseRecord, used: str) -> bool:
    if str(tx.far) in _NOT_FOR or tx.far.function in _OF_NO_CASE:
        return False
    # An ID that was announced is right already, though the facts do not come under it yet.
    settled = record.state.new_case_id is None and record.state.status == "open"
    of_partner = record.facts.other_state == sender_state(tx)
    return of_partner and settled and bare(used) != bare(record.case_id)


def _was_told(record: CaseRecord, context: Context) -> bool:
    last, days = record.state.case_id_told_on, value_on("case_id_told_again_days", context.today)
    return (
        last is not None
        and isinstance(days, Stated)
        and isinstance(days.value, int)
        and context.today < last + timedelta(days=days.value)
    )
