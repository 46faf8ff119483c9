"""Be the exchange between the states of one process: the same books and the same judge, without a port.

For simulations, where a year passes in minutes and every step has to come in the same order each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from csenet.codecs import flatfile
from csenet.codecs.transaction import Direction
from csenet.gateway.clock import Clock
from csenet.gateway.delivery.retry import DELIVERED, Outcome
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.exchange import book
from csenet.gateway.exchange.book import Batch
from csenet.gateway.exchange.judging import Accepted, Judge, Refused
from csenet.gateway.exchange.routes import Route
from csenet.gateway.store.engine import Store

_PUSH_SIZE: Final = 500

Deliver = Callable[[Parcel], Awaitable[None]]


async def judge_batch(store: Store, source: Batch, routes: Mapping[str, Route]) -> list[Accepted | Refused]:
    """Judge each transaction of a batch and write the results in one commit."""
    judge = Judge(sender=source.sender, routes=routes)
    records = list(records_of(source.raw))
    serials = {each.transaction.serial or "" for each in records if each.transaction is not None}
    async with store.begin() as conn:
        known = await book.known_serials(conn, source.sender, serials)
        judged: list[Accepted | Refused] = []
        for record in records:
            result = judge.judge(record, known, source.received_at)
            if isinstance(result, Accepted):
                known.add(result.serial)
            judged.append(result)
        await book.add_judged(conn, source, judged)
    return judged


def records_of(raw: bytes) -> Any:
    """Read what a state sends, record by record."""
    return flatfile.read_all(raw, direction=Direction.TO_SERVER)


class Hall:
    """Take batches from states, judge them at once, and hand out what waits for each."""

    def __init__(self, store: Store, clock: Clock, states: Collection[str]) -> None:
        """Open for states, by two-digit FIPS code."""
        self._store, self._clock = store, clock
        self._routes = {fips: Route(url="", token="", client_token="") for fips in states}
        self.waiting: set[str] = set()
        """The states for which something waits."""
        self.crossed: list[tuple[str, str, str]] = []
        """Who sent what to whom, in order, since somebody last cleared it."""
        self.refused: list[tuple[str, str]] = []
        """What was refused and why: the sender, and the reason with the code."""

    async def take(self, sender: str, parcel: Parcel) -> None:
        """Keep a batch and judge it; one that came before changes nothing."""
        async with self._store.begin() as conn:
            if await book.find_batch(conn, sender, parcel.key) is not None:
                return
            at = self._clock.now()
            await book.add_batch(
                conn, sender=sender, key=parcel.key, raw=parcel.payload, count=parcel.count, at=at
            )
            source = await book.find_batch(conn, sender, parcel.key)
        if source is not None:
            self._note(sender, await judge_batch(self._store, source, self._routes))

    def _note(self, sender: str, judged: list[Accepted | Refused]) -> None:
        for each in judged:
            if isinstance(each, Accepted):
                self.waiting.add(each.to)
                self.crossed.append((sender, each.far, each.to))
                continue
            self.waiting.add(sender)
            head = each.header
            far = f"{head.functional_type_code} {head.action_code} {head.action_reason}" if head else "?"
            self.refused.append((sender, f"{far}: {each.reason}"))

    async def hand_out(self, to: str, deliver: Deliver) -> None:
        """Hand a state all that waits for it, in order; what it takes counts as delivered."""
        self.waiting.discard(to)
        while True:
            async with self._store.begin() as conn:
                due = await book.next_push(conn, to, _PUSH_SIZE, self._clock.now())
            if due is None:
                return
            await deliver(due.parcel)
            async with self._store.begin() as conn:
                await book.settle_push(conn, due.id, self._clock.now())

    async def counts(self) -> book.ExchangeCounts:
        """Add up the books."""
        async with self._store.read() as conn:
            return await book.counts(conn)


class HallTransport:
    """Carry a gateway's batches into the hall."""

    def __init__(self, hall: Hall, sender: str) -> None:
        """Take the state whose batches these are."""
        self._hall, self._sender = hall, sender

    async def open(self) -> None:
        """Need nothing."""

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        """Hand the batch over."""
        await self._hall.take(self._sender, parcel)
        return DELIVERED

    async def close(self) -> None:
        """Hold nothing open."""
