"""Do what is due by itself when the time of a duty has run: answer a search with nothing found, or say that
the case may now be closed.
"""

from __future__ import annotations

from datetime import date

from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import Context, WorkView, law
from csenet.handlers.decision import Decision, WorkItem, merge
from csenet.handlers.locate import as_asked
from csenet.handlers.policy.closure import closures
from csenet.handlers.policy.rules import reason
from csenet.handlers.replies import Answer, reply_or_work
from csenet.handlers.work import about

NOTHING_FOUND = FarCode(function="LO1", action="P", reason="LUALL")
MAY_CLOSE = "close_after_notice"
_NOTICE = "GSC14"


def locate_not_found(
    tx: Transaction, context: Context, due: date, searches: tuple[WorkView, ...]
) -> Decision:
    """Answer a quick locate with nothing found when the days for the search have run; the search ends."""
    answer = Answer(
        code=NOTHING_FOUND,
        other_case_id=tx.header.other_case_id,
        due=due,
        duty="LO1",
        details={"asked_by": about(tx)["serial"]},
    )
    why = law("locate_answer_days", context)
    decision = merge(Decision(reasons=(why,)), reply_or_work(answer, as_asked(tx, context), context))
    return merge(decision, Decision(closes_work=tuple(each.id for each in searches)))


def may_close(case_id: str | None, sent_on: date, due: date) -> Decision:
    """Have a person decide whether to close (GSC13), now that the notice of intent has run its time."""
    whys = (closures()[_NOTICE].why(), reason("closure.after_notice"))
    work = WorkItem(
        kind=MAY_CLOSE,
        title=f"Our notice of {sent_on} that we intend to close was not answered by {due}: "
        "close the case and tell the other state (GSC13), or keep it open",
        case_id=case_id,
        duty="RS9",
        reasons=whys,
        details={"far": "MSC P GSC13"},
    )
    return Decision(work_items=(work,), reasons=whys)
