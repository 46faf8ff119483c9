"""Send each transaction to its handler, and each completed piece of work to what follows from it.

This is the door to the handlers: `dispatch` for what arrives, `completed` for work that was done, `originate`
for what our own side asks to send. All three are pure.
"""

from __future__ import annotations

from datetime import date

from csenet.codecs.errors import Problem, Severity
from csenet.codecs.transaction import Transaction
from csenet.handlers import central_registry, closure, locate, progress
from csenet.handlers.checks import first_objection
from csenet.handlers.context import Context, WorkView
from csenet.handlers.decision import Decision, Refusal, merge
from csenet.handlers.lines import LINES, fits
from csenet.handlers.matching import identify
from csenet.handlers.origination import originate, originate_written
from csenet.handlers.readdressing import right_id
from csenet.handlers.routes import LOCATE, OTHERS, ROUTES
from csenet.handlers.work import LINE_WIDTH

__all__ = ["ROUTES", "completed", "dispatch", "originate", "originate_written"]


def dispatch(tx: Transaction, context: Context) -> Decision:
    """Decide what an incoming transaction causes. There is always an outcome and a reason for it."""
    context = identify(tx, context)
    route = ROUTES.get(tx.far, OTHERS)
    objection = first_objection(tx, context, route.without)
    decision = objection if objection is not None else route.handler(tx, context, route.task)
    told = right_id(tx, context)
    if told.replies:
        decision = merge(decision, told)
    if context.matched_by is None:
        return decision
    return merge(Decision(reasons=(context.matched_by,)), decision)


def completed(
    work: WorkView,
    on: date,
    siblings: tuple[WorkView, ...],
    context: Context,
    *,
    done: bool = True,
) -> Decision | Refusal:
    """Decide what follows when a piece of work was completed on a day.

    `siblings` are the items of its group, with or without itself. `done=False` declines what is a choice.
    A day in the future, and declining what is no choice, are refused.
    """
    if on > context.today:
        return _refused("work.on.future", "the day the work was done cannot lie in the future")
    if not fits(context.text):
        text = f"the text has no room in {len(LINES)} lines of {LINE_WIDTH} characters"
        return _refused("work.text.length", text)
    group = closure.reason_of(work)
    if group in closure.ANSWERS and context.record is not None:
        if done:
            return closure.completed(work, on, siblings, context)
        if group in closure.ELECTIVE:
            return closure.declined(work)
        return _refused("work.outcome.choice", "this work is a duty and cannot be declined")
    if work.kind == central_registry.ACKNOWLEDGE:
        said = central_registry.acknowledge(work, context, done=done)
        return said if isinstance(said, Decision) else Refusal(problems=(said,))
    if work.kind == LOCATE.kind:
        found = locate.searched(work, context, LOCATE, done=done)
        text = (
            "the facts tell nothing that could be answered: put them first, or decline if nothing was found"
        )
        return found if found is not None else _refused("work.outcome.facts", text)
    return progress.answered(work, context)


def _refused(code: str, text: str) -> Refusal:
    problem = Problem(code=code, severity=Severity.ERROR, message=text, field=code.split(".")[1])
    return Refusal(problems=(problem,))
