"""Send each transaction to its handler, and each completed piece of work to what follows from it.

This is the door to the handlers: `dispatch` for what arrives, `completed` for work that was done, `originate`
for what our own side asks to send. All three are pure.
"""

from __future__ import annotations

from datetime import date

from csenet.codecs.errors import Problem, Severity
from csenet.codecs.transaction import Transaction
from csenet.handlers import closure
from csenet.handlers.checks import first_objection
from csenet.handlers.context import Context, WorkView
from csenet.handlers.decision import Decision, Refusal
from csenet.handlers.origination import originate, originate_written
from csenet.handlers.policy.rules import reason
from csenet.handlers.routes import OTHERS, ROUTES

__all__ = ["ROUTES", "completed", "dispatch", "originate", "originate_written"]


def dispatch(tx: Transaction, context: Context) -> Decision:
    """Decide what an incoming transaction causes. There is always an outcome and a reason for it."""
    route = ROUTES.get(tx.far, OTHERS)
    objection = first_objection(tx, context, route.without)
    return objection if objection is not None else route.handler(tx, context, route.task)


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
    group = closure.reason_of(work)
    if group in closure.ANSWERS and context.record is not None:
        if done:
            return closure.completed(work, on, siblings, context)
        if group in closure.ELECTIVE:
            return closure.declined(work)
        return _refused("work.outcome.choice", "this work is a duty and cannot be declined")
    return Decision(
        notes=(f"work item {work.id} ({work.kind}) was completed on {on}",),
        reasons=(reason("work.completed"),),
    )


def _refused(code: str, text: str) -> Refusal:
    problem = Problem(code=code, severity=Severity.ERROR, message=text, field=code.split(".")[1])
    return Refusal(problems=(problem,))
