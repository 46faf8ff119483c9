"""Compose the transactions we send: the blocks and fields their code calls for, filled from the facts.

Nothing goes out that the list of elements does not name, so a transaction never says more than the states
agreed on. The fixed values of the list win over the facts; disclosure wins over both.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import date

import msgspec

from csenet.codecs.blocks import Header, Information
from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.errors import Problem
from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.validation import validate
from csenet.handlers.context import CaseRecord, Context
from csenet.handlers.decision import CheckedReply, Decision, WorkItem
from csenet.handlers.disclosing import problem, replaced, risk_of, tax_permission
from csenet.handlers.facts import BLOCKS, REPEATED
from csenet.handlers.filling import ComposeError, Filling, elements_of, lack, reviewed, supplying
from csenet.handlers.policy.agreements import Permission, may_send
from csenet.handlers.policy.disclosure_review import Review
from csenet.handlers.policy.rules import Why, reason
from csenet.handlers.wanted import wanted_by

VERSION = "003"
COMPLETE = "complete_facts"
"""The kind of work of supplying what a transaction lacks."""
_ANY_SERIAL = "000000000001"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what one answer of ours says, and by when and for what duty it is owed.

    `named` stands in the place of our case ID where there is none.
    """

    code: FarCode
    action_resolution_date: date | None = None
    information: Information | None = None
    other_case_id: str | None = None
    named: str = ""
    due: date | None = None
    duty: str | None = None
    details: dict[str, str] = msgspec.field(default_factory=dict)


def compose(
    code: FarCode,
    record: CaseRecord,
    context: Context,
    *,
    action_resolution_date: date | None = None,
    information: Information | None = None,
    other_case_id: str | None = None,
    header: Header | None = None,
    insist: Set[str] = frozenset(),
    named: str = "",
) -> Transaction:
    """Build a transaction of a core code on a case, without a serial number, dated today.

    `header` gives values the case side asked for; only those it may decide are taken. Blocks of `insist` may
    not be left out, even where the code only recommends them. `named` is the ID of ours under which the other
    state knows the case, where that is not the one in use. Raises `ComposeError`
    naming each element that is required and missing, and everything the federal edits would refuse.
    """
    if not VALID[code].core:
        text = "is valid but not in the set the states agreed to use: give the whole transaction instead"
        raise ComposeError([lack("header.action_reason.core", f"{code} {text}", "header", "action_reason")])
    ours = header_of(
        code,
        context,
        other_fips=record.other_fips,
        case_id=named or record.case_id or None,
        other_case_id=other_case_id or record.other_case_id,
        action_resolution_date=action_resolution_date,
        our_fips=record.facts.our_fips,
    )
    filling = Filling(code, record, context.today, insist)
    why = replaced(filling.said, str(code))
    if why is not None:
        text = f"{why.text} Send {filling.said.send} instead."
        raise ComposeError([problem(why, "header", text=text)])
    tx = Transaction(
        header=filling.header(_asked(ours, header)),
        case=filling.single("case"),
        ncp_identification=filling.single("ncp_identification"),
        ncp_locate=filling.single("ncp_locate"),
        participants=filling.repeated("participants"),
        orders=filling.repeated("orders"),
        collections=filling.repeated("collections"),
        information=filling.information(information),
    )
    if filling.missing:
        raise ComposeError(filling.missing)
    refused = _refused_by_exchange(tx, context)
    optional = {problem.block for problem in refused if filling.is_optional(problem.block)}
    if optional:
        # A block that is only recommended must not keep an answer that is owed from going.
        filling.left_out += refused
        tx = _without(tx, optional)
        refused = _refused_by_exchange(tx, context)
    if refused:
        raise ComposeError(dict.fromkeys([*filling.left_out, *refused]))
    return tx


def _without(tx: Transaction, names: Set[str]) -> Transaction:
    changes = {name: () if name in REPEATED else None for name in names}
    return msgspec.structs.replace(tx, **changes)


def left_out(tx: Transaction, record: CaseRecord) -> tuple[str, ...]:
    """Note which recommended blocks the facts have and the transaction does not."""
    wanted = wanted_by(tx.far)
    return tuple(
        f"the block {name} was left out: its facts are incomplete or may not be told"
        for name in BLOCKS
        if name in wanted and getattr(record.facts, name) and not getattr(tx, name)
    )


def _refused_by_exchange(tx: Transaction, context: Context) -> list[Problem]:
    """List what the federal edits would refuse, leaving out the serial number that comes later."""
    header = msgspec.structs.replace(tx.header, transaction_serial_number=_ANY_SERIAL)
    numbered = msgspec.structs.replace(tx, header=header)
    found = validate(numbered, today=context.today, direction=Direction.TO_SERVER)
    return [problem for problem in found if problem.stops]


_DECIDED_BY_CASE_SIDE = (
    "other_fips_county",
    "other_fips_sub",
    "other_case_id",
    "action_resolution_date",
    "due_date",
    "response_date",
)


def _asked(header: Header, asked: Header | None) -> Header:
    if asked is None:
        return header
    given = {name: getattr(asked, name) for name in _DECIDED_BY_CASE_SIDE}
    changes = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(header, **changes)


def header_of(
    code: FarCode,
    context: Context,
    *,
    other_fips: str,
    case_id: str | None,
    other_case_id: str | None,
    action_resolution_date: date | None = None,
    our_fips: str | None = None,
) -> Header:
    """Build the header of a transaction of ours; the serial number is given later.

    `our_fips` is the code of the locality that has the case, where it is not that of the whole agency.
    """
    ours, other = our_fips or context.jurisdiction, other_fips
    return Header(
        local_fips_state=ours[:2],
        local_fips_county=ours[2:5],
        local_fips_sub=ours[5:7].strip() or None,
        other_fips_state=other[:2],
        other_fips_county=other[2:5],
        other_fips_sub=other[5:7].strip() or None,
        csenet_version_number=VERSION,
        action_code=code.action,
        functional_type_code=code.function,
        transaction_date=context.today,
        case_id=case_id,
        other_case_id=other_case_id,
        action_reason=code.reason or None,
        action_resolution_date=action_resolution_date,
        attachments_ind="N",
        overdue_ind="0",
    )


def permission(code: FarCode, context: Context, partner: str) -> Permission:
    """Ask the agreements and the profiles of both states whether a code may go to a state today."""
    return may_send(str(code), partner, context.today, context.profile, context.agreements)


def reply_or_work(answer: Answer, record: CaseRecord, context: Context) -> Decision:
    """Answer with a transaction; where it may not go or cannot be built, with work for a person instead.

    Where disclosure lets another answer go in its place, that one goes.
    """
    may_tell = reviewed(answer.code, record, context.today)
    if replaced(may_tell, str(answer.code)) is not None:
        # What was written for the one answer says nothing in the other.
        changes = {"code": FarCode.parse(may_tell.send), "information": None}
        answer = msgspec.structs.replace(answer, **changes)
    allowed = permission(answer.code, context, record.facts.other_state)
    if not allowed.allowed:
        return _otherwise(answer, record, allowed)
    try:
        tx = compose(
            answer.code,
            record,
            context,
            action_resolution_date=answer.action_resolution_date,
            information=answer.information,
            other_case_id=answer.other_case_id,
            named=answer.named,
        )
    except ComposeError as lacking:
        missing = elements_of(lacking.problems)
        title = f"{answer.code} cannot be composed: {supplying(missing)} and send it"
        work = _instead(answer, record, COMPLETE, title, (reason("replies.not_composed"),))
        work.details["missing"] = missing
        return Decision(work_items=(work,), reasons=work.reasons)
    taxed = tax_permission(tx, context)
    if not taxed.allowed:
        return _otherwise(answer, record, taxed)
    reply = CheckedReply(transaction=tx, case_id=record.case_id)
    return Decision(
        replies=(reply,),
        notes=left_out(tx, record),
        reasons=(allowed.why, *allowed.also, *disclosure_reasons(may_tell, record)),
    )


def disclosure_reasons(said: Review, record: CaseRecord) -> tuple[Why, ...]:
    """Give the reasons for what a transaction on a case leaves out; none where nobody is at risk."""
    if not risk_of(record.facts).anybody:
        return ()
    return (reason("disclosure.nondisclosure"), *said.reasons)


def _otherwise(answer: Answer, record: CaseRecord, refused: Permission) -> Decision:
    """Open the work of telling the other state in the way that takes the transaction's place."""
    title = f"{answer.code} may not go through the exchange: {task_of(refused)}"
    work = _instead(answer, record, "send_otherwise", title, refused.reasons)
    work.details.update(way_of(refused))
    return Decision(work_items=(work,), reasons=work.reasons)


def task_of(refused: Permission) -> str:
    """Say what a person does where a transaction may not go."""
    return refused.instead.task if refused.instead is not None else "tell the other state in another way"


def way_of(refused: Permission) -> dict[str, str]:
    """Name for a work item the way by which the other state is told instead, and mark it where tax is why."""
    way = {"instead": refused.instead.id} if refused.instead is not None else {}
    taxed = any(why.rule == "tax_information" for why in refused.reasons)
    return {**way, "federal_tax_information": "yes"} if taxed else way


def _instead(answer: Answer, record: CaseRecord, kind: str, title: str, whys: tuple[Why, ...]) -> WorkItem:
    return WorkItem(
        kind=kind,
        title=title,
        case_id=record.case_id or None,
        due=answer.due,
        duty=answer.duty,
        reasons=whys,
        details={"far": str(answer.code), **answer.details},
    )
