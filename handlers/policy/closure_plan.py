"""Plan the closing of an interstate case: `plan(facts, "303.11(b)(4)", day)` gives dated steps.

The plan says with which code the ground is told, whose notice must run out before, what the other state may
or must do, and what cannot be told by any code. The law is that of the planning day. What the facts leave
open is asked for, never guessed.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from csenet.handlers.policy.closure_map import Criterion, RoleName, closure, criterion_of
from csenet.handlers.policy.deadlines import Due, due
from csenet.handlers.policy.rules import Stated, Why, value_on
from csenet.handlers.policy.working_days import Calendar

StepKind = Literal["ground", "notice", "wait", "act", "close", "tell", "receiver", "keep_records"]

_FAR = "MSC P {}"
_WORDS = "closure_without_code_is_told_in_words"
_NEWS = "closure_of_own_ground_is_new_information"
_ANSWERED = "closure_notice_answered_keeps_open"


class ClosingFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a plan needs to know of a case; `None` means that nobody said.

    `state` is the two-digit FIPS code of the state that plans, `role` its role. `received_on` is the day of
    the other state's transaction that gives the ground; `notice_answered` tells that the notice brought
    information or contact; `recipient_asked` that the recipient of services asked for the transfer to a
    tribal agency.
    """

    state: str
    role: RoleName
    search_began_on: date | None = None
    notice_sent_on: date | None = None
    notice_answered: bool = False
    received_on: date | None = None
    closed_on: date | None = None
    agreed_otherwise: bool = False
    recipient_asked: bool = False
    current_order: bool | None = None
    arrears: Decimal | None = None
    arrears_unenforceable: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one step: who does what, from which day on, by which day at the latest, with which transaction.

    `code` is "" where nothing is sent, or where no code exists; `action_resolution_date` is what the
    transaction says in its header, where it says a day.
    """

    kind: StepKind
    who: str
    text: str
    earliest: date | None = None
    latest: date | None = None
    code: str = ""
    action_resolution_date: date | None = None
    why: Why


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a plan: whether the case must, may or may not be closed, the steps, and what is still asked."""

    paragraph: str
    role: RoleName
    closing: Literal["must", "may", "no"]
    code: str
    steps: tuple[Step, ...]
    questions: tuple[str, ...]
    reasons: tuple[Why, ...]


class PlanError(ValueError):
    """Report a ground on which this state, in this role, on this day, cannot close."""


class _Desk(msgspec.Struct, frozen=True):
    """Hold what every step of one plan looks at."""

    row: Criterion
    facts: ClosingFacts
    day: date
    calendar: Calendar

    def count(self, duty: str, start: date) -> Due:
        """Count a duty under the law of the planning day."""
        return due(duty, start, self.calendar, law_of=self.day)


def plan(facts: ClosingFacts, criterion: str, day: date) -> Plan:
    """Plan a closure on `day` on a ground named by its code or its current paragraph.

    Raise `closure_map.UnknownClosureError` for an unknown ground, and `PlanError` for a code that is only a
    notice, for the other role's ground, for a day before the paragraph took effect, and for a closure before
    its time.
    """
    row = criterion_of(criterion)
    _refuse(row, facts.role, day)
    desk = _Desk(row, facts, day, Calendar(facts.state))
    stops = list(_stops(desk))
    questions = tuple(_questions(desk))
    if stops:
        return _plan(desk, "no", (), (), stops)
    if questions:
        return _plan(desk, _closing(desk), (), questions, ())
    steps = _ask_steps(desk) if _asks_other_state(desk) else _closing_steps(desk)
    return _plan(desk, _closing(desk), tuple(steps), (), ())


def _plan(
    desk: _Desk,
    closing: Literal["must", "may", "no"],
    steps: tuple[Step, ...],
    questions: tuple[str, ...],
    stops: Sequence[Why],
) -> Plan:
    reasons = dict.fromkeys((desk.row.why(), *stops, *(step.why for step in steps)))
    return Plan(
        paragraph=desk.row.paragraph,
        role=desk.facts.role,
        closing=closing,
        code=_code(desk),
        steps=steps,
        questions=questions,
        reasons=tuple(reasons),
    )


def _refuse(row: Criterion, role: RoleName, day: date) -> None:
    if row.stands_for:
        grounds = " or ".join(row.stands_for)
        raise PlanError(f"{row.code} is a notice and no ground of its own: plan {grounds} instead")
    if row.only and row.only != role:
        raise PlanError(f"{row.paragraph} is a ground of the {row.only} state, and this is the {role} state")
    if row.since is not None and day < row.since:
        raise PlanError(f"{row.paragraph} has been in force in this form only since {row.since}")


def _asks_other_state(desk: _Desk) -> bool:
    """Tell whether the ground closes the other state's case and leaves ours open (GSC15, GSC17)."""
    return desk.facts.role == desk.row.sender and not desk.row.closes_sender


def _closing(desk: _Desk) -> Literal["must", "may", "no"]:
    if _asks_other_state(desk):
        return "no"
    return "must" if desk.row.mandatory else "may"


def _code(desk: _Desk) -> str:
    if desk.facts.role == "responding":
        return desk.row.told_as
    return desk.row.code if desk.row.sender == "initiating" else ""


def _stops(desk: _Desk) -> Iterator[Why]:
    """Give each reason why the case stays open."""
    row, facts = desk.row, desk.facts
    if facts.agreed_otherwise and closure("GSC17").paragraph in (row.paragraph, _instructed(row)):
        yield value_on("gsc17_unless_agreed_otherwise", desk.day).why
    if row.notice and facts.notice_answered:
        yield value_on(_ANSWERED, desk.day).why
    if not row.limit:
        return
    said = value_on(row.limit, desk.day)
    too_much = (
        facts.arrears is not None and isinstance(said, Stated) and facts.arrears >= Decimal(str(said.value))
    )
    if facts.current_order or (too_much and not facts.arrears_unenforceable):
        yield said.why


def _instructed(row: Criterion) -> str:
    """Give the paragraph of the instruction that a ground carries out, "" for the others."""
    instruction = closure("GSC17")
    return instruction.paragraph if row.code == instruction.answer else ""


def _questions(desk: _Desk) -> Iterator[str]:
    row, facts = desk.row, desk.facts
    if row.ripens and facts.search_began_on is None:
        yield "On which day did the diligent efforts to locate begin?"
    if _on_receipt(desk) and facts.received_on is None:
        yield "On which day did the other state's notice or instruction arrive?"
    if row.limit and facts.current_order is None:
        yield "Is there a current support order?"
    if row.limit and facts.arrears is None and not facts.arrears_unenforceable:
        yield "How much is owed in arrears, or can they not be enforced under state law?"


def _on_receipt(desk: _Desk) -> str:
    return desk.row.on_receipt if desk.facts.role == "responding" else ""


def _ask_steps(desk: _Desk) -> Iterator[Step]:
    """Plan a notice that closes the other state's case only."""
    row = desk.row
    before = desk.count("IN8", desk.day) if row.closes_receiver == "must" else None
    yield Step(
        kind="tell",
        who="initiating",
        text=f"{row.text} The own case stays open.",
        earliest=desk.day,
        latest=before.date if before else None,
        code=_FAR.format(row.code),
        why=row.why(),
    )
    yield _receiver(desk, desk.day)


def _closing_steps(desk: _Desk) -> Iterator[Step]:
    """Plan the closing of the own case, from the ground to the keeping of its records."""
    before = [*_ripening(desk), *_acting(desk)]
    floors = [step.earliest for step in before if step.earliest is not None]
    begin = max([desk.day, *floors])
    notice = [*_notice(desk, begin)]
    floors += [step.earliest for step in notice if step.kind == "wait" and step.earliest is not None]
    start = max(floors) if notice else begin
    yield from before
    yield from notice
    closed_on = desk.facts.closed_on or start
    if closed_on < max(floors, default=closed_on):
        raise PlanError(
            f"closed on {closed_on}, but {desk.row.paragraph} allows closing only from {start} on"
        )
    yield Step(
        kind="close",
        who=desk.facts.role,
        text="Close the case." if _closing(desk) == "may" else "The case has to be closed.",
        earliest=min(start, closed_on),
        latest=next((step.latest for step in before if step.kind == "act"), None),
        why=desk.row.why(),
    )
    told = _tell(desk, closed_on)
    yield told
    if desk.row.closes_receiver != "no" and desk.facts.role == desk.row.sender:
        yield _receiver(desk, told.latest or closed_on)
    kept = desk.count("CL7", closed_on)
    yield Step(
        kind="keep_records",
        who=desk.facts.role,
        text="Keep the records of the case, the reason for closing among them.",
        latest=kept.date,
        why=kept.why,
    )


def _ripening(desk: _Desk) -> Iterator[Step]:
    if desk.row.ripens and desk.facts.search_began_on is not None:
        ripe = desk.count(desk.row.ripens, desk.facts.search_began_on)
        yield Step(
            kind="ground",
            who=desk.facts.role,
            text="The ground exists once the efforts to locate have lasted this long.",
            earliest=ripe.date,
            why=ripe.why,
        )


def _acting(desk: _Desk) -> Iterator[Step]:
    duty = _on_receipt(desk)
    if duty and desk.facts.received_on is not None:
        said = desk.count(duty, desk.facts.received_on)
        yield Step(
            kind="act",
            who=desk.facts.role,
            text=said.why.text,
            earliest=desk.facts.received_on,
            latest=said.date,
            why=said.why,
        )


def _notice(desk: _Desk, start: date) -> Iterator[Step]:
    """Give the notice and the wait that must come before, unless the ground needs none."""
    row, facts = desk.row, desk.facts
    if not row.notice or (row.no_wait_if == "recipient_asked" and facts.recipient_asked):
        return
    sent_on = facts.notice_sent_on or start
    over = desk.count(row.notice, sent_on)
    to = "the initiating agency, in a record" if row.notice_code else "the recipient of services, in writing"
    yield Step(
        kind="notice",
        who=facts.role,
        text=f"Give notice of the intended closure to {to}.",
        earliest=sent_on,
        code=_FAR.format(row.notice_code) if row.notice_code else "",
        action_resolution_date=over.date if row.notice_code else None,
        why=over.why,
    )
    keeps = value_on(_ANSWERED, desk.day).why
    yield Step(kind="wait", who=facts.role, text=keeps.text, earliest=over.date, why=keeps)


def _tell(desk: _Desk, closed_on: date) -> Step:
    """Tell the other state: by the code of the ground and role, else in words."""
    code, role = _code(desk), desk.facts.role
    if role == "initiating":
        limit = desk.count("IN7", closed_on)
    else:
        limit = desk.count("RS8" if code else "AN2", closed_on)
    why, text = limit.why, "Tell the other state that the case is closed, and on what ground."
    if not code:
        why = value_on(_WORDS, desk.day).why
        news = f" {value_on(_NEWS, desk.day).why.text}" if role == "responding" else ""
        text = f"{why.text}{news}"
    return Step(
        kind="tell",
        who=role,
        text=text,
        earliest=closed_on,
        latest=limit.date,
        code=_FAR.format(code) if code else "",
        action_resolution_date=closed_on if code and role == "responding" else None,
        why=why,
    )


def _receiver(desk: _Desk, told_on: date) -> Step:
    """Say what the other state may or must do; its time runs from receipt, here the last day of telling."""
    row = desk.row
    said = desk.count(row.duty, told_on)
    verb = "must" if row.closes_receiver == "must" else "may"
    return Step(
        kind="receiver",
        who="responding",
        text=f"The responding state {verb} close its case, and answers with {row.answer} when it has.",
        earliest=told_on,
        latest=said.date,
        code=_FAR.format(row.answer),
        why=said.why,
    )
