"""Answer quick locate requests from the facts of a case, and leave the search in other sources to a person.

Only an exact match names a person, a parent or a custodial party: the same social security number, or the
same name and birth date. What is told follows a ladder, the surest information first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import msgspec

from csenet.codecs.blocks import Case, Information, NcpIdentification, NcpLocate
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import CaseRecord, CaseState, Context, WorkView, law
from csenet.handlers.decision import Decision, WorkItem, merge
from csenet.handlers.disclosing import replaced
from csenet.handlers.facts import CaseFacts, Role
from csenet.handlers.filling import reviewed
from csenet.handlers.policy.rules import Stated, Why, reason, value_on
from csenet.handlers.replies import Answer, disclosure_reasons, reply_or_work
from csenet.handlers.sought import views_of
from csenet.handlers.work import LINE_WIDTH, Task, about, decide, due_by, item, sender_fips, title_of

_CONFIRMED = "Y"
_NOTHING = "LO1 P LUALL"
_OTHER = "LO1 P LSOTH"
_DECEASED = "LO1 P LUAPD"
_LADDER = (
    _DECEASED,
    "LO1 P LSALL",
    "LO1 P LSADR",
    "LO1 P LSEMP",
    "LO1 P LICAD",
    "LO1 P LICEM",
    _OTHER,
)
"""The answers, the one that says most first."""
_CONTACT = tuple(name for name in Case.__struct_fields__ if name.startswith("contact_"))
_WHO = ("name_last", "name_first", "ssn", "date_of_birth")


def requested(tx: Transaction, context: Context, task: Task) -> Decision:
    """Answer a quick locate at once where the facts answer it, else open the search."""
    asked = tx.ncp_identification or NcpIdentification()
    if asked.ssn is None and asked.date_of_birth is None:
        return _nothing(tx, context, task, law("locate_needs_a_key", context))
    known = _cases_of(asked, context)
    if not known:
        return decide(_search(tx, context, task, reason("locate.not_matched")))
    answers = [(said, record) for record in known if (said := _says(record, context.today)) is not None]
    if not answers:
        return decide(_search(tx, context, task, reason("locate.nothing_on_file")))
    said, record = min(answers, key=lambda each: _LADDER.index(each[0]))
    # Whoever is protected in one case is protected in all: the first case that may not tell decides.
    for each in known:
        theirs = for_asker(each, tx)
        may_tell = reviewed(FarCode.parse(said), theirs, context.today)
        if replaced(may_tell, said) is not None:
            return _nothing(tx, context, task, *disclosure_reasons(may_tell, theirs))
    told = _told(said, for_asker(record, tx), tx, context, task)
    if any(record is each for each in (context.record, *context.candidates)):
        return told
    return merge(Decision(reasons=(reason("locate.custodial_party"),)), told)


def _cases_of(asked: NcpIdentification, context: Context) -> list[CaseRecord]:
    """Give the case that was named if it is about exactly the person asked for, and all others found so."""
    named = () if context.record is None else (context.record,)
    others = (each for each in context.candidates if each not in named)
    return [view for each in (*named, *others) for view in views_of(asked, each)]


def _says(record: CaseRecord, today: date) -> str | None:
    return _DECEASED if record.facts.parent_deceased else _best(record.facts.ncp_locate, today)


def searched(work: WorkView, context: Context, task: Task, *, done: bool) -> Decision | None:
    """Answer when a person ended the search: from the facts when done, else that nothing was found.

    None where the facts still tell nothing: then there is nothing that could be told as found.
    """
    tx = context.request
    if tx is None:
        return Decision(
            notes=(f"work item {work.id} ({work.kind}) has no request to answer",),
            reasons=(reason("work.completed"),),
        )
    if not done:
        return _nothing(tx, context, task, reason("locate.nothing_found"))
    answered = requested(tx, context, task)
    return None if any(each.kind == task.kind for each in answered.work_items) else answered


def _told(said: str, theirs: CaseRecord, tx: Transaction, context: Context, task: Task) -> Decision:
    """Send what is known; where it would leave without any place, have a person complete the facts."""
    answer = _answer(said, tx, context, task)
    notes: tuple[str, ...] = ()
    if said == _OTHER:
        line, notes = _other_line(theirs.facts.ncp_locate or NcpLocate())
        information = Information(status_change_code="O", information_text_line_1=line) if line else None
        answer = msgspec.structs.replace(answer, information=information)
    found = Decision(notes=notes, reasons=(reason("locate.found"),))
    decision = reply_or_work(answer, theirs, context)
    if any(reply.transaction.ncp_locate is None for reply in decision.replies) and said != _DECEASED:
        title = f"{said} cannot tell a place: supply what the facts lack and send it"
        why = reason("locate.no_address_block")
        return merge(found, decide(item(tx, context, "complete_facts", title, why, duty=task.duty)))
    return merge(found, decision)


def _answer(said: str, tx: Transaction, context: Context, task: Task) -> Answer:
    due, _ = due_by(task.duty, context, context.received_on)
    return Answer(
        code=FarCode.parse(said),
        other_case_id=tx.header.other_case_id,
        due=due,
        duty=task.duty,
        details={"asked_by": about(tx)["serial"]},
    )


def _best(known: NcpLocate | None, today: date) -> str | None:
    """Choose the answer that says most: confirmed before unconfirmed, places before other things."""
    if known is None:
        return None
    address = known.residential_address_line_1 is not None and _current(
        known.residential_address_end_date, today
    )
    employer = known.employer_name is not None and _current(known.employer_end_date, today)
    sure = (
        address and known.residential_address_confirmed_ind == _CONFIRMED,
        employer and known.employer_confirmed_ind == _CONFIRMED,
    )
    confirmed: Mapping[tuple[bool, bool], str] = {
        (True, True): "LO1 P LSALL",
        (True, False): "LO1 P LSADR",
        (False, True): "LO1 P LSEMP",
    }
    if sure in confirmed:
        return confirmed[sure]
    if address or employer:
        return "LO1 P LICAD" if address else "LO1 P LICEM"
    mail = known.mailing_address_line_1 is not None and _current(known.mailing_address_end_date, today)
    return _OTHER if mail or _others(known) else None


def _current(end: date | None, today: date) -> bool:
    return end is None or end > today


def _others(known: NcpLocate) -> list[str]:
    """List what is known besides places, in words for the information line."""
    said = (
        ("DRIVERS LICENSE", known.drivers_license_state, known.drivers_license_num),
        ("INSURANCE", known.insurance_carrier_name, known.insurance_policy_num),
        ("PROFESSIONAL LICENSES", known.professional_licenses),
    )
    return [" ".join(part for part in parts if part) for parts in said if any(parts[1:])]


def _other_line(known: NcpLocate) -> tuple[str, tuple[str, ...]]:
    """Write as much of it as the line holds whole, and note what is left to the locate block alone."""
    line, left = "", 0
    for part in _others(known):
        longer = f"{line}; {part}" if line else part
        if len(longer) > LINE_WIDTH:
            left += 1
        else:
            line = longer
    note = f"the information line had no room for {left} of what is known, the locate block has it"
    return line, (note,) if left else ()


def _nothing(tx: Transaction, context: Context, task: Task, *whys: Why) -> Decision:
    """Tell that nothing was found, repeating what was asked and nothing of ours."""
    answer = _answer(_NOTHING, tx, context, task)
    return merge(Decision(reasons=whys), reply_or_work(answer, as_asked(tx, context), context))


def _search(tx: Transaction, context: Context, task: Task, why: Why) -> WorkItem:
    """Open the search in the state's own sources, due as the law says, with the day we set ourselves."""
    ours = value_on("locate_answer_days", context.today)
    details = {}
    if isinstance(ours, Stated) and isinstance(ours.value, int):
        details["answer_by"] = (context.received_on + timedelta(days=ours.value)).isoformat()
    title = f"{title_of(tx.far)}: find the person in the state's own sources and answer, found or not"
    return item(tx, context, task.kind, title, why, ours.why, duty=task.duty, details=details)


def for_asker(record: CaseRecord, tx: Transaction) -> CaseRecord:
    """Give a case as it is told to the state that asks, which may be another than the one of the case."""
    facts = msgspec.structs.replace(
        record.facts, other_fips=sender_fips(tx), other_case_id=tx.header.other_case_id
    )
    # What the case's own state told us last of its codes does not hold for another asker.
    state = msgspec.structs.replace(record.state, other_fips=None, other_case_id=None)
    return CaseRecord(facts=facts, state=state)


def as_asked(tx: Transaction, context: Context) -> CaseRecord:
    """Make of a request the case that an answer without information speaks of.

    It holds what the asker said itself, and whom to turn to at our office where the case is known.
    """
    asked, held = tx.case or Case(), context.record.facts.case if context.record is not None else None
    contact = {name: getattr(held, name) for name in _CONTACT} if held is not None else {}
    person = tx.ncp_identification
    facts = CaseFacts(
        case_id=tx.header.case_id or "",
        role=Role.RESPONDING,
        other_fips=sender_fips(tx),
        other_case_id=tx.header.other_case_id,
        case=Case(case_type=asked.case_type, **contact),
        ncp_identification=NcpIdentification(**{name: getattr(person, name) for name in _WHO})
        if person is not None
        else None,
    )
    return CaseRecord(facts=facts, state=CaseState())
