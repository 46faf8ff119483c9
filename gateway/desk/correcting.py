"""Correct what did not get through: what the exchange refused, and what the other state rejected.

What the exchange refused has never reached the other state, so it goes again under its own serial number as
long as the exchange takes it, and what it was before is kept. What the other state rejected had arrived: it
goes once more as a new transaction, with the right case ID.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.transaction import Direction, Transaction
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.disclosing import may_leave, withheld
from csenet.gateway.desk.plan import Cause, Queued, encode, with_header
from csenet.gateway.desk.requests import answered_before, planned, remember_answer
from csenet.gateway.desk.results import Conflict, NotFound, Rejected, SubmitResult, TransactionRejected
from csenet.gateway.desk.views import outbound_view
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import corrections, outgoing, search
from csenet.gateway.store.sealing import Row
from csenet.handlers import router
from csenet.handlers.context import Context, WorkView
from csenet.handlers.decision import CaseChange, Decision, Refusal, merge
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.rules import reason

AGAIN = "KS3"
"""The duty whose time says how long a refused transaction may be sent again."""
REJECTED_WORK = "find_case_id"
_SENT_AS_IT_IS = frozenset(
    {
        *("transaction_serial_number", "local_fips_state", "functional_type_code", "action_code"),
        *("action_reason", "csenet_version_number", "other_fips_state", "case_id"),
    }
)
"""What makes a transaction this one and no other: with another value it is a new transaction."""


async def correct(
    conn: AsyncConnection, workset: WorkingSet, number: int, obj: Any, key: str | None, actor: str
) -> SubmitResult:
    """Send a refused or rejected transaction again as it is corrected, or raise with every reason against it.

    `obj` is ``{"changes": {...}}``: objects are merged into the transaction, lists and values replace what is
    there, null removes it. The same correction again changes nothing.
    """
    digest = {"correct": number, "body": obj}
    if key is not None and (earlier := await answered_before(conn, key, digest)) is not None:
        return earlier
    row = await corrections.whole(conn, number)
    if row is None:
        raise NotFound("no such transaction of ours")
    before = codec.read(row["raw"], Direction.TO_SERVER).transaction
    if before is None:
        raise Conflict("the transaction cannot be read any more: send it anew")
    after, fields = _changed(before, obj)
    await workset.load(conn, {row["case_id"]} if row["case_id"] else set())
    context = workset.context(row["case_id"], workset.today)
    result = await _sent(conn, workset, row, after, fields, context, actor)
    if key is not None:
        await remember_answer(conn, key, digest, result, workset.now)
    return result


async def _sent(
    conn: AsyncConnection,
    workset: WorkingSet,
    row: Row,
    after: Transaction,
    fields: list[str],
    context: Context,
    actor: str,
) -> SubmitResult:
    if row["status"] == "refused":
        await _again(conn, workset, row, after, fields, actor)
        return await _shown(conn, workset, row["serial"])
    if not fields and await corrections.of(conn, row["id"]):
        # The correction is in it already: what was asked has been done.
        shown = await _shown(conn, workset, row["serial"])
        return msgspec.structs.replace(shown, repeated=True)
    waiting = _rejected_work(row, context)
    if waiting is None:
        text = f"is {row['status']}: only what the exchange refused or the other state rejected is corrected"
        raise Conflict(text)
    return await _anew(conn, workset, row, after, waiting, context, actor)


def _rejected_work(row: Row, context: Context) -> WorkView | None:
    serial = f"{row['serial']:012d}"
    found = (each for each in context.open_work if each.kind == REJECTED_WORK)
    return next((each for each in found if each.details.get("rejected_serial") == serial), None)


def _changed(before: Transaction, obj: Any) -> tuple[Transaction, list[str]]:
    """Merge the changes in, and name the places that differ."""
    if not isinstance(obj, dict) or set(obj) - {"changes"} or not isinstance(obj.get("changes", {}), dict):
        raise Rejected([("changes", 'must be an object such as {"header": {"other_case_id": "KS1"}}')])
    plain, changes = codec.to_json(before), obj.get("changes", {})
    head = changes.get("header") if isinstance(changes.get("header"), dict) else {}
    fixed = sorted(
        name for name in head if name in _SENT_AS_IT_IS and head[name] != plain["header"].get(name)
    )
    if fixed:
        text = "makes it another transaction: send that one anew"
        raise Rejected([(f"changes.header.{name}", text) for name in fixed])
    merged = _merged(plain, changes)
    try:
        after = codec.from_json(merged)
    except CodecError as error:
        raise TransactionRejected(error.problems) from None
    return after, sorted(_differing(plain, codec.to_json(after)))


def _merged(held: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    merged = dict(held) if isinstance(held, dict) else {}
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _differing(before: Any, after: Any, path: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        names = before.keys() | after.keys()
        found = (_differing(before.get(n), after.get(n), f"{path}.{n}" if path else n) for n in names)
        return [each for part in found for each in part]
    return [] if before == after else [path]


async def _again(
    conn: AsyncConnection,
    workset: WorkingSet,
    row: Row,
    after: Transaction,
    fields: list[str],
    actor: str,
) -> None:
    """Queue what the exchange refused under its own serial number."""
    agency, today = workset.agency, workset.today
    last = last_day(row, agency)
    if today > last:
        raise Conflict(f"could be sent again under its own serial number until {last}: send it anew")
    numbered = with_header(after, agency, row["serial"], today)
    raw, wrong, _ = encode(numbered, today)
    wrong += withheld(numbered, workset.cases.record(row["case_id"]), today)
    if wrong:
        raise TransactionRejected(wrong)
    allowed = may_leave(row["far"], row["partner"], raw, today, agency)
    if not allowed.allowed:
        raise TransactionRejected([_refused(allowed.why.rule, allowed.why.text, allowed.why.citation)])
    await corrections.send_again(conn, row, raw, fields, at=workset.now, day=today, actor=actor)
    words = search.words_of_raw("out", row["raw"]), search.words_of_transaction(after)
    await search.replace_transaction(conn, "out", row["id"], *words)
    about = row["in_reply_to"], row["partner"], row["far"]
    cause = Cause(row["correlation"], workset.now, actor, *about)
    detail = {"far": row["far"], "serial": f"{row['serial']:012d}", "fields": fields}
    workset.chronicle.note(row["case_id"], "transaction.corrected", detail, cause)
    workset.chronicle.record("transaction.corrected", f"serial {row['serial']}", cause, {"fields": fields})
    workset.duties.sent(_queued(row, raw, cause, today))
    await workset.flush(conn)


def _queued(row: Row, raw: bytes, cause: Cause, today: date) -> Queued:
    return Queued(
        serial=row["serial"],
        case_id=row["case_id"] or "",
        far=row["far"],
        partner=row["partner"],
        raw=raw,
        day=today,
        cause=cause,
        in_reply=row["in_reply_to"] is not None,
        row_id=row["id"],
    )


def last_day(row: Row, agency: Agency) -> date:
    """Return the last day on which a refused transaction may go again under its own serial number."""
    return deadlines.due(AGAIN, agency.date_of(row["created_at"]), agency.calendar).date


def _refused(rule: str, text: str, citation: str) -> Problem:
    return Problem(
        code=f"policy.{rule}", severity=Severity.ERROR, message=text, block="header", citation=citation
    )


async def _anew(
    conn: AsyncConnection,
    workset: WorkingSet,
    row: Row,
    after: Transaction,
    waiting: WorkView,
    context: Context,
    actor: str,
) -> SubmitResult:
    """Send what the other state rejected as a new transaction, and use its new case ID from now on."""
    objections = withheld(after, context.record, workset.today)
    decided = Refusal(problems=tuple(objections)) if objections else router.originate_written(after, context)
    if isinstance(decided, Refusal):
        raise TransactionRejected(decided.problems)
    corrected = Decision(closes_work=(waiting.id,), reasons=(reason("rejection.corrected"),))
    named, record = after.header.other_case_id, context.record
    if record is not None and named is not None and named != record.other_case_id:
        change = CaseChange(
            case_id=record.case_id, set={"other_case_id": named}, why=reason("rejection.corrected")
        )
        corrected = merge(corrected, Decision(case_changes=(change,)))
    cause = Cause(f"corr-{workset.next_serial}", workset.now, actor)
    plan = planned(workset, merge(decided, corrected), cause)
    workset.adopt(plan)
    await workset.flush(conn)
    return await _shown(conn, workset, plan.queued[0].serial)


async def _shown(conn: AsyncConnection, workset: WorkingSet, serial: int) -> SubmitResult:
    rows = await outgoing.by_serial(conn, [serial])
    return SubmitResult(transactions=[outbound_view(rows[serial], workset.agency.state)])
