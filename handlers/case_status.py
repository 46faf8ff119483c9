"""Answer requests for case information (CSI) at once, found or not."""

from __future__ import annotations

import msgspec

from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import Context
from csenet.handlers.decision import Decision, merge
from csenet.handlers.locate import as_asked, for_asker
from csenet.handlers.policy.rules import reason
from csenet.handlers.replies import Answer, reply_or_work
from csenet.handlers.work import Task, about, decide, due_by, item, title_of

FSINF = FarCode(function="CSI", action="P", reason="FSINF")
FUINF = FarCode(function="CSI", action="P", reason="FUINF")


def requested(tx: Transaction, context: Context, task: Task) -> Decision:
    """Answer with all that is known of the case, or that nothing is; disclosure turns one into the other.

    Any state may ask, also about a case it has no part in, or one that is closed.
    """
    if tx.header.case_id is None:
        title = f"{title_of(tx.far)}: our case ID is blank, so tell the asker otherwise that nothing is known"
        why = reason("case_status.id_blank")
        return decide(item(tx, context, task.kind, title, why, duty=task.duty))
    due, timing = due_by(task.duty, context, context.received_on)
    answer = Answer(
        code=FSINF,
        other_case_id=tx.header.other_case_id,
        due=due,
        duty=task.duty,
        details={"asked_by": about(tx)["serial"]},
    )
    if context.record is None:
        found = Decision(reasons=(reason("case_status.case_unknown"), *timing))
        unknown = msgspec.structs.replace(answer, code=FUINF)
        return merge(found, reply_or_work(unknown, as_asked(tx, context), context))
    found = Decision(reasons=(reason("case_status.told"), *timing))
    return merge(found, reply_or_work(answer, for_asker(context.record, tx), context))
