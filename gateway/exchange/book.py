"""Keep the simulated exchange's books; each function works inside the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import errorfile
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.exchange.judging import Accepted, Refused
from csenet.gateway.exchange.tables import batch, message, push

_CHUNK: Final = 500


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one batch as it was accepted."""

    id: int
    sender: str
    sha256: str
    raw: bytes
    receipt: dict[str, Any]
    received_at: datetime


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one batch file on its way to a state; it is the same at each try."""

    id: int
    attempts: int
    parcel: Parcel


async def find_batch(conn: AsyncConnection, sender: str, key: str) -> Batch | None:
    """Return what a state sent earlier under the same key."""
    found = await conn.execute(_batches().where(batch.c.sender == sender, batch.c.key == key))
    return _batch(found.mappings().first())


async def next_received(conn: AsyncConnection) -> Batch | None:
    """Return the oldest batch whose transactions are not judged yet."""
    found = await conn.execute(_batches().where(batch.c.state == "received").order_by(batch.c.id).limit(1))
    return _batch(found.mappings().first())


def _batches() -> Any:
    return select(*[batch.c[name] for name in Batch.__struct_fields__])


def _batch(found: RowMapping | None) -> Batch | None:
    return None if found is None else Batch(**found)


async def add_batch(
    conn: AsyncConnection, *, sender: str, key: str, raw: bytes, count: int, at: datetime
) -> dict[str, Any]:
    """Keep a batch and return its receipt."""
    highest = (await conn.execute(select(func.max(batch.c.id)))).scalar_one_or_none() or 0
    sha256 = hashlib.sha256(raw).hexdigest()
    receipt = {
        "receipt_id": f"X{highest + 1:09d}",
        "sha256": sha256,
        "count": count,
        "received_at": at.isoformat(),
    }
    values = {"id": highest + 1, "sender": sender, "key": key, "sha256": sha256, "count": count, "raw": raw}
    await conn.execute(insert(batch).values(**values, receipt=receipt, state="received", received_at=at))
    return receipt


async def known_serials(conn: AsyncConnection, sender: str, serials: Collection[str]) -> set[str]:
    """Return those of a state's serial numbers that it has used for something accepted."""
    wanted = sorted(serials)
    known: set[str] = set()
    for start in range(0, len(wanted), _CHUNK):
        query = select(message.c.serial).where(
            message.c["from"] == sender,
            message.c.serial.in_(wanted[start : start + _CHUNK]),
            message.c.kind == "transaction",
            message.c.state != "refused",
        )
        known.update((await conn.execute(query)).scalars())
    return known


async def add_judged(conn: AsyncConnection, source: Batch, judged: Sequence[Accepted | Refused]) -> None:
    """Write down what became of each transaction of a batch, refusals with their error records."""
    counter = await _error_records(conn) if any(isinstance(each, Refused) for each in judged) else 0
    rows: list[dict[str, Any]] = []
    for each in judged:
        if isinstance(each, Accepted):
            rows.append(_row(source, kind="transaction", state="waiting", **msgspec.structs.asdict(each)))
            continue
        refusal = {"serial": each.serial, "reason": each.reason[:64]}
        rows.append(_row(source, kind="transaction", state="refused", **refusal))
        records = each.error_records(counter + 1)
        counter += len(records)
        refused = {"to": source.sender, "raw": b"\n".join(records)}
        rows.append(_row(source, kind="error", state="waiting", **refusal, **refused))
    if rows:
        await conn.execute(insert(message), rows)
    await conn.execute(update(batch).where(batch.c.id == source.id).values(state="processed"))


async def _error_records(conn: AsyncConnection) -> int:
    """Count the records of the error file written so far."""
    written = select(func.sum(func.length(message.c.raw) + 1)).where(message.c.kind == "error")
    return int((await conn.execute(written)).scalar_one() or 0) // (errorfile.LENGTH + 1)


def _row(source: Batch, **values: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("serial", "to", "far", "raw", "reason"))
    return {
        **blank,
        "batch_id": source.id,
        "from": source.sender,
        "received_at": source.received_at,
        **values,
    }


async def next_push(conn: AsyncConnection, to: str, limit: int, now: datetime) -> Push | None:
    """Return the batch file that is due for a state, sealed anew if none is open.

    Messages go in order; transactions and error records never share a file.
    """
    query = select(push.c.id, push.c.attempts, push.c.kind).where(push.c.to == to, push.c.state == "open")
    found = (await conn.execute(query.order_by(push.c.id).limit(1))).first()
    if found is not None:
        return await _load_push(conn, found.id, found.attempts, to, found.kind)
    waiting = (
        select(message.c.id, message.c.kind)
        .where(message.c.to == to, message.c.state == "waiting")
        .order_by(message.c.id)
        .limit(limit)
    )
    rows = (await conn.execute(waiting)).all()
    if not rows:
        return None
    kind = str(rows[0].kind)
    ids = [row.id for row in rows if row.kind == kind]
    highest = (await conn.execute(select(func.max(push.c.id)))).scalar_one_or_none() or 0
    values = {"id": highest + 1, "to": to, "kind": kind, "state": "open", "attempts": 0, "created_at": now}
    await conn.execute(insert(push).values(**values))
    await conn.execute(update(message).where(message.c.id.in_(ids)).values(push_id=highest + 1))
    return await _load_push(conn, highest + 1, 0, to, kind)


async def _load_push(conn: AsyncConnection, push_id: int, attempts: int, to: str, kind: str) -> Push:
    query = select(message.c.raw).where(message.c.push_id == push_id).order_by(message.c.id)
    raws = list((await conn.execute(query)).scalars())
    payload = b"".join(raw + b"\n" for raw in raws)
    key = f"EXCHANGE-{to}-{'E' if kind == 'error' else 'T'}{push_id:011d}"
    sha256 = hashlib.sha256(payload).hexdigest()
    parcel = Parcel(key=key, name=f"{key}.txt", payload=payload, sha256=sha256, count=len(raws))
    return Push(id=push_id, attempts=attempts, parcel=parcel)


async def count_attempt(conn: AsyncConnection, push_id: int) -> None:
    """Count a try before it is made."""
    await conn.execute(update(push).where(push.c.id == push_id).values(attempts=push.c.attempts + 1))


async def settle_push(conn: AsyncConnection, push_id: int, now: datetime) -> None:
    """Note that a state has acknowledged a batch file."""
    await conn.execute(update(push).where(push.c.id == push_id).values(state="delivered", delivered_at=now))
    await conn.execute(
        update(message).where(message.c.push_id == push_id).values(state="delivered", delivered_at=now)
    )


class ExchangeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Count what the exchange did; ``waiting_for`` tells for whom transactions wait."""

    batches: int
    accepted: int
    unprocessed: int
    waiting: int
    delivered: int
    refused: int
    errors_waiting: int
    errors_delivered: int
    waiting_for: dict[str, int]

    @property
    def balanced(self) -> bool:
        """Say whether every transaction taken in is in exactly one place, and every refusal was written."""
        placed = self.waiting + self.delivered + self.refused + self.unprocessed
        return self.accepted == placed and self.refused == self.errors_waiting + self.errors_delivered


async def counts(conn: AsyncConnection) -> ExchangeCounts:
    """Add up the books in one consistent state."""
    by_state = select(batch.c.state, func.count(), func.sum(batch.c.count)).group_by(batch.c.state)
    batches = {state: (number, records) for state, number, records in await conn.execute(by_state)}
    by_kind = select(message.c.kind, message.c.state, func.count()).group_by(message.c.kind, message.c.state)
    found = {(kind, state): number for kind, state, number in await conn.execute(by_kind)}
    waiting = (
        select(message.c.to, func.count())
        .where(message.c.kind == "transaction", message.c.state == "waiting")
        .group_by(message.c.to)
    )
    return ExchangeCounts(
        batches=sum(number for number, _ in batches.values()),
        accepted=sum(records for _, records in batches.values()),
        unprocessed=batches.get("received", (0, 0))[1],
        waiting=found.get(("transaction", "waiting"), 0),
        delivered=found.get(("transaction", "delivered"), 0),
        refused=found.get(("transaction", "refused"), 0),
        errors_waiting=found.get(("error", "waiting"), 0),
        errors_delivered=found.get(("error", "delivered"), 0),
        waiting_for={str(to): int(number) for to, number in await conn.execute(waiting)},
    )
