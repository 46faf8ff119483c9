"""Play a story against the handlers and compare all that follows with what it tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec

from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.validation import validate
from csenet.gateway.stories.beginnings import Began, begin, refusal_as_decision
from csenet.gateway.stories.reading import Cast, Expected, Story
from csenet.handlers import limits
from csenet.handlers.context import Context, WorkView, apply
from csenet.handlers.decision import Decision, Refusal, WorkItem, to_json
from csenet.handlers.router import completed

_TIME = "time"


class Played(msgspec.Struct, frozen=True):
    """Hold the first decision, the one after the work was done, and each difference in words."""

    decision: Decision
    after: Decision | None
    differences: tuple[str, ...]


def play(cast: Cast, story: Story) -> Played:
    """Play a story to its end."""
    context = cast.surroundings(story)
    began = begin(cast, story, context)
    decision = began.decision
    found = [
        *_compared(decision, began.refused, story, story),
        *_of_event(began, story),
        *_authorities(decision, story),
    ]
    after = None
    if story.done is not None:
        said = _finish(decision, began.request, context, story, cast)
        after = refusal_as_decision(said) if isinstance(said, Refusal) else said
        refused = tuple(each.code for each in said.problems) if isinstance(said, Refusal) else ()
        found += [f"done: {each}" for each in _compared(after, refused, story.done, story)]
    return Played(decision, after, tuple(found))


def _of_event(began: Began, story: Story) -> Iterator[str]:
    """Compare which facts an event changed, and what of its transactions did not leave."""
    kept_back = [
        {"far": line.far, "outcome": line.outcome} | ({"missing": list(line.missing)} if line.missing else {})
        for line in began.lines
        if line.outcome != "sent"
    ]
    yield from (f"why: nothing is given for {line.far}" for line in began.lines if not line.why)
    yield from _differ("learns", list(began.learnt), list(story.learns))
    yield from _differ("kept_back", kept_back, list(story.kept_back))


def _finish(
    decision: Decision, tx: Transaction | None, context: Context, story: Story, cast: Cast
) -> Decision | Refusal:
    """Complete a work item the story opened, or let its time run."""
    done = story.done
    if done is None:
        raise ValueError("only a story with an end is finished")
    if done.outcome == _TIME:
        return _ran_out(decision, tx, msgspec.structs.replace(context, today=done.on), story)
    if not decision.work_items:
        raise ValueError("a story whose work is done opens some")
    record = cast.record(done.role, done.facts, {}) if done.put_to_case else context.record
    for change in decision.case_changes:
        record = None if record is None else apply(record, change)
    others = [_view(number, item) for number, item in enumerate(decision.work_items, 1)]
    work = others.pop(done.item - 1)
    siblings = tuple(
        msgspec.structs.replace(other, completed_on=day if isinstance(day, date) else None)
        for other, day in zip(others, done.others, strict=False)
    )
    context = msgspec.structs.replace(
        context, record=record, today=done.said_on or done.on, candidates=(), request=tx, text=done.text
    )
    return completed(work, done.on, siblings, context, done=done.outcome == "done")


def _ran_out(decision: Decision, tx: Transaction | None, context: Context, story: Story) -> Decision:
    """End a search that found nothing in its time, or the waiting for an answer to our notice."""
    if tx is None:
        case_id = context.record.case_id if context.record is not None else None
        return limits.may_close(case_id, story.on, context.today)
    searches = tuple(_view(number, item) for number, item in enumerate(decision.work_items, 1))
    return limits.locate_not_found(tx, context, context.today, searches)


def _view(number: int, item: WorkItem) -> WorkView:
    return WorkView(
        id=number, kind=item.kind, case_id=item.case_id, group=item.group, due=item.due, details=item.details
    )


def _compared(decision: Decision, refused: Sequence[str], told: Expected, story: Story) -> Iterator[str]:
    written = to_json(decision)
    out = [str(reply.transaction.far) for reply in decision.replies]
    work = [
        {"kind": item.kind}
        | ({"duty": item.duty} if item.duty else {})
        | ({"due": item.due} if item.due else {})
        for item in decision.work_items
    ]
    changes = {
        name: "" if value is None else value
        for change in decision.case_changes
        for name, value in change.set.items()
    }
    yield from _differ("refused", list(refused), list(told.refused))
    yield from _differ("out", out, list(told.out))
    yield from _differ("opens", work, list(told.opens))
    yield from _differ("closes", list(decision.closes_work), list(told.closes))
    yield from _differ("changes", changes, told.changes)
    if isinstance(told, Story):
        yield from _differ("notes", list(decision.notes), list(told.notes))
    first = written["replies"][0]["transaction"] if written["replies"] else None
    for path, value in told.says.items():
        yield from _differ(f"says {path}", _at(first, path), value)
    for path in told.omits:
        yield from _differ(f"omits {path}", _at(first, path), None)
    details = decision.work_items[0].details if decision.work_items else {}
    for name, value in told.details.items():
        yield from _differ(f"details {name}", details.get(name), value)
    yield from _refused(decision, story)


def _differ(what: str, happened: Any, told: Any) -> Iterator[str]:
    if happened != told:
        yield f"{what}: {happened!r} instead of {told!r}"


def _refused(decision: Decision, story: Story) -> Iterator[str]:
    """Let the exchange's own edits read each reply."""
    for reply in decision.replies:
        header = msgspec.structs.replace(reply.transaction.header, transaction_serial_number="000000000001")
        whole = msgspec.structs.replace(reply.transaction, header=header)
        day = story.done.on if story.done is not None else story.on
        for problem in validate(whole, today=day, direction=Direction.TO_SERVER):
            if problem.stops:
                yield f"{reply.transaction.far}: the exchange would refuse it for {problem.code}"


def _authorities(decision: Decision, story: Story) -> Iterator[str]:
    for named in story.why.split("; "):
        if not any(named in why.citation for why in decision.reasons):
            yield f"why: no reason given cites {named}"


def _at(value: Any, path: str) -> Any:
    """Follow a dotted path through JSON; nothing where it breaks off."""
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
