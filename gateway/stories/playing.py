"""Play a story against the handlers and compare all that follows with what it tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.validation import validate
from csenet.gateway.stories.reading import Cast, Expected, Story
from csenet.handlers.context import Context, WorkView, apply
from csenet.handlers.decision import Decision, Refusal, WorkItem, to_json
from csenet.handlers.router import completed, dispatch


class Played(msgspec.Struct, frozen=True):
    """Hold the first decision, the one after the work was done, and each difference in words."""

    decision: Decision
    after: Decision | None
    differences: tuple[str, ...]


def play(cast: Cast, story: Story) -> Played:
    """Play a story to its end."""
    tx, context = cast.arriving(story), cast.surroundings(story)
    decision = dispatch(tx, context)
    found = [*_compared(decision, story, story), *_authorities(decision, story)]
    after = None
    if story.done is not None:
        said = _finish(decision, tx, context, story, cast)
        if isinstance(said, Refusal):
            found.append(f"done: refused for {', '.join(each.code for each in said.problems)}")
        else:
            after = said
            found += [f"done: {each}" for each in _compared(said, story.done, story)]
    return Played(decision, after, tuple(found))


def _finish(
    decision: Decision, tx: Transaction, context: Context, story: Story, cast: Cast
) -> Decision | Refusal:
    """Complete the first work item the story opened."""
    done = story.done
    if done is None or not decision.work_items:
        raise ValueError("a story that is to be finished opens work")
    record = cast.record(done.role, done.facts, {}) if done.put_to_case else context.record
    for change in decision.case_changes:
        record = None if record is None else apply(record, change)
    work, *others = (_view(number, item) for number, item in enumerate(decision.work_items, 1))
    siblings = tuple(
        msgspec.structs.replace(other, completed_on=day if isinstance(day, date) else None)
        for other, day in zip(others, done.others, strict=False)
    )
    context = msgspec.structs.replace(
        context, record=record, today=done.on, candidates=(), request=tx, text=done.text
    )
    return completed(work, done.on, siblings, context, done=done.outcome == "done")


def _view(number: int, item: WorkItem) -> WorkView:
    return WorkView(
        id=number, kind=item.kind, case_id=item.case_id, group=item.group, due=item.due, details=item.details
    )


def _compared(decision: Decision, told: Expected, story: Story) -> Iterator[str]:
    written = to_json(decision)
    out = [str(reply.transaction.far) for reply in decision.replies]
    work = [
        {"kind": item.kind}
        | ({"duty": item.duty} if item.duty else {})
        | ({"due": item.due} if item.due else {})
        for item in decision.work_items
    ]
    changes = {name: value for change in decision.case_changes for name, value in change.set.items()}
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
