"""Queue, carry and look: what tests of delivery share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.retry import DELIVERED, Outcome
from csenet.gateway.delivery.transports import Parcel
from csenet.gateway.store import dead
from csenet.gateway.store.engine import Store
from csenet.gateway.store.outbox import OutboundRow
from csenet.gateway.store.sealing import sealed
from csenet.gateway.store.tables import outbound

from .conftest import contents
from .patience import BOUND

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Scripted:
    """A destination that answers as told and remembers what it got."""

    def __init__(self, *answers: Outcome | Exception) -> None:
        self.answers = list(answers)
        self.got: list[Parcel] = []

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        self.got.append(parcel)
        answer = self.answers.pop(0) if self.answers else DELIVERED
        if isinstance(answer, Exception):
            raise answer
        return answer


class Why(msgspec.Struct, frozen=True):
    rule: str = "agreement.partner"
    text: str = "No exchange agreement for this function."
    citation: str = "45 CFR 303.7(a)(5)"


def forbidding(forbidden: set[int]) -> Any:
    """Refuse the transactions with these serial numbers, as long as they stand in the set."""

    async def refusals(conn: AsyncConnection, rows: Sequence[OutboundRow]) -> dict[int, tuple[Why, ...]]:
        return {row.id: (Why(),) for row in rows if row.serial in forbidden}

    return refusals


async def queue(store: Store, *cases: str | None, first: int = 1, status: str = "queued") -> None:
    rows = [
        {
            "serial": serial,
            "partner": "20",
            "case_id": case,
            "far": "MSC P GSTAI",
            "status": status,
            "raw": b"transaction %d" % serial,
            "correlation": f"c{serial}",
            "intake_at": NOW,
            "created_at": NOW,
        }
        for serial, case in enumerate(cases, start=first)
    ]
    async with store.begin() as conn:
        await conn.execute(insert(outbound), sealed(conn, outbound, rows))


async def statuses(store: Store) -> dict[int, str]:
    async with store.read() as conn:
        found = await conn.execute(select(outbound.c.serial, outbound.c.status).order_by(outbound.c.serial))
        return {int(serial): str(status) for serial, status in found}


async def table(store: Store, which: Any) -> list[dict[str, Any]]:
    return await contents(store, which)


def courier(store: Store, transport: Any, clock: ManualClock, **more: Any) -> Courier:
    options = {k: more.pop(k) for k in ("refusals", "ready", "delivered") if k in more}
    settings = CourierSettings(jurisdiction="27", **more)
    return Courier(store, transport, clock, settings, structlog.get_logger(), **options)


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Yield to the other tasks until something holds; the test's own time-out ends a wait in vain."""
    async with asyncio.timeout(BOUND):
        while True:
            held = condition()
            if await held if isinstance(held, Awaitable) else held:
                return
            await asyncio.sleep(0)


async def ticking(clock: ManualClock, task: asyncio.Task[Any]) -> None:
    """Move the clock on whenever somebody sleeps, a second at a time, until the task is done."""
    async with asyncio.timeout(BOUND):
        while not task.done():
            if clock.sleeping:
                clock.advance(1)
            await asyncio.sleep(0)


async def resend(store: Store, ids: list[int] | None = None) -> int:
    async with store.begin() as conn:
        return await dead.resend_dead(conn, ids, at=NOW, today=date(2026, 11, 21))
