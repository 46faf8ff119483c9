"""Tell what happened to one transaction, from the first byte to the receipt, and why; it holds no content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import describe
from csenet.codecs.codes import FarCode
from csenet.gateway import file_names
from csenet.gateway.delivery.patience import meaning_of
from csenet.gateway.desk import views
from csenet.gateway.desk.results import TransactionDetail, TransactionView
from csenet.gateway.store import audit_finding, destinations
from csenet.gateway.store.sealing import keys_of
from csenet.gateway.store.tables import attempt, delivery_batch, inbound, inbound_file, outbound, work_item

_MOST = 50


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Say what happened when; ``why`` names rule and authority where somebody decided or waited.

    ``mood`` is ``good``, ``bad``, ``wait`` or empty; ``link`` names another transaction or a work item.
    """

    at: datetime
    what: str
    why: tuple[str, ...] = ()
    mood: str = ""
    link: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what belongs to a transaction besides its content.

    ``returns`` is the transaction of ours with which the exchange sent it back.  ``answers`` lists what
    answered it; those of ``likely`` came later on its case with a code that answers
    such a transaction, which is no proof.
    """

    moments: list[Moment]
    answered: TransactionView | None
    returns: TransactionView | None = None
    answers: list[TransactionView]
    likely: list[TransactionView]
    refusals: list[TransactionView]
    work: list[Mapping[str, Any]]
    source: str = ""
    place: str = ""


async def story(conn: AsyncConnection, detail: TransactionDetail, state: str) -> Story:
    """Collect everything that happened to a transaction; ``state`` is our own two-digit code."""
    number = int(detail.id.partition("-")[2])
    if detail.direction == "inbound":
        return await _of_inbound(conn, detail, number, state)
    return await _of_outbound(conn, detail, number, state)


async def _of_inbound(conn: AsyncConnection, detail: TransactionDetail, number: int, state: str) -> Story:
    row = await _one(
        conn,
        select(
            inbound_file.c.name,
            inbound_file.c.kind,
            inbound_file.c.source,
            inbound_file.c.received_at,
            inbound_file.c.size,
            inbound.c.position,
            inbound.c.offset,
            inbound.c.decided_at,
        )
        .join(inbound_file, inbound_file.c.id == inbound.c.file_id)
        .where(inbound.c.id == number),
    )
    replies = await _numbers(conn, select(outbound.c.id).where(outbound.c.in_reply_to == number))
    work = await _work(conn, work_item.c.inbound_id == number)
    name = file_names.shown(row["name"], keys_of(conn).ring.search) if row else ""
    moments = [*_arrival(row, name), *_decided(row, detail), *_work_moments(work)]
    answers = await views.by_numbers(conn, [(1, each) for each in replies], state)
    moments += [
        Moment(at=each.received_at, what=f"Answer {each.far} queued", link=each.id, mood="")
        for each in answers
    ]
    moments += [
        Moment(at=each.settled_at, what=f"Answer {each.far} {each.status}", link=each.id, mood="good")
        for each in answers
        if each.settled_at is not None
    ]
    returns = await _returned(conn, detail, state) if row and row["kind"] == "errors" else None
    return Story(
        moments=_ordered(moments),
        answered=None,
        returns=returns,
        answers=answers,
        likely=[],
        refusals=[],
        work=work,
        source=row["source"] if row else "",
        place=f"record {row['position']} of {name}, from byte {row['offset']}" if row else "",
    )


async def _returned(conn: AsyncConnection, detail: TransactionDetail, state: str) -> TransactionView | None:
    """Find the transaction of ours that a record of the exchange is about."""
    if not (detail.serial or "").isdecimal():
        return None
    numbers = await _numbers(conn, select(outbound.c.id).where(outbound.c.serial == int(detail.serial or 0)))
    found = await views.by_numbers(conn, [(1, each) for each in numbers], state)
    return found[0] if found else None


async def _of_outbound(conn: AsyncConnection, detail: TransactionDetail, number: int, state: str) -> Story:
    row = await _one(
        conn,
        select(
            outbound.c.created_at,
            outbound.c.intake_at,
            outbound.c.serial,
            outbound.c.batch_id,
            delivery_batch.c.name,
            delivery_batch.c.created_at.label("sealed_at"),
            delivery_batch.c.delivered_at,
            delivery_batch.c.next_attempt_at,
            delivery_batch.c.state,
        )
        .outerjoin(delivery_batch, delivery_batch.c.id == outbound.c.batch_id)
        .where(outbound.c.id == number),
    )
    work = await _work(conn, work_item.c.outbound_id == number)
    tries = await _tries(conn, row["batch_id"]) if row and row["batch_id"] else []
    answered = detail.in_reply_to
    pairs = [(0, int(answered.partition("-")[2]))] if answered else []
    reasons = await _reasons_of(conn, answered, state) if answered else ()
    known = await destinations.load(conn)
    departed = list(_departure(row, detail, reasons, tries[-1]["at"] if tries else None, known))
    if detail.status == "cancelled":
        departed[-1] = await _taken_back(conn, number, departed[-1])
    # Made and sealed, then tried, then what came of it.
    first = 2 if tries else 1
    moments = [*departed[:first], *_tried(tries, detail.attempts), *departed[first:], *_work_moments(work)]
    cause = await views.by_numbers(conn, pairs, state)
    refused = select(inbound.c.id).where(inbound.c.sender.is_(None), inbound.c.serial == detail.serial)
    refusals = await _numbers(conn, refused)
    return Story(
        moments=_ordered(moments),
        answered=cause[0] if cause else None,
        answers=[],
        likely=await _likely(conn, detail, state),
        refusals=await views.by_numbers(conn, [(0, each) for each in refusals], state),
        work=work,
        source="",
        place=f"batch {row['name']}" if row and row["name"] else "",
    )


async def _one(conn: AsyncConnection, query: Any) -> RowMapping | None:
    found: RowMapping | None = (await conn.execute(query)).mappings().one_or_none()
    return found


async def _numbers(conn: AsyncConnection, query: Any) -> list[int]:
    return [int(each) for each in (await conn.execute(query.limit(_MOST))).scalars()]


async def _work(conn: AsyncConnection, condition: Any) -> list[Mapping[str, Any]]:
    names = ("id", "kind", "title", "duty", "due", "status", "opened_at", "completed_on", "completed_at")
    query = select(*(work_item.c[name] for name in names)).where(condition).order_by(work_item.c.id)
    return [dict(row) for row in (await conn.execute(query.limit(_MOST))).mappings()]


async def _tries(conn: AsyncConnection, batch_id: int) -> list[RowMapping]:
    query = select(attempt.c.at, attempt.c.outcome, attempt.c.detail).where(attempt.c.batch_id == batch_id)
    newest = await conn.execute(query.order_by(attempt.c.id.desc()).limit(_MOST))
    return list(reversed(list(newest.mappings())))


async def _likely(conn: AsyncConnection, detail: TransactionDetail, state: str) -> list[TransactionView]:
    """Find what came later on the case and answers such a transaction."""
    try:
        answers = [str(code) for code in describe.note(FarCode.parse(detail.far or "")).answer]
    except (LookupError, ValueError):
        return []
    if not answers or not detail.case_id:
        return []
    query = (
        select(inbound.c.id)
        .where(
            inbound.c.case_id == detail.case_id,
            inbound.c.far.in_(answers),
            inbound.c.received_at >= detail.received_at,
        )
        .order_by(inbound.c.id)
        .limit(3)
    )
    return await views.by_numbers(conn, [(0, each) for each in await _numbers(conn, query)], state)


def _arrival(row: RowMapping | None, name: str) -> Iterator[Moment]:
    if row is None:
        return
    what = f"Last byte of {name} ({row['size']:,} bytes, by {row['source']}) on disk, receipt given"
    yield Moment(at=row["received_at"], what=what, mood="good")


def _decided(row: RowMapping | None, detail: TransactionDetail) -> Iterator[Moment]:
    decision = detail.decision or {}
    if parked := decision.get("parked"):
        why = parked if isinstance(parked, str) else f"{parked.get('error')} in {parked.get('place')}"
        yield Moment(at=detail.received_at, what="Parked: it waits", why=(why,), mood="wait")
    if detail.settled_at is None:
        return
    words = {
        "decided": ("Decided", "good"),
        "duplicate": ("Known already, with the same bytes: ignored", ""),
        "conflict": ("Its number came before with other bytes: put aside", "bad"),
        "malformed": ("Cannot be used: see its problems", "bad"),
    }
    what, mood = words.get(detail.status, (detail.status, ""))
    yield Moment(at=detail.settled_at, what=what, why=tuple(_reasons(decision)), mood=mood)


def _reasons(decision: Mapping[str, Any]) -> Iterator[str]:
    """Write each reason of a decision with its authority."""
    for why in decision.get("reasons", ()):
        authority = " · ".join(part for part in (why.get("rule"), why.get("citation")) if part)
        yield f"{why.get('text', '')} ({authority})" if authority else str(why.get("text", ""))


async def _reasons_of(conn: AsyncConnection, answered: str, state: str) -> tuple[str, ...]:
    """Give the reasons of the decision that an answer comes from."""
    cause = await views.transaction(conn, answered, state)
    return tuple(_reasons(cause.decision or {})) if cause else ()


def _departure(
    row: RowMapping | None,
    detail: TransactionDetail,
    reasons: tuple[str, ...],
    tried: datetime | None,
    known: destinations.Destination,
) -> Iterator[Moment]:
    if row is None:
        return
    why = (f"It answers {detail.in_reply_to}.", *reasons) if detail.in_reply_to else ()
    yield Moment(
        at=row["created_at"],
        what=f"Made with number {row['serial']:012d} and queued",
        why=why,
        link=detail.in_reply_to or "",
    )
    if row["sealed_at"] is not None:
        yield Moment(at=row["sealed_at"], what=f"Sealed into batch {row['name']}")
    if row["next_attempt_at"] is not None and row["state"] in ("composed", "spooled"):
        yield _following(row["next_attempt_at"], known)
    if detail.status == "delivered" and detail.settled_at is not None:
        yield Moment(at=detail.settled_at, what="Taken by the exchange, receipt kept", mood="good")
    elif detail.settled_at is not None:
        yield Moment(
            at=detail.settled_at, what="Returned by the exchange", why=_told(detail.reason), mood="bad"
        )
    elif detail.status in ("held", "dead", "cancelled"):
        words = {"held": "Kept back", "dead": "Given up", "cancelled": "Withdrawn"}
        yield Moment(
            at=tried or row["sealed_at"] or row["created_at"],
            what=words[detail.status],
            why=_told(detail.reason),
            mood="bad",
        )


def _following(due: datetime, known: destinations.Destination) -> Moment:
    """Say when a batch that failed is tried again; a closed window may make it later still."""
    if known.held_at is not None:
        return Moment(at=due, what="Tried again when delivery is released", mood="wait")
    if known.state != "closed" and known.probe_at is not None and known.probe_at > due:
        return Moment(at=known.probe_at, what="Tried again, not before the breaker's probe", mood="wait")
    return Moment(at=due, what="Tried again, not before this", mood="wait")


async def _taken_back(conn: AsyncConnection, number: int, moment: Moment) -> Moment:
    """Say when a transaction was taken back, by whom and why, where that is on record."""
    rows = await audit_finding.found(
        conn, objects=[f"transaction out-{number}"], action="transaction.recalled", newest_first=True, limit=1
    )
    if not rows:
        return moment
    reason = (rows[0]["detail"] or {}).get("reason", "")
    why = (f"{rows[0]['actor']}: {reason}",)
    return Moment(at=rows[0]["at"], what="Taken back before it left", why=why, mood="bad")


def _told(reason: str | None) -> tuple[str, ...]:
    return (meaning_of(reason),) if reason else ()


def _tried(tries: list[RowMapping], count: int) -> Iterator[Moment]:
    """Tell the tries of the batch; the reason of a failure is a class of failures, never a text.

    Those of one kind that follow each other are one moment, the last one's: a night without the exchange is
    hundreds of tries.
    """
    moods = {"delivered": "good", "transient": "wait", "permanent": "bad", "started": ""}
    words = {"delivered": "taken", "transient": "failed, tried again later", "permanent": "refused for good"}
    number = max(count - len(tries), 0)
    for (kind, _), group in groupby(tries, lambda one: (one["outcome"], one["detail"])):
        same = list(group)
        first, number, each = number + 1, number + len(same), same[-1]
        outcome = words.get(kind, "under way")
        which = f"Try {first}" if first == number else f"Tries {first} to {number}"
        yield Moment(
            at=each["at"],
            what=f"{which}: {outcome}",
            why=_told(each["detail"]),
            mood=moods.get(each["outcome"], ""),
        )


def _work_moments(items: list[Mapping[str, Any]]) -> Iterator[Moment]:
    for item in items:
        due = f", due {item['due']:%-d %b %Y}" if item["due"] else ""
        yield Moment(
            at=item["opened_at"],
            what=f"Work opened: {item['title']}{due}",
            link=f"work-{item['id']}",
            mood="wait",
        )
        if item["completed_at"] is not None:
            yield Moment(
                at=item["completed_at"],
                what=f"Work done: {item['title']}",
                link=f"work-{item['id']}",
                mood="good",
            )


def _ordered(moments: list[Moment]) -> list[Moment]:
    # What one commit did bears moments that differ by microseconds: then the order told is the right one.
    return sorted(moments, key=lambda moment: round(moment.at.timestamp(), 1))
