"""Carry out what the case side asks for: facts, transactions to send, work that is done.

Each function works inside the caller's transaction and either does all of it or raises.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.blocks import Header
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.transaction import Transaction
from csenet.gateway.desk import duty_cases
from csenet.gateway.desk.checking import reread
from csenet.gateway.desk.disclosing import withheld
from csenet.gateway.desk.duties import INSTEAD
from csenet.gateway.desk.facts_in import are_one
from csenet.gateway.desk.names import case_key
from csenet.gateway.desk.plan import Cause, Plan, queue
from csenet.gateway.desk.results import (
    Conflict,
    NotFound,
    Rejected,
    SubmitResult,
    TransactionRejected,
    WorkItemView,
)
from csenet.gateway.desk.views import outbound_view, work_item_view
from csenet.gateway.desk.workbook import work_view
from csenet.gateway.desk.workset import WorkingSet, sent_transaction
from csenet.gateway.store import aliases, cases, journal, outgoing, work
from csenet.gateway.store.sealing import Row, opened_one, sealed_one
from csenet.gateway.store.tables import idempotency
from csenet.handlers import router
from csenet.handlers.context import (
    CaseRecord,
    Context,
    SentTransaction,
    WorkView,
)
from csenet.handlers.decision import Decision, Refusal
from csenet.handlers.policy.disclosure_review import Release

_LONGEST_CASE_ID = 15
CASE_INFORMATION = ("CSI R FRINF", "CSI R FRNNF")
_DONE = {None: True, "": True, "done": True, "completed": True, "declined": False}


async def submit(
    conn: AsyncConnection, workset: WorkingSet, obj: Any, key: str | None, actor: str
) -> tuple[SubmitResult, Plan | None]:
    """Queue what the case side asks to send, or raise with every reason against it."""
    if key is not None and (earlier := await answered_before(conn, key, obj)) is not None:
        return earlier, None
    wish = read_wish(obj)
    await workset.load(conn, {wish.case_id} if wish.case_id else set())
    context = workset.context(wish.case_id, workset.today)
    context = msgspec.structs.replace(context, sent_before=await _asked_before(conn, workset, wish))
    cause = Cause(f"sub-{workset.next_serial}", workset.now, actor)
    plan = planned(workset, wish.decide(context), cause)
    workset.adopt(plan)
    await workset.flush(conn)
    serials = [queued.serial for queued in plan.queued]
    rows = await outgoing.by_serial(conn, serials)
    result = SubmitResult(
        transactions=[outbound_view(rows[serial], workset.agency.state) for serial in serials],
        warnings=plan.warnings,
    )
    if key is not None:
        await remember_answer(conn, key, obj, result, workset.now)
    return result, plan


async def _asked_before(
    conn: AsyncConnection, workset: WorkingSet, wish: Wish
) -> tuple[SentTransaction, ...]:
    """Return what of our own requests bears on this one: case information is not asked twice a month."""
    if wish.case_id is None or (wish.far.function, wish.far.action) != ("CSI", "R"):
        return ()
    case_id = workset.cases.case_of(wish.case_id) or wish.case_id
    rows = await outgoing.asked_before(conn, case_id, CASE_INFORMATION)
    return tuple(sent_transaction(row, workset.agency) for row in rows)


def planned(workset: WorkingSet, decided: Decision | Refusal, cause: Cause) -> Plan:
    """Work out what was asked; unlike an automatic answer, what the exchange would refuse is refused here."""
    if isinstance(decided, Refusal):
        raise TransactionRejected(decided.problems, decided.work)
    serial = workset.next_serial
    for reply in decided.replies:
        _, wrong, _ = queue(reply, cause, workset.agency, serial, workset.today)
        if wrong:
            raise TransactionRejected(wrong)
    return workset.plan(decided, cause)


async def answered_before(conn: AsyncConnection, key: str, obj: Any) -> SubmitResult | None:
    """Return what was answered to this request under this key; raises ``Conflict`` for another request."""
    query = select(idempotency).where(idempotency.c.key == key)
    found = await opened_one(conn, idempotency, (await conn.execute(query)).mappings().one_or_none())
    if found is None:
        return None
    if found["request_sha256"] != _digest(obj):
        raise Conflict("this idempotency key was used for another request")
    first = msgspec.convert(found["result"], SubmitResult)
    return msgspec.structs.replace(first, repeated=True)


async def remember_answer(
    conn: AsyncConnection, key: str, obj: Any, result: SubmitResult, at: datetime
) -> None:
    """Keep the answer to a request under the caller's key."""
    values = {"key": key, "request_sha256": _digest(obj), "created_at": at, "result": result}
    await conn.execute(insert(idempotency).values(**sealed_one(conn, idempotency, values)))


def _digest(obj: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(obj, order="sorted")).hexdigest()


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what the case side asks to send: a code on a case, or a transaction it wrote itself."""

    case_id: str | None
    far: FarCode
    transaction: Transaction
    written: bool

    def decide(self, context: Context, release: Release | None = None) -> Decision | Refusal:
        """Ask the handlers; a release is for a transaction that was written as it is."""
        if self.written:
            tx = addressed(self.transaction, context.record)
            told = withheld(tx, context.record, context.today, release)
            objections = [*_wrong_partner(tx, context.record), *told]
            return (
                Refusal(problems=tuple(objections)) if objections else router.originate_written(tx, context)
            )
        if context.record is None:
            raise Rejected([("case_id", "there is no such case: put its facts first")])
        given = self.transaction
        return router.originate(self.far, context, information=given.information, header=given.header)


def read_wish(obj: Any) -> Wish:
    """Read either form of a request to send, naming everything wrong with it at once."""
    if isinstance(obj, dict) and "far" in obj:
        return _read_short(obj)
    try:
        tx = codec.from_json(obj)
    except CodecError as error:
        raise TransactionRejected(error.problems) from None
    return Wish(case_id=tx.header.case_id, far=tx.far, transaction=tx, written=True)


def _read_short(obj: dict[str, Any]) -> Wish:
    problems: list[tuple[str, str]] = [
        (name, "is not known here; case_id, far, information and header are")
        for name in obj
        if name not in ("case_id", "far", "information", "header")
    ]
    case_id, far = obj.get("case_id"), FarCode("", "", "")
    if not isinstance(case_id, str) or not 0 < len(case_id.strip()) <= _LONGEST_CASE_ID:
        problems.append(("case_id", f"must be a text of 1 to {_LONGEST_CASE_ID} characters"))
    try:
        far = FarCode.parse(obj["far"])
    except (ValueError, TypeError, AttributeError):
        problems.append(("far", 'must be a code such as "MSC P GSC17"'))
    given = Transaction(header=Header())
    try:
        parts = {name: obj[name] for name in ("information",) if name in obj}
        given = codec.from_json({"header": obj.get("header", {}), **parts})
    except CodecError as error:
        if not problems:
            raise TransactionRejected(error.problems) from None
    if problems:
        raise Rejected(problems)
    return Wish(case_id=case_key(str(case_id)), far=far, transaction=given, written=False)


def addressed(tx: Transaction, record: CaseRecord | None) -> Transaction:
    """Fill in whom a transaction is for where its writer left that to the facts of the case.

    Which locality of ours it comes from, the facts alone say.
    """
    ours = record.facts.our_fips if record is not None else None
    changes: dict[str, Any] = {
        "local_fips_state": None if ours is None else ours[:2],
        "local_fips_county": None if ours is None else ours[2:5],
        "local_fips_sub": None if ours is None else ours[5:7].strip() or None,
    }
    header = tx.header
    if record is None:
        return msgspec.structs.replace(tx, header=msgspec.structs.replace(header, **changes))
    other = record.other_fips
    if header.other_fips_state is None:
        changes |= {
            "other_fips_state": other[:2],
            "other_fips_county": header.other_fips_county or other[2:5],
            "other_fips_sub": header.other_fips_sub or other[5:7].strip() or None,
        }
    if header.other_case_id is None:
        changes["other_case_id"] = record.other_case_id
    return msgspec.structs.replace(tx, header=msgspec.structs.replace(header, **changes))


def _wrong_partner(tx: Transaction, record: CaseRecord | None) -> list[Problem]:
    if record is None or tx.header.other_fips_state == record.facts.other_state:
        return []
    problem = Problem(
        code="header.other_fips_state.case",
        severity=Severity.ERROR,
        message="is not the other state of this case",
        block="header",
        field="Other-FIPS-State",
    )
    return [problem]


async def complete_work(
    conn: AsyncConnection,
    workset: WorkingSet,
    item_id: int,
    on: date,
    outcome: str | None,
    actor: str,
    *,
    case_id: str | None = None,
    text: str | None = None,
) -> tuple[WorkItemView, Plan | None]:
    """Complete a work item and let follow what follows; a completed one is shown as it is.

    `case_id` says to which case of ours work without one was put, `text` what the other state is told.
    """
    row = await work.by_id(conn, item_id)
    if row is None:
        raise NotFound("no such work item")
    if row["status"] != "open":
        if row["completed_on"] != on:
            raise Conflict("this work item was completed on another day")
        return work_item_view(row), None
    received_on = workset.agency.date_of(row["opened_at"])
    _check_completion(on, outcome, received_on, workset.today)
    done = _DONE[outcome]
    about, came_by = await _loaded(conn, workset, row, case_id)
    view = msgspec.structs.replace(work_view(row), case_id=about)
    workset.work.hold(view)
    siblings = tuple(work_view(each) for each in await work.of_group(conn, row))
    cause = await _cause_of(conn, workset, row, actor)
    context = await _context_of(conn, row, workset.context(about, received_on), text)
    decided = router.completed(view, on, siblings, context, done=done)
    if isinstance(decided, Refusal):
        raise TransactionRejected(decided.problems)
    plan = workset.plan(decided, cause)
    if about != row["case_id"] and about is not None:
        await work.put_to_case(conn, item_id, about)
    await are_one(conn, workset, row, cause, done=done)
    workset.work.close(item_id, on, cause, "done" if done else "declined")
    workset.adopt(plan)
    if _is_last(row, siblings, plan):
        workset.duties.work_done(row, came_by, on, done=done)
    await workset.flush(conn)
    if row["inbound_id"] is not None:
        await journal.count_replies(conn, row["inbound_id"], sum(queued.in_reply for queued in plan.queued))
    completed = await work.by_id(conn, item_id)
    if completed is None:
        raise NotFound("no such work item")
    return work_item_view(completed), plan


async def _loaded(
    conn: AsyncConnection, workset: WorkingSet, row: Row, named: str | None
) -> tuple[str | None, set[int]]:
    """Load what a work item is about; return its case, where there is one, and what it came by."""
    about = await _case_of_work(conn, row["case_id"], named)
    came_by = await work.joined_by(conn, row["id"])
    await workset.load(conn, {about} if about else set())
    if about != row["case_id"] and about is not None:
        await duty_cases.put_to_case(conn, workset, came_by, about)
    await workset.duties.load(conn, (), came_by)
    return about, came_by


async def _cause_of(conn: AsyncConnection, workset: WorkingSet, row: Row, actor: str) -> Cause:
    came = await journal.correlation_of(conn, row["inbound_id"])
    about_whom = row["inbound_id"], row["partner"], row["function"]
    return Cause(came or f"work-{row['id']}", workset.now, actor, *about_whom)


async def _context_of(conn: AsyncConnection, row: Row, context: Context, text: str | None) -> Context:
    """Add to what is known of the case what the work was opened by, and what is to be told."""
    raw = await journal.raw_of(conn, row["inbound_id"])
    request = None if raw is None else reread(raw)
    return msgspec.structs.replace(context, request=request, text=text or "")


def _is_last(row: Row, siblings: tuple[WorkView, ...], plan: Plan) -> bool:
    """Tell whether a duty is done with an item: not while others of its group are open, or more follows."""
    others = [each for each in siblings if each.id != row["id"] and each.status == "open"]
    follows = any(item.kind in INSTEAD for item in plan.work)
    return not others and not follows and (row["duty"] is not None or row["kind"] in INSTEAD)


async def _case_of_work(conn: AsyncConnection, opened_for: str | None, named: str | None) -> str | None:
    """Return the case of a work item: the one it was opened for if we know it, else the one that is named."""
    if named is None:
        return opened_for
    key = await aliases.named(conn, case_key(named))
    if opened_for is not None and opened_for != key and await cases.with_ids(conn, {opened_for}):
        raise Rejected([("case_id", "this work belongs to another case")])
    if not await cases.with_ids(conn, {key}):
        raise Rejected([("case_id", "there is no such case: put its facts first")])
    return key


def _check_completion(on: date, outcome: str | None, received_on: date, today: date) -> None:
    problems = []
    if on > today:
        problems.append(("on", "cannot lie in the future"))
    if on < received_on:
        problems.append(("on", "cannot lie before the day the work arose"))
    if outcome not in _DONE:
        problems.append(("outcome", "must be done or declined, or be left out"))
    if problems:
        raise Rejected(problems)
