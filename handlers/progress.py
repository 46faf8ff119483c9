"""Let a case move on by what the other state tells of it, and say how it stands when that is asked.

A step is recorded as a milestone of the case with its day. Work opens only where there is something to do.
"""

from __future__ import annotations

import re
from datetime import date

import msgspec

from csenet.codecs import describe
from csenet.codecs.blocks import Information
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Direction, Transaction
from csenet.handlers.checks import record_of
from csenet.handlers.context import CaseRecord, Context, WorkView
from csenet.handlers.decision import CaseChange, Decision, WorkItem, merge
from csenet.handlers.lines import LINES, in_lines
from csenet.handlers.policy.advances import Advance, advance_of, milestone_words
from csenet.handlers.policy.rules import reason
from csenet.handlers.policy.work_kinds import kind_of
from csenet.handlers.replies import Answer, reply_or_work
from csenet.handlers.work import LINE_WIDTH, Task, about, decide, due_by, item, open_of_kind, title_of

GSPUD = FarCode(function="MSC", action="P", reason="GSPUD")
QUESTION = "answer_question"
STATUS_WORK = "answer_status_request"
_QUESTION_MARK = "?"
_STEP = re.compile(r"(.+) \d{4}-\d{2}-\d{2}")


def reached(code: FarCode, record: CaseRecord, on: date) -> Decision:
    """Record the milestone that a code tells of, received or sent; nothing for a code that tells of none."""
    row = advance_of(str(code))
    if row is None:
        return Decision()
    days = {name: day.isoformat() for name, day in record.state.milestones.items()}
    days |= dict.fromkeys(row.reached, on.isoformat())
    change = CaseChange(case_id=record.case_id, set={"milestones": days}, why=row.why())
    return Decision(case_changes=(change,), reasons=(row.why(),))


def day_of(tx: Transaction, context: Context) -> date:
    """Give the day of what a transaction tells: the one it names, else its own, else that of its receipt."""
    return tx.header.action_resolution_date or tx.header.transaction_date or context.received_on


def advanced(tx: Transaction, context: Context, task: Task) -> Decision:
    """Move the case on, and have a person or the case system do what the step leaves to do."""
    record, row = record_of(context), advance_of(str(tx.far))
    if row is None:
        raise LookupError(f"no step of a case is known for {tx.far}")
    decision = reached(tx.far, record, day_of(tx, context))
    if row.work:
        return merge(decision, decide(_work(tx, context, row, task)))
    return merge(decision, Decision(notes=(describe.sentence(tx, Direction.FROM_SERVER),)))


def _work(tx: Transaction, context: Context, row: Advance, task: Task) -> WorkItem:
    title = f"{describe.sentence(tx, Direction.FROM_SERVER)} {row.title[:1].upper()}{row.title[1:]}."
    group = f"{row.work}:{record_of(context).case_id}" if row.work == "update_case" else ""
    work = item(tx, context, row.work, title, row.why(), duty=task.duty, group=group)
    named = tx.header.action_resolution_date
    if not row.dated or named is None or named < context.received_on:
        return work
    days = kind_of(row.work).days
    if row.dated == "before" and days is not None:
        named = min(named, context.calendar.add_working_days(context.received_on, days))
    return msgspec.structs.replace(work, due=named, reasons=(*work.reasons, reason("progress.day_named")))


def status_told(tx: Transaction, context: Context, task: Task) -> Decision:
    """Note how the other state says the case stands; what it says in words of its own, a person reads.

    Nobody looks where it lists steps of a case, as a gateway does; a question is answered.
    """
    note = describe.sentence(tx, Direction.FROM_SERVER)
    noted, lines = Decision(notes=(note,), reasons=(reason("news.noted"),)), _lines(tx)
    if any(_QUESTION_MARK in line for line in lines):
        title = f"{title_of(tx.far)}: the text holds a question, answer it"
        return merge(noted, decide(item(tx, context, QUESTION, title, reason("progress.question"))))
    if all(map(_lists_steps, lines)):
        return noted
    title = f"{note} {task.title[:1].upper()}{task.title[1:]}."
    group = f"{task.kind}:{record_of(context).case_id}"
    return merge(noted, decide(item(tx, context, task.kind, title, reason("progress.in_words"), group=group)))


def _lists_steps(line: str) -> bool:
    """Tell whether a line says nothing but which steps of a case were reached and when."""
    words = frozenset(milestone_words().values())
    return all(
        (found := _STEP.fullmatch(part.strip())) is not None and found[1] in words for part in line.split(";")
    )


def _lines(tx: Transaction) -> tuple[str, ...]:
    told = tx.information
    if told is None:
        return ()
    return tuple(value for name in LINES if (value := getattr(told, name)))


def status_asked(tx: Transaction, context: Context, task: Task) -> Decision:
    """Say how the case stands: at once where its milestones tell, and nothing in particular was asked.

    What was asked in words is answered by a person, who finds the status ready in the work item.
    """
    record = record_of(context)
    line, notes = status_line(record)
    if line and not _lines(tx):
        due, timing = due_by(task.duty, context, context.received_on)
        answer = Answer(
            code=GSPUD,
            information=Information(status_change_code="O", information_text_line_1=line),
            other_case_id=tx.header.other_case_id,
            due=due,
            duty=task.duty,
            details={"answers": about(tx)["serial"]},
        )
        settled = tuple(work.id for work in open_of_kind(context, STATUS_WORK))
        told = Decision(notes=notes, reasons=(reason("progress.told"), *timing), closes_work=settled)
        return merge(told, reply_or_work(answer, record, context))
    why = reason("progress.asked_in_words" if _lines(tx) else "progress.nothing_to_tell")
    details = {"status": line} if line else {}
    title = f"{title_of(tx.far)}: {task.title}"
    return decide(item(tx, context, task.kind, title, why, duty=task.duty, details=details))


def status_line(record: CaseRecord) -> tuple[str, tuple[str, ...]]:
    """Write how a case stands on one line, the newest milestone first, each whole; empty where none is known.

    What the line has no room for is counted in a note.
    """
    words = milestone_words()
    days = sorted(record.state.milestones.items(), key=lambda each: (each[1], each[0]), reverse=True)
    parts = [f"{words[name]} {day.isoformat()}" for name, day in days if name in words]
    line, left = "", 0
    for part in parts:
        longer = f"{line}; {part}" if line else part
        if len(longer) > LINE_WIDTH:
            left += 1
        else:
            line = longer
    note = f"the status line had no room for {left} earlier steps of the case"
    return line, (note,) if left else ()


def answered(work: WorkView, context: Context) -> Decision:
    """Tell the other state what the person who did the work wants to say; without a text nobody is told."""
    done = Decision(
        notes=(f"work item {work.id} ({work.kind}) was completed",), reasons=(reason("work.completed"),)
    )
    if context.record is None or not context.text:
        return done
    answer = Answer(
        code=GSPUD,
        information=Information(status_change_code="O", **in_lines(context.text.upper())),
        other_case_id=None if context.request is None else context.request.header.other_case_id,
        due=work.due,
        details={"answers": work.details.get("serial", "")},
    )
    said = Decision(reasons=(reason("progress.answered"),))
    return merge(said, reply_or_work(answer, context.record, context))
