"""Count what a day brought and what waits now, by partner and function: the numbers that people open with.

What is over long ago is not counted: each query follows an index to today's rows or to those that wait, so
the page costs the same however much the store holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Select, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import destinations, outbox, partner_holds, receipts
from csenet.gateway.store.cases import work_partner
from csenet.gateway.store.destinations import Destination
from csenet.gateway.store.partner_holds import PartnerHold
from csenet.gateway.store.tables import (
    PARKED,
    delivery_batch,
    inbound,
    inbound_file,
    outbound,
    work_item,
)

_WAITING: Final = frozenset(("held", "queued", "sending"))
_SPOILT: Final = frozenset(("malformed", "conflict"))


class Flow(msgspec.Struct, kw_only=True):
    """Count the transactions with one partner, or of one function; ``due`` counts open work."""

    partner: str | None
    function: str | None
    came: int = 0
    went: int = 0
    waiting: int = 0
    failed: int = 0
    due: int = 0

    def add(self, other: Flow) -> None:
        """Add another count to this one."""
        for name in ("came", "went", "waiting", "failed", "due"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class WorkLine(msgspec.Struct, frozen=True, kw_only=True):
    """Count the open work items of one kind: all, those overdue, those due today, and the next date."""

    kind: str
    count: int
    overdue: int = 0
    due_today: int = 0
    next_due: date | None = None


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a day brought since ``since`` and what waits at the moment of asking.

    ``waiting`` counts by status what has not left or not been decided; ``spoilt`` counts what came today and
    cannot be read or used a number twice; ``refused`` what the exchange returned today.
    """

    since: datetime
    flows: list[Flow]
    waiting: dict[str, int]
    spoilt: int
    refused: int
    work: list[WorkLine]
    oldest_waiting: datetime | None
    files_waiting: int
    last_file: datetime | None
    last_batch: datetime | None
    exchange: Destination
    partners_held: list[PartnerHold] = []
    receipts_missing: int = 0


async def today(conn: AsyncConnection, since: datetime, on: date, now: datetime | None = None) -> Today:
    """Count everything that began at or after ``since`` and everything that waits; ``on`` is today's date.

    Receipts that have not come by ``now`` are missing; left out, none is.
    """
    flows: dict[tuple[str | None, str | None], Flow] = {}
    waiting: dict[str, int] = {}
    spoilt = await _came(conn, since, flows)
    refused = await _went(conn, since, flows)
    await _waits(conn, flows, waiting)
    await _due(conn, flows)
    files = select(func.count()).where(inbound_file.c.state == "received")
    return Today(
        since=since,
        flows=list(flows.values()),
        waiting=waiting,
        spoilt=spoilt,
        refused=refused,
        work=await _work(conn, on),
        oldest_waiting=await outbox.oldest_waiting(conn),
        files_waiting=int((await conn.execute(files)).scalar_one()),
        last_file=await _newest(conn, select(inbound_file.c.received_at).order_by(inbound_file.c.id.desc())),
        last_batch=await _newest(
            conn,
            select(delivery_batch.c.delivered_at)
            .where(delivery_batch.c.state == "delivered")
            .order_by(delivery_batch.c.id.desc()),
        ),
        exchange=await destinations.load(conn),
        partners_held=await partner_holds.load(conn),
        receipts_missing=0 if now is None else await receipts.missing(conn, now),
    )


def _function(column: Any) -> Any:
    return func.substr(column, 1, 3)


def _state(column: Any) -> Any:
    """Group by a state as an expression: by its column SQLite walks along that index over all rows ever."""
    return func.substr(column, 1, 2)


def _flow(
    flows: dict[tuple[str | None, str | None], Flow], partner: str | None, function: str | None
) -> Flow:
    return flows.setdefault((partner, function), Flow(partner=partner, function=function))


async def _came(conn: AsyncConnection, since: datetime, flows: Any) -> int:
    state, function = _state(inbound.c.sender), _function(inbound.c.far)
    query = (
        select(state, function, inbound.c.status, func.count())
        .join(inbound_file, inbound_file.c.id == inbound.c.file_id)
        .where(inbound.c.received_at >= since, inbound_file.c.kind == "transactions")
        .group_by(state, function, inbound.c.status)
    )
    spoilt = 0
    for sender, name, status, number in await conn.execute(query):
        flow = _flow(flows, sender, name)
        flow.came += number
        if status in _SPOILT:
            flow.failed += number
            spoilt += number
    return spoilt


async def _went(conn: AsyncConnection, since: datetime, flows: Any) -> int:
    async for flow, number in _grouped(conn, flows, outbound.c.delivered_at >= since):
        flow.went += number
    refused = 0
    async for flow, number in _grouped(conn, flows, outbound.c.refused_at >= since):
        flow.failed += number
        refused += number
    return refused


async def _grouped(conn: AsyncConnection, flows: Any, *chosen: Any) -> Any:
    state, function = _state(outbound.c.partner), _function(outbound.c.far)
    query = select(state, function, func.count()).where(*chosen)
    for partner, name, number in await conn.execute(query.group_by(state, function)):
        yield _flow(flows, partner, name), int(number)


async def _waits(conn: AsyncConnection, flows: Any, waiting: dict[str, int]) -> None:
    function = _function(outbound.c.far)
    leaving = (
        select(outbound.c.partner, function, outbound.c.status, func.count())
        .where(outbox.IN_INDEX)
        .group_by(outbound.c.partner, function, outbound.c.status)
    )
    sender, came = _state(inbound.c.sender), _function(inbound.c.far)
    parked = (
        select(sender, came, literal_column("'parked'"), func.count()).where(PARKED).group_by(sender, came)
    )
    for query in (leaving, parked):
        for partner, name, status, number in await conn.execute(query):
            flow = _flow(flows, partner, name)
            if status == "dead":
                flow.failed += number
            else:
                flow.waiting += number
            waiting[status] = waiting.get(status, 0) + number


async def _due(conn: AsyncConnection, flows: Any) -> None:
    """Count open work by the other state and the function of what it is about."""
    about = (
        select(work_partner().label("state"), work_item.c.function)
        .where(work_item.c.status == "open")
        .subquery()
    )
    query: Select[Any] = select(about.c.state, about.c.function, func.count()).group_by(
        about.c.state, about.c.function
    )
    for partner, name, number in await conn.execute(query):
        _flow(flows, partner, name).due += number


async def _work(conn: AsyncConnection, on: date) -> list[WorkLine]:
    due = work_item.c.due
    query = (
        select(
            work_item.c.kind,
            func.count().label("count"),
            func.sum(case((due < on, 1), else_=0)).label("overdue"),
            func.sum(case((due == on, 1), else_=0)).label("due_today"),
            func.min(due).label("next_due"),
        )
        .where(work_item.c.status == "open")
        .group_by(work_item.c.kind)
    )
    found = [WorkLine(**row) for row in (await conn.execute(query)).mappings()]
    return sorted(found, key=lambda each: (each.next_due or date.max, each.kind))


async def _newest(conn: AsyncConnection, query: Select[Any]) -> datetime | None:
    found: datetime | None = (await conn.execute(query.limit(1))).scalar_one_or_none()
    return found


def summed(flows: Iterable[Flow], by: str) -> list[Flow]:
    """Add flows up by ``partner`` or by ``function``: those with failures first, then the busiest."""
    sums: dict[str | None, Flow] = {}
    for flow in flows:
        key = getattr(flow, by)
        names = {"partner": None, "function": None, by: key}
        sums.setdefault(key, Flow(**names)).add(flow)
    return sorted(
        sums.values(),
        key=lambda each: (
            not each.failed,
            -each.came - each.went - each.waiting,
            getattr(each, by) or "~",
        ),
    )
