"""Begin a story: with what arrives, what is told or wanted by our own side, or a notice that is due."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from csenet.codecs import jsonform
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import Problem
from csenet.codecs.transaction import Transaction
from csenet.gateway.stories.reading import Cast, Story, plain
from csenet.handlers import annual
from csenet.handlers.context import Context
from csenet.handlers.decision import Decision, Refusal
from csenet.handlers.disclosing import objections
from csenet.handlers.event_form import event_from_json
from csenet.handlers.events import Line, happened
from csenet.handlers.facts import FactsError
from csenet.handlers.policy.rules import Why
from csenet.handlers.router import dispatch, originate, originate_written

_OURS = "Convention of the gateway"


class Began(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what followed first: the decision, or what it was refused for; of an event more."""

    decision: Decision
    request: Transaction | None = None
    refused: tuple[str, ...] = ()
    learnt: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


def begin(cast: Cast, story: Story, context: Context) -> Began:
    """Let happen what the story begins with."""
    if story.event:
        return _told(story, context)
    if story.asks:
        return _decided(_asked(story, context))
    if story.yearly:
        return Began(decision=annual.notice(story.last, context))
    tx = cast.arriving(story)
    if story.writes:
        return _decided(_written(tx, context))
    return Began(decision=dispatch(tx, context), request=tx)


def _told(story: Story, context: Context) -> Began:
    try:
        found = happened(event_from_json({"id": "E1", **plain(story.event)}, story.on), context)
    except FactsError as wrong:
        whys = tuple(Why(rule=path, text=f"{path} {text}.", citation=_OURS) for path, text in wrong.problems)
        return Began(decision=Decision(reasons=whys), refused=tuple(path for path, _ in wrong.problems))
    return Began(decision=found.decision, learnt=tuple(sorted(found.told.changed)), lines=found.lines)


def _asked(story: Story, context: Context) -> Decision | Refusal:
    """Ask for a code on the case, to be composed from its facts."""
    parts = {name: block for name, block in plain(story.blocks).items() if name == "information"}
    given = jsonform.load({"header": plain(story.header), **parts})
    code = FarCode.parse(story.asks)
    return originate(code, context, information=given.information, header=given.header)


def _written(tx: Transaction, context: Context) -> Decision | Refusal:
    """Send a transaction that the case side wrote as a whole."""
    facts = context.record.facts if context.record is not None else None
    told = objections(tx, facts, context.today)
    return Refusal(problems=tuple(told)) if told else originate_written(tx, context)


def _decided(said: Decision | Refusal) -> Began:
    if isinstance(said, Decision):
        return Began(decision=said)
    return Began(decision=refusal_as_decision(said), refused=tuple(each.code for each in said.problems))


def refusal_as_decision(said: Refusal) -> Decision:
    """Write a refusal as what follows from it: the work it leaves, and why."""
    work = (said.work,) if said.work is not None else ()
    return Decision(work_items=work, reasons=(*said.reasons, *_whys(said.problems)))


def _whys(problems: Iterable[Problem]) -> tuple[Why, ...]:
    return tuple(Why(rule=each.code, text=each.message, citation=each.citation or _OURS) for each in problems)
