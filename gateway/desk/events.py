"""Take in what has happened on cases: many events to a commit, each whole or not at all, and each once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.model import BLOCKS
from csenet.gateway.desk.duties import BY_EVENT
from csenet.gateway.desk.event_results import EventLine, EventResult, EventWork
from csenet.gateway.desk.facts_in import minded
from csenet.gateway.desk.names import case_key
from csenet.gateway.desk.plan import Cause, Plan, make_plan
from csenet.gateway.desk.requests import CASE_INFORMATION
from csenet.gateway.desk.results import Conflict, NotFound, Rejected
from csenet.gateway.desk.settling import describe
from csenet.gateway.desk.views import outbound_view
from csenet.gateway.desk.workset import WorkingSet, queued_before, sent_transaction
from csenet.gateway.errors import GatewayError
from csenet.gateway.store import outgoing
from csenet.gateway.store.sealing import opened, sealed
from csenet.gateway.store.tables import idempotency
from csenet.handlers.context import CaseRecord, SentTransaction
from csenet.handlers.event_closing import CLOSURES
from csenet.handlers.event_form import Event, event_from_json
from csenet.handlers.events import Happened, Line, happened
from csenet.handlers.facts import FactsError
from csenet.handlers.joining import differences
from csenet.handlers.matching import own_ids

_SAID_ONCE: Final = frozenset({*CASE_INFORMATION, *CLOSURES})
_NOT_AGAIN: Final = frozenset({"case_information_wanted", "payment_after_closing"})
AFTER_REFUSED = "an earlier event of the case was refused: mend that one first"


class EventFault(GatewayError):  # noqa: N818 - an answer beside others
    """Report that our own program failed on an event: type and place only, the message may quote a person."""

    def __init__(self, error: Exception) -> None:
        """Keep what failed and where."""
        super().__init__("a fault in the program: " + " ".join(describe(error).values()))


class Told(msgspec.Struct, frozen=True):
    """Hold an event as it came: the case ID, and the JSON object."""

    case_id: str
    obj: Any


class _Answer(msgspec.Struct):
    """Hold an answer on its way, until its transactions have their rows."""

    result: EventResult
    key: str
    digest: str
    serials: dict[int, int]
    """The serial number of each line that was queued, by the line's place."""


async def happen(
    conn: AsyncConnection,
    workset: WorkingSet,
    events: Sequence[Told],
    actor: str,
    *,
    dry_run: bool = False,
    stuck: Collection[str] = (),
) -> list[EventResult | GatewayError]:
    """Carry out events in order, inside the caller's transaction; a refused one leaves the others alone.

    What follows a refused event of the same case is refused, too, so that nothing is told out of order. A dry
    run writes nothing.
    """
    known = await _answered(conn, [_key(each.obj) for each in events])
    cases = {case_key(each.case_id) for each in events}
    await workset.load(conn, cases | {new for each in events if (new := _new_id(each.obj))})
    answers: list[_Answer | EventResult | GatewayError] = []
    waiting = set(stuck)
    sent = await _sent_before(conn, workset, events)
    for each in events:
        answer = _one(workset, each, known, waiting, sent, actor, dry_run)
        if isinstance(answer, GatewayError):
            waiting.add(case_key(each.case_id))
        elif isinstance(answer, _Answer):
            known[answer.key] = answer.digest, answer.result
        answers.append(answer)
    if dry_run:
        return [each.result if isinstance(each, _Answer) else each for each in answers]
    await workset.flush(conn)
    return await _written(conn, workset, answers)


async def _sent_before(
    conn: AsyncConnection, workset: WorkingSet, events: Sequence[Told]
) -> dict[str, tuple[SentTransaction, ...]]:
    """Return what was sent on the cases of events of kinds that may not say again what was said."""
    about = {
        workset.cases.names.of(case_key(each.case_id))
        for each in events
        if isinstance(each.obj, dict) and str(each.obj.get("kind")) in _NOT_AGAIN
    }
    found = {case_id: await outgoing.asked_before(conn, case_id, _SAID_ONCE) for case_id in sorted(about)}
    return {
        case_id: tuple(sent_transaction(row, workset.agency) for row in rows)
        for case_id, rows in found.items()
    }


def refused_before(told: Sequence[Told], answers: Sequence[EventResult | GatewayError]) -> set[str]:
    """Name the cases of which an event was refused."""
    return {
        case_key(each.case_id)
        for each, answer in zip(told, answers, strict=True)
        if isinstance(answer, GatewayError)
    }


def _key(obj: Any) -> str:
    return f"event:{obj['id']}" if isinstance(obj, dict) and isinstance(obj.get("id"), str) else ""


async def _answered(conn: AsyncConnection, keys: Sequence[str]) -> dict[str, tuple[str, EventResult]]:
    """Return what was answered before under these keys."""
    query = select(idempotency).where(idempotency.c.key.in_(sorted({key for key in keys if key})))
    found = await opened(conn, idempotency, (await conn.execute(query)).mappings())
    return {row["key"]: (row["request_sha256"], msgspec.convert(row["result"], EventResult)) for row in found}


def _one(
    workset: WorkingSet,
    told: Told,
    known: dict[str, tuple[str, EventResult]],
    stuck: set[str],
    sent: Mapping[str, tuple[SentTransaction, ...]],
    actor: str,
    dry_run: bool,
) -> _Answer | EventResult | GatewayError:
    named, key = case_key(told.case_id), _key(told.obj)
    record, digest = workset.cases.record(named), _digest(named, told.obj)
    ids = {named, *(own_ids(record) if record is not None else ())}
    if key in known:
        first, result = known[key]
        if first not in {_digest(each, told.obj) for each in ids}:
            return Conflict("this event id was used for another event")
        return msgspec.structs.replace(result, repeated=True)
    if ids & stuck:
        return Rejected([("", AFTER_REFUSED)])
    if record is None:
        return NotFound("there is no such case: put its facts first")
    case_id = record.case_id
    cause = Cause(f"{BY_EVENT}{digest[:16]}", workset.now, actor)
    try:
        event = event_from_json(told.obj, workset.today)
        before = (*sent.get(case_id, ()), *queued_before(workset, case_id))
        context = msgspec.structs.replace(workset.context(case_id, event.on), sent_before=before)
        _check_new_id(workset, event, record)
        found = happened(event, context, named)
        return _taken(workset, event, found, cause, key=key, digest=digest, dry_run=dry_run)
    except FactsError as error:
        return Rejected(error.problems)
    except Exception as error:
        # One event's mistake must not stop the others; nothing of it has taken effect.
        return EventFault(error)


def _digest(case_id: str, obj: Any) -> str:
    return hashlib.sha256(msgspec.json.encode([case_id, obj], order="sorted")).hexdigest()


def _new_id(obj: Any) -> str:
    """Give the new case ID that an event may tell, whether or not all of it is right."""
    said = obj.get("new_case_id") if isinstance(obj, dict) else None
    return case_key(said) if isinstance(said, str) else ""


def _check_new_id(workset: WorkingSet, event: Event, record: CaseRecord) -> None:
    """Refuse a new ID that is, or was, that of another case."""
    other = workset.cases.record(event.new_case_id) if event.new_case_id else None
    if other is None or other.case_id == record.case_id:
        return
    if other.case_id != event.new_case_id:
        raise FactsError([("new_case_id", "is one that another case of ours had")])
    differs = differences(record, other)
    if differs:
        text = f"is that of another case of ours: the facts differ in {', '.join(differs)}"
        raise FactsError([("new_case_id", text)])


def _taken(
    workset: WorkingSet, event: Event, found: Happened, cause: Cause, *, key: str, digest: str, dry_run: bool
) -> _Answer:
    """Let an event take effect in memory."""
    case_id = found.told.record.case_id
    detail = {
        "kind": event.kind,
        "id": event.id,
        "facts": list(found.told.changed),
        "notes": list(found.decision.notes),
    }
    plan = make_plan(
        found.decision,
        cause,
        agency=workset.agency,
        records={case_id: found.told.record},
        next_serial=workset.next_serial,
        today=workset.today,
    )
    workset.chronicle.note(case_id, "event.happened", detail, cause)
    workset.chronicle.record("event.happened", f"case {case_id}", cause, {"kind": event.kind})
    if found.told.changed:
        workset.cases.tell(found.told.record)
    record = found.told.record
    if found.duty:
        workset.duties.happened(event, found, record.facts.other_state, cause)
    workset.adopt(plan)
    if event.new_case_id and event.new_case_id != case_id:
        workset.rename(case_id, event.new_case_id, cause)
    lines, serials = _lines(found, plan)
    result = EventResult(
        case_id=event.new_case_id or case_id,
        event_id=event.id,
        kind=event.kind,
        on=event.on,
        dry_run=dry_run,
        facts_changed=list(found.told.changed),
        lines=lines,
        work_items=[EventWork(kind=i.kind, title=i.title, due=i.due, duty=i.duty) for i in plan.work],
        notes=list(found.decision.notes),
        warnings=[*dict.fromkeys((*plan.warnings, *minded(record.facts, workset.today, event.said)))],
        reasons=[msgspec.to_builtins(why) for why in found.decision.reasons],
    )
    return _Answer(result, key, digest, serials)


def _lines(found: Happened, plan: Plan) -> tuple[list[EventLine], dict[int, int]]:
    """Put the transactions queued to their lines; one that the exchange would refuse has become work."""
    queued = list(plan.queued)
    replies = {str(each.transaction.far): each.transaction for each in found.decision.replies}
    lines: list[EventLine] = []
    serials: dict[int, int] = {}
    for place, line in enumerate(found.lines):
        mine = (
            next((each for each in queued if each.far == line.far), None) if line.outcome == "sent" else None
        )
        if mine is not None:
            queued.remove(mine)
            serials[place] = mine.serial
        lines.append(_line(line, replies.get(line.far), sent=mine is not None))
    return lines, serials


def _line(line: Line, tx: Any, *, sent: bool) -> EventLine:
    held = {name: getattr(tx, name) for name in BLOCKS} if sent else {}
    return EventLine(
        far=line.far,
        outcome="work" if line.outcome == "sent" and not sent else line.outcome,
        why=[msgspec.to_builtins(why) for why in line.why],
        missing=list(line.missing),
        blocks={name: len(each) if isinstance(each, tuple) else 1 for name, each in held.items() if each},
    )


async def _written(
    conn: AsyncConnection, workset: WorkingSet, answers: Sequence[_Answer | EventResult | GatewayError]
) -> list[EventResult | GatewayError]:
    """Show each transaction by its row, and keep each answer for when its event comes again."""
    fresh = [each for each in answers if isinstance(each, _Answer)]
    rows = await outgoing.by_serial(conn, [serial for each in fresh for serial in each.serials.values()])
    for each in fresh:
        lines = list(each.result.lines)
        for place, serial in each.serials.items():
            view = outbound_view(rows[serial], workset.agency.state)
            lines[place] = msgspec.structs.replace(lines[place], transaction=view)
        each.result = msgspec.structs.replace(each.result, lines=lines)
    kept = [
        {
            "key": each.key,
            "request_sha256": each.digest,
            "result": msgspec.to_builtins(each.result),
            "created_at": workset.now,
        }
        for each in fresh
    ]
    if kept:
        await conn.execute(insert(idempotency), sealed(conn, idempotency, kept))
    return [each.result if isinstance(each, _Answer) else each for each in answers]
