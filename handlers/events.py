"""Decide what follows from an event on a case of ours: what becomes fact, what leaves, what is left to do.

All of it stands in the table of events. A transaction leaves only where the agreement, both profiles and
disclosure let it; what it lacks becomes one work item that names the element.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from csenet.codecs.blocks import Header, Information, struct_fields
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import Problem
from csenet.handlers import closure
from csenet.handlers.checks import record_of
from csenet.handlers.context import CLOSE_CASE, CaseRecord, Context
from csenet.handlers.decision import CaseChange, Decision, Refusal, WorkItem, merge
from csenet.handlers.event_closing import CLOSURES, closing_code, closing_objection
from csenet.handlers.event_facts import Told, focused, told
from csenet.handlers.event_form import Event
from csenet.handlers.event_table import EventKind, Send
from csenet.handlers.facts import FactsError, check_other_agency, check_own_locality
from csenet.handlers.filling import BY_POLICY, element_of, supplying
from csenet.handlers.origination import originate
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.kept_duties import opens_on_event
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.policy.work_kinds import kind_of
from csenet.handlers.replies import COMPLETE, permission, task_of, way_of
from csenet.handlers.wanted import STRUCTS, wanted_by
from csenet.handlers.work import LINE_WIDTH, due_by, open_of_kind

OTHERWISE = "send_otherwise"
_LINE = "information_text_line_"
_MEMBERS = {"place": "state of the address", "criterion": "ground of the closure"}

Outcome = Literal["sent", "work", "withheld", "silent"]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Say what becomes of one transaction of an event, and why; `missing` names elements, no values."""

    far: str
    outcome: Outcome
    why: tuple[Why, ...] = ()
    missing: tuple[str, ...] = ()


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """Hold everything an event causes: the case after it, the decision, and a line for each transaction."""

    told: Told
    decision: Decision
    lines: tuple[Line, ...]
    duty: str = ""
    """What we owe by it: to tell the other state, unless there is nothing to tell."""


class _Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what one event's transactions are built on: `context` has the case as it is after the event."""

    event: Event
    told: Told
    context: Context
    closed_before: bool = False
    named: str = ""

    @property
    def row(self) -> EventKind:
        return self.event.row

    @property
    def record(self) -> CaseRecord:
        return record_of(self.context)

    @property
    def duty(self) -> str:
        here = ("", _place(self))
        own = (send.duty for send in self.sends if send.duty and send.place in here)
        return next(own, self.row.duty_of(self.record.facts.role.value))

    @property
    def sends(self) -> list[Send]:
        """Give the transactions of the table for our role and the sort of the event."""
        role, of = self.record.facts.role.value, self.event.of
        return [
            each
            for each in self.row.sends
            if each.role in (role, "either") and (not each.of or of in each.of)
        ]


def happened(event: Event, context: Context, named: str = "") -> Happened:
    """Decide what an event causes; pure. Raises `FactsError` for what the facts of the case cannot take.

    `named` is the ID of ours under which the event was told, which may be a former one.
    """
    after = told(event, record_of(context))
    check_own_locality(after.record.facts, context.our_state)
    _check_new_id(event, after.record)
    if {"other_fips", "other_case_id"} & event.said.keys():
        check_other_agency(after.record.facts)
    changes = _state_changes(event, after)
    record = after.record
    if changes:
        values = {**msgspec.to_builtins(record.state), **changes.set}
        record = CaseRecord(facts=record.facts, state=msgspec.convert(values, type(record.state)))
    ground = _Ground(
        event=event,
        told=after,
        context=msgspec.structs.replace(context, record=record),
        closed_before=record_of(context).state.closed_on is not None,
        named=named,
    )
    decision = Decision(reasons=(event.row.why(),), case_changes=(changes,) if changes else ())
    lines: list[Line] = []
    for line, follows in _each(ground):
        lines.append(line)
        decision = merge(decision, follows)
    if any(line.outcome == "sent" for line in lines):
        decision = merge(decision, _closed_work(ground, lines))
    owes = any(line.outcome in ("sent", "work") for line in lines)
    if event.row.work and not _is_silent_for(ground):
        owes, decision = True, merge(decision, _to_do(ground))
    return Happened(told=after, decision=decision, lines=tuple(lines), duty=ground.duty if owes else "")


def _state_changes(event: Event, after: Told) -> CaseChange | None:
    """Say what of the case's state an event changes beyond the facts: closing, opening again."""
    becomes, values = event.row.becomes, dict[str, Any]()
    if becomes:
        values = {"status": becomes, "closed_on": event.on.isoformat() if becomes == "closed" else None}
    if not values:
        return None
    return CaseChange(case_id=after.record.case_id, set=values, why=event.row.why())


def _each(ground: _Ground) -> list[tuple[Line, Decision]]:
    row = ground.row
    if row.silent:
        return [_silent("", row.why(row.silent))]
    if _was_told(ground):
        return [_silent("", reason("events.closed_before"))]
    chosen = ground.sends
    if not chosen:
        return [_silent("", reason("events.other_role"))]
    if row.becomes and any(send.closure for send in chosen) and (done := _by_open_work(ground)) is not None:
        return done
    missing = _lacking(ground)
    if missing:
        codes = _code_of(chosen[0], ground)
        return [_incomplete(ground, codes, missing)]
    return [_one(ground, send) for send in chosen if send.place in ("", _place(ground))]


def _was_told(ground: _Ground) -> bool:
    """Tell whether the event is about a closure of ours that the other state was told of."""
    if ground.row.status != "closed":
        return False
    if ground.row.becomes:
        return ground.closed_before
    return any(str(sent.far) in CLOSURES for sent in ground.context.sent_before)


def _is_silent_for(ground: _Ground) -> bool:
    """Tell whether an event that makes work makes none: in the other role, or while our case is open."""
    return not ground.sends or ground.record.state.status != ground.row.status


def _to_do(ground: _Ground) -> Decision:
    """Have a person do what the event calls for here, whether or not the other state is told."""
    title = f"{ground.row.title}: {kind_of(ground.row.work).text}"
    work = _item(ground, ground.row.work, title, "", ())
    return Decision(work_items=(work,), reasons=work.reasons)


def _silent(far: str, why: Why) -> tuple[Line, Decision]:
    return Line(far=far, outcome="silent", why=(why,)), Decision(reasons=(why,), notes=(why.text,))


def _lacking(ground: _Ground) -> tuple[str, ...]:
    """Name what the kind needs and neither the event nor the facts have."""
    return tuple(name for name in ground.row.needs if not _has(ground, name))


def _has(ground: _Ground, name: str) -> bool:
    block, _, field = name.partition(".")
    if name == "place":
        return _place(ground) != ""
    if name in ("participants", "orders"):
        return bool(ground.told.about.get(name))
    if field:
        return getattr(getattr(ground.record.facts, block), field, None) is not None
    holder = ground.event if hasattr(ground.event, name) else ground.record.facts
    return getattr(holder, name) not in (None, "", ())


def _place(ground: _Ground) -> str:
    """Say whether the address that was told is in one of the two states: `here`, `elsewhere`, or unknown."""
    said: Mapping[str, Any] = ground.event.said.get("ncp_locate", {})
    state = said.get("residential_state") or said.get("mailing_state")
    if not state:
        return ""
    both = (ground.context.our_state, ground.record.facts.other_state)
    known = [jurisdictions()[fips].abbreviation for fips in both if fips in jurisdictions()]
    return "here" if str(state).strip().upper() in known else "elsewhere"


def _code_of(send: Send, ground: _Ground) -> FarCode | None:
    if not send.closure:
        return send.code
    return closing_code(ground.event.criterion, ground.record.facts.role) if ground.event.criterion else None


def _one(ground: _Ground, send: Send) -> tuple[Line, Decision]:
    """Decide on one transaction of the table."""
    code = _code_of(send, ground)
    if code is None:
        return _otherwise(ground, "", "this ground has no code: tell the other state in another way")
    objection = _standing(ground)
    if objection is not None:
        return _silent(str(code), objection)
    early = closing_objection(code, ground.event.on, ground.record)
    if early is not None:
        return _otherwise(ground, str(code), "settle it with the other state", (early,))
    _check_day(ground, send)
    allowed = permission(code, ground.context, ground.record.facts.other_state)
    if not allowed.allowed:
        return _otherwise(ground, str(code), task_of(allowed), allowed.reasons, way_of(allowed))
    return _built(ground, send, code)


def _standing(ground: _Ground) -> Why | None:
    """Give the reason why nothing is told any more, None where the case stands as the kind needs it."""
    state, row = ground.record.state, ground.row
    if state.status != row.status:
        return reason("events.case_closed")
    if state.other_state_closed_on is not None and not row.over:
        return reason("events.other_state_closed")
    return None


def _check_day(ground: _Ground, send: Send) -> None:
    """Refuse a day earlier than the waiting time of a duty allows."""
    event = ground.event
    if not send.not_before or event.date is None:
        return
    due = deadlines.due(send.not_before, event.on, ground.context.calendar)
    if event.date < due.date:
        raise FactsError([("date", f"must be {due.date} or later [{due.why.citation}]")])


def _built(ground: _Ground, send: Send, code: FarCode) -> tuple[Line, Decision]:
    """Build one transaction from the facts; what keeps it from leaving becomes work or a reason."""
    event, about = ground.event, ground.told.about
    only = {name: about[name] for name in send.only if about.get(name)}
    facts = focused(ground.record.facts, only)
    record = CaseRecord(facts=facts, state=ground.record.state, collections=event.collections)
    context = msgspec.structs.replace(ground.context, record=record)
    information, notes = _information(event, send, code)
    day = {"on": event.on, "date": event.date}.get(send.resolved)
    asked = Header(action_resolution_date=day) if day is not None else None
    insist = _what_it_is_about(ground, code)
    named = _known_as(ground)
    made = originate(
        code,
        context,
        information=information,
        header=asked,
        insist=insist,
        named=named,
        on=event.date or event.on,
    )
    if isinstance(made, Decision):
        line = Line(far=str(code), outcome="sent", why=(ground.row.why(), *made.reasons))
        return line, merge(made, Decision(notes=notes))
    return _refused(ground, code, made)


def _check_new_id(event: Event, record: CaseRecord) -> None:
    """Refuse a new ID that is none."""
    if event.new_case_id == record.case_id and not record.state.former_case_ids:
        raise FactsError([("new_case_id", "is the ID that the case has already")])


def _known_as(ground: _Ground) -> str:
    """Give the ID of ours by which the other state knows a case that has another one from now on."""
    new, record = ground.event.new_case_id, ground.record
    ids = (record.case_id, ground.named, *reversed(record.state.former_case_ids))
    return next((each for each in ids if each and each != new), "") if new else ""


def _what_it_is_about(ground: _Ground, code: FarCode) -> frozenset[str]:
    """Name the blocks of facts that the event is about: news of an address without the address is no news."""
    named = {path.partition(".")[0] for path in ground.row.may} | set(ground.told.about)
    said = {*ground.event.said, *(("collections",) if ground.event.collections else ())}
    return frozenset(named & wanted_by(code).keys() & said)


def _information(event: Event, send: Send, code: FarCode) -> tuple[Information | None, tuple[str, ...]]:
    """Write the text of a transaction: the line of the table, and after it what the event says."""
    names = wanted_by(code)["information"].names if "information" in wanted_by(code) else ()
    places = [name for name in names if name.startswith(_LINE)]
    words = {"on": event.on.isoformat(), "date": event.date.isoformat() if event.date else ""}
    said = " ".join(event.text)
    if not places:
        note = (f"the text of the event is not told: {code} has no place for it",) if said else ()
        return (Information(new_case_id=event.new_case_id) if event.new_case_id else None), note
    whole = ": ".join(filter(None, (send.line.format(**words), said)))
    lines = textwrap.wrap(whole, LINE_WIDTH)
    if len(lines) > len(places):
        room = LINE_WIDTH * len(places) - len(whole) + len(said)
        raise FactsError([("text", f"is too long: {code} has room for {room} characters of it")])
    values: dict[str, Any] = dict(zip(places, lines, strict=False))
    return (Information(**values) if values else None), ()


def _refused(ground: _Ground, code: FarCode, refusal: Refusal) -> tuple[Line, Decision]:
    """Tell what policy withholds from what the facts lack, and from what is told in another way."""
    if refusal.task:
        details = refusal.work.details if refusal.work is not None else None
        return _otherwise(ground, str(code), refusal.task, refusal.reasons, details)
    lacks = [problem for problem in refusal.problems if not problem.code.startswith(BY_POLICY)]
    whys = tuple(_as_why(each) for each in refusal.problems if each.code.startswith(BY_POLICY))
    if lacks:
        return _incomplete(ground, code, tuple(dict.fromkeys(element_of(problem) for problem in lacks)), whys)
    line = Line(far=str(code), outcome="withheld", why=whys)
    return line, Decision(reasons=whys, notes=tuple(f"{code} is not sent: {why.text}" for why in whys))


def _as_why(problem: Problem) -> Why:
    rule = problem.code.removeprefix(BY_POLICY)
    return Why(rule=rule, text=problem.message, citation=problem.citation)


def _in_words(name: str) -> str:
    """Name what is missing as a worker knows it."""
    block, _, field = name.partition(".")
    if not field:
        return _MEMBERS.get(name, name.replace("_", " "))
    return f"{block} {struct_fields(STRUCTS[block].__name__)[field].federal}".replace("_", " ")


def _incomplete(
    ground: _Ground, code: FarCode | None, missing: tuple[str, ...], more: tuple[Why, ...] = ()
) -> tuple[Line, Decision]:
    far = str(code) if code is not None else ""
    why = reason("replies.not_composed")
    line = Line(far=far, outcome="work", why=(why, *more), missing=missing)
    named = ", ".join(map(_in_words, missing))
    for work in open_of_kind(ground.context, COMPLETE):
        if work.details.get("far") == far and work.details.get("missing") == named:
            note = f"work item {work.id} names already what {far} lacks"
            return line, Decision(reasons=(why, *more), notes=(note,))
    title = f"{far or ground.row.title} cannot be composed: {supplying(named)} and send it"
    item = _item(ground, COMPLETE, title, far, (why, *more))
    item.details["missing"] = named
    return line, Decision(work_items=(item,), reasons=item.reasons)


def _otherwise(
    ground: _Ground, far: str, task: str, whys: tuple[Why, ...] = (), details: Mapping[str, str] | None = None
) -> tuple[Line, Decision]:
    """Have the other state told in the way that takes the transaction's place."""
    reasons = whys or (reason("events.no_code"),)
    title = f"{far} may not go through the exchange: {task}" if far else f"{ground.row.title}: {task}"
    item = _item(ground, OTHERWISE, title, far, reasons)
    item.details.update(details or {})
    return Line(far=far, outcome="work", why=reasons), Decision(work_items=(item,), reasons=item.reasons)


def _item(ground: _Ground, kind: str, title: str, far: str, whys: tuple[Why, ...]) -> WorkItem:
    """Make work about one transaction, due as the duty of telling says from the day of the event."""
    due, timing = due_by(ground.duty, ground.context, ground.event.on)
    rule = opens_on_event(ground.duty)
    if due is not None and rule is not None:
        due = rule.no_later(due, ground.event.on, ground.event.date)
    return WorkItem(
        kind=kind,
        title=title,
        case_id=ground.record.case_id,
        due=due,
        duty=ground.duty,
        reasons=(ground.row.why(), *whys, *timing),
        details={"far": far, "event": ground.event.kind} if far else {"event": ground.event.kind},
    )


def _closed_work(ground: _Ground, lines: list[Line]) -> Decision:
    """Close the open work that the event says a person has done."""
    sent = {line.far for line in lines if line.outcome == "sent"}
    functions = {far.partition(" ")[0] for far in sent}
    done = tuple(
        work.id
        for kind in ground.row.closes
        for work in open_of_kind(ground.context, kind)
        if work.details.get("far", "").partition(" ")[0] in functions
    )
    return Decision(closes_work=(*done, *_supplied(ground, sent)))


def _supplied(ground: _Ground, sent: set[str]) -> tuple[int, ...]:
    """Name the open work on what an earlier event of the kind lacked; of list entries nobody knows which."""
    row = ground.row
    if row.tells_entries:
        return ()
    return tuple(
        work.id
        for work in open_of_kind(ground.context, COMPLETE)
        if work.details.get("event") == row.kind and (not row.of or work.details.get("far") in sent)
    )


def _by_open_work(ground: _Ground) -> list[tuple[Line, Decision]] | None:
    """Answer a closing by completing the work that an instruction or a notice of the other state opened."""
    for work in open_of_kind(ground.context, CLOSE_CASE):
        if closure.reason_of(work) not in closure.ANSWERS:
            continue
        siblings = tuple(each for each in ground.context.open_work if each.group == work.group)
        follows = closure.completed(work, ground.event.on, siblings, ground.context)
        far = str(closure.ANSWERS[closure.reason_of(work)])
        outcome: Outcome = "sent" if follows.replies else "work" if follows.work_items else "silent"
        line = Line(far=far, outcome=outcome, why=follows.reasons)
        return [(line, merge(follows, Decision(closes_work=(work.id,))))]
    return None
