"""Answer requests for case information (CSI) at once, found or not, and weigh the answers to ours.

An answer is compared with the case by machine: what differs is for a person, by name and without a value.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.checks import record_of
from csenet.handlers.context import Context, law
from csenet.handlers.decision import Decision, merge
from csenet.handlers.facts import CaseFacts
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
    due, timing = due_by(task.duty, context, context.received_on)
    answer = Answer(
        code=FSINF,
        other_case_id=tx.header.other_case_id,
        due=due,
        duty=task.duty,
        details={"asked_by": about(tx)["serial"]},
    )
    if context.record is None:
        return merge(Decision(reasons=timing), _unknown(tx, context, answer))
    found = Decision(reasons=(reason("case_status.told"), *timing))
    return merge(found, reply_or_work(answer, for_asker(context.record, tx), context))


def _unknown(tx: Transaction, context: Context, answer: Answer) -> Decision:
    """Answer that there is no information: under the ID asked for, or what stands for no case."""
    blank = tx.header.case_id is None
    why = reason("case_status.id_blank" if blank else "case_status.case_unknown")
    nameless = law("case_id_of_no_case", context)
    unknown = msgspec.structs.replace(answer, code=FUINF, named=nameless.value if blank else "")
    reasons = (why, nameless) if blank else (why,)
    return merge(Decision(reasons=reasons), reply_or_work(unknown, as_asked(tx, context), context))


_COMPARED = ("ncp_identification", "ncp_locate", "case")


def informed(tx: Transaction, context: Context, task: Task) -> Decision:
    """Compare what another state knows with our case; nobody has to look where nothing differs."""
    differing = differences(tx, record_of(context).facts)
    if not differing:
        note = "nothing in the answer differs from what our case system told of the case"
        return Decision(notes=(note,), reasons=(reason("case_status.same"),))
    title = f"{title_of(tx.far)}: {task.title}"
    details = {"differs": ", ".join(differing)}
    return decide(item(tx, context, task.kind, title, reason("case_status.compared"), details=details))


def differences(tx: Transaction, facts: CaseFacts) -> list[str]:
    """Name each field the answer tells and the facts tell otherwise or not at all, with its block."""
    found = []
    for name in _COMPARED:
        theirs, ours = getattr(tx, name), getattr(facts, name)
        told = msgspec.structs.asdict(theirs) if theirs is not None else {}
        held = msgspec.structs.asdict(ours) if ours is not None else {}
        found += [f"{name}.{field}" for field, value in told.items() if _differs(name, field, value, held)]
    for name in ("participants", "orders"):
        if getattr(tx, name) and getattr(tx, name) != getattr(facts, name):
            found.append(name)
    return found


def _differs(block: str, field: str, value: object, held: Mapping[str, object]) -> bool:
    # The other state's own worker, office and payment address say nothing about our case.
    if value is None or (block == "case" and field != "case_type"):
        return False
    return str(value).upper() != str(held.get(field)).upper()


def uninformed(tx: Transaction, context: Context, task: Task) -> Decision:
    """Have the case ID corrected under which another state knows nothing."""
    title = f"{title_of(tx.far)}: {task.title}"
    return decide(item(tx, context, task.kind, title, reason("case_status.unknown_there")))
