"""Settle files in order of arrival, a hundred records to a commit, whoever of several gateways does it.

A file may hold transactions of any case, so the order of a case is kept only if the files are settled one
after the other.  On a shared database one gateway at a time holds the lease for it and shows its token in
each of these commits; the others wait, and one of them goes on where a dead one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import flatfile
from csenet.gateway.clock import Clock
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.refusals import ErrorLine, RefusalSettler, error_lines
from csenet.gateway.desk.results import NotFound, SettleCount
from csenet.gateway.desk.settling import Settler
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import journal, leases
from csenet.gateway.store.engine import Store

LEASE_SECONDS: Final = 15.0
"""How long a gateway that died in the middle of a file keeps the others from going on."""

_LOOK_AGAIN: Final = 0.5

T = TypeVar("T")


class FileSettling:
    """Settle what was accepted, for one desk; ``told`` is called with the working set of each commit."""

    def __init__(
        self,
        store: Store,
        agency: Agency,
        clock: Clock,
        log: Any,
        told: Callable[[WorkingSet], SettleCount],
    ) -> None:
        """Remember where and for whom."""
        self._store = store
        self._agency = agency
        self._clock = clock
        self._log = log
        self._told = told
        self._fence: int | None = None

    async def settle(self, up_to: int | None, size: int) -> SettleCount:
        """Settle each file waiting, up to number ``up_to``, ``size`` records to a commit.

        Waits for another gateway that is at it only if it was told up to where: the caller then wants that
        file settled, by whomever.
        """
        total = SettleCount()
        async with self._store.read() as conn:
            if up_to is not None and not await journal.knows_file(conn, up_to):
                raise NotFound("no such file")
            waiting = await journal.pending_files(conn, up_to)
        for file_id in waiting:
            while not await self._settle_file(file_id, size, total):
                if up_to is None:
                    return total
                await self._clock.sleep(_LOOK_AGAIN)
            total.files += 1
        return total

    async def _settle_file(self, file_id: int, size: int, total: SettleCount) -> bool:
        """Settle what is left of a file and add it to ``total``; False if another gateway is at it."""
        async with self._store.read() as conn:
            file = await journal.file_by_id(conn, file_id)
            done = await journal.last_position(conn, file_id)
        if file is None or file["state"] == "settled":
            return True
        errors = file["kind"] == "errors"
        records: Iterator[Any] = error_lines(file["raw"]) if errors else flatfile.read_all(file["raw"])
        step = self._settle_errors if errors else self._settle_chunk
        count = 0
        try:
            for chunk, last in _chunks((record for record in records if record.position > done), size):
                settled = await step(file, chunk, last)
                total.add(settled)
                count += settled.transactions
                # The courier and the API get their turn between two chunks of a large file.
                await asyncio.sleep(0)
        except leases.Fenced:
            self._fence = None
            return False
        self._log.info("file.settled", file_id=file_id, transactions=count)
        return True

    async def _settle_chunk(
        self, file: RowMapping, records: Sequence[flatfile.Record], last: bool
    ) -> SettleCount:
        async with self._working(last) as (conn, workset):
            settler = Settler(self._agency, workset)
            fresh = await _not_settled(conn, file, records)
            await settler.load(conn, [each.transaction for each in fresh if each.transaction is not None])
            for record in fresh:
                settler.take(file, record)
            await workset.flush(conn)
            await _close(conn, file, workset, records, last)
        return self._told(workset)

    async def _settle_errors(self, file: RowMapping, records: Sequence[ErrorLine], last: bool) -> SettleCount:
        async with self._working(last) as (conn, workset):
            settler = RefusalSettler(workset)
            fresh = await _not_settled(conn, file, records)
            await settler.load(conn, fresh)
            for line in fresh:
                await settler.take(conn, file, line)
            await workset.flush(conn)
            await _close(conn, file, workset, records, last)
        return self._told(workset)

    @asynccontextmanager
    async def _working(self, last: bool) -> AsyncIterator[tuple[AsyncConnection, WorkingSet]]:
        """Open the commit of one chunk, with the lease in it; let go of it with the last chunk of a file."""
        async with self._store.begin() as conn:
            fence = await self._lease(conn)
            yield conn, WorkingSet(self._agency, self._clock.now(), self._clock.today())
            if last and fence is not None:
                await leases.release(conn, leases.SETTLE, 0, self._store.holder, fence)
        # Only now: a token of a transaction that was undone may be given to somebody else.
        self._fence = None if last else fence

    async def _lease(self, conn: AsyncConnection) -> int | None:
        if not self._store.shared:
            return None
        now, holder = self._clock.now(), self._store.holder
        if self._fence is not None:
            held = (leases.SETTLE, 0, holder, self._fence)
            await leases.prolong(conn, *held, now=now, seconds=LEASE_SECONDS)
            return self._fence
        fence = await leases.take(conn, leases.SETTLE, 0, holder, now=now, seconds=LEASE_SECONDS)
        if fence is None:
            raise leases.Fenced("another gateway is settling files")
        return fence


def _chunks(records: Iterable[T], size: int) -> Iterator[tuple[list[T], bool]]:
    """Cut records into lists of ``size`` and tell which is the last; one empty list when there are none."""
    rest = iter(records)
    chunk = list(islice(rest, size))
    while True:
        following = list(islice(rest, size))
        yield chunk, not following
        if not following:
            return
        chunk = following


async def _not_settled(conn: AsyncConnection, file: RowMapping, records: Sequence[T]) -> list[T]:
    """Leave out what another process settled in the meantime."""
    done = await journal.last_position(conn, file["id"])
    return [record for record in records if getattr(record, "position", 0) > done]


async def _close(
    conn: AsyncConnection, file: RowMapping, workset: WorkingSet, records: Sequence[Any], last: bool
) -> None:
    if last:
        count = records[-1].position if records else await journal.last_position(conn, file["id"])
        await journal.close_file(conn, file["id"], count, workset.now)
