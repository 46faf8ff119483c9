"""Tell the way of one transaction, from its first byte to its receipt, with the reason of every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.delivery.patience import meaning_of
from csenet.gateway.desk.results import TransactionDetail
from csenet.gateway.store.sealing import opened, opened_one
from csenet.gateway.store.tables import attempt, delivery_batch, inbound, inbound_file, outbound
from csenet.gateway.wording import count


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one thing that happened: when, to which transaction, what, and why or with what."""

    at: datetime
    about: str
    event: str
    detail: str = ""


async def way_of(conn: AsyncConnection, detail: TransactionDetail) -> list[Step]:
    """List the steps of a transaction, of what caused it and of what answers it, in the order of time.

    ``detail`` may be masked: rules, citations, statuses and serial numbers are all that is told of it.
    """
    came = detail.id if detail.id.startswith("in") else detail.in_reply_to
    steps: list[Step] = []
    if came is not None:
        number = int(came.partition("-")[2])
        steps += await _arrival(conn, number)
        query = select(outbound).where(outbound.c.in_reply_to == number).order_by(outbound.c.id)
    else:
        query = select(outbound).where(outbound.c.id == int(detail.id.partition("-")[2]))
    for row in await opened(conn, outbound, (await conn.execute(query)).mappings().all()):
        steps += await _departure(conn, row)
    return sorted(steps, key=lambda step: step.at)


async def _arrival(conn: AsyncConnection, number: int) -> list[Step]:
    query = (
        select(
            inbound,
            inbound_file.c.source,
            inbound_file.c.size,
            inbound_file.c.sha256,
        )
        .join(inbound_file, inbound_file.c.id == inbound.c.file_id)
        .where(inbound.c.id == number)
    )
    row = await opened_one(conn, inbound, (await conn.execute(query)).mappings().one_or_none())
    return [] if row is None else list(_arrived(row, f"in-{number}"))


def _arrived(row: Mapping[str, Any], about: str) -> Iterator[Step]:
    place = f"record {row['position']} of file {row['file_id']} ({row['source']}, {row['size']:,} bytes)"
    yield Step(at=row["received_at"], about=about, event="kept on disk", detail=place)
    at = row["decided_at"] or row["received_at"]
    for problem in row["problems"] or ():
        field = problem.get("field") or ""
        told = f"{problem.get('code')} {field}".strip()
        yield Step(at=at, about=about, event="problem", detail=f"{told}: {problem.get('message')}")
    decision: dict[str, Any] = row["decision"] or {}
    for why in decision.get("reasons", ()):
        yield Step(at=at, about=about, event="reason", detail=_why(why))
    for note in decision.get("notes", ()):
        yield Step(at=at, about=about, event="note", detail=str(note))
    parked = decision.get("parked")
    waits = parked if isinstance(parked, str) else " ".join(map(str, (parked or {}).values()))
    yield Step(at=at, about=about, event=row["status"], detail=waits)


def _why(why: dict[str, Any]) -> str:
    value = f" = {why['value']}" if why.get("value") else ""
    return f"{why.get('rule')}{value}: {why.get('text')} [{why.get('citation')}]"


async def _departure(conn: AsyncConnection, row: Mapping[str, Any]) -> list[Step]:
    about = f"out-{row['id']}"
    told = f"{row['far']} to {row['partner']}, serial {row['serial']:012d}"
    steps = [Step(at=row["created_at"], about=about, event="queued", detail=told)]
    if row["batch_id"] is not None:
        steps += await _tries(conn, row["batch_id"], about)
    if row["delivered_at"] is not None:
        took = (row["delivered_at"] - row["intake_at"]).total_seconds()
        steps.append(
            Step(at=row["delivered_at"], about=about, event="delivered", detail=f"after {took:.1f} s")
        )
    if row["refused_at"] is not None:
        why = row["reason"] or ""
        steps.append(Step(at=row["refused_at"], about=about, event="refused by the exchange", detail=why))
    elif row["status"] in ("held", "dead", "cancelled"):
        last = steps[-1].at
        steps.append(Step(at=last, about=about, event=row["status"], detail=row["reason"] or ""))
    return steps


async def _tries(conn: AsyncConnection, batch_id: int, about: str) -> list[Step]:
    query = select(delivery_batch.c.name, delivery_batch.c.count, delivery_batch.c.created_at)
    batch = (await conn.execute(query.where(delivery_batch.c.id == batch_id))).mappings().one()
    sealed = f"{batch['name']}, {count(batch['count'], 'transaction')}"
    steps = [Step(at=batch["created_at"], about=about, event="sealed into a batch", detail=sealed)]
    rows = select(attempt).where(attempt.c.batch_id == batch_id).order_by(attempt.c.id)
    number = 0
    # Those of one kind that follow each other are one step: a night without the exchange has hundreds.
    tries = (await conn.execute(rows)).mappings()
    for (outcome, error), group in groupby(tries, lambda one: (one["outcome"], one["detail"])):
        same = list(group)
        first, number = number + 1, number + len(same)
        which = str(first) if first == number else f"{first} to {number}"
        told = f"{which}: {outcome}{f', {meaning_of(error)}' if error else ''}"
        event = "try" if len(same) == 1 else "tries"
        steps.append(Step(at=same[-1]["at"], about=about, event=event, detail=told))
    return steps
