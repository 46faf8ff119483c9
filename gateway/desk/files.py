"""Settle files in order of arrival, a hundred records to a commit, whoever of several gateways does it.

A file may hold transactions of any case, so the order of a case is kept only if the files are settled one
after the other.  On a shared database one gateway at a time holds the lease for it and shows its token in
each of these commits; the others wait, and one of them goes on where a dead one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import anyform
from csenet.codecs.flatfile import Record
from csenet.gateway.clock import Clock
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.refusals import ErrorLine, RefusalSettler, error_lines
from csenet.gateway.desk.results import NotFound, SettleCount
from csenet.gateway.desk.settling import Settler
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import journal, leases
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import Row
from csenet.gateway.store.turns import give_way

LEASE_SECONDS: Final = 15.0
"""How long a gateway that died in the middle of a file keeps the others from going on."""

_LOOK_AGAIN: Final = 0.5

T = TypeVar("T")
Departing = Callable[[AsyncConnection], Awaitable[Callable[[], bool]]]


class NotAtOnce(Exception):  # noqa: N818 - tells what to do instead
    """Report that a file is to be kept first and settled on the ordinary way, to meet what is wrong there."""


class _Told(Protocol):
    def __call__(self, workset: WorkingSet, *, left: bool = False) -> SettleCount: ...


class FileSettling:
    """Settle what was accepted, for one desk; ``told`` is called with the working set of each commit.

    ``departing`` is asked inside a commit that queued something, and what it returns is called after it and
    says whether all of it left.
    """

    def __init__(
        self,
        store: Store,
        agency: Callable[[], Agency],
        clock: Clock,
        log: Any,
        told: _Told,
        departing: Departing,
    ) -> None:
        """Remember where and for whom; the agency is asked for anew each time, as agreements change."""
        self._store = store
        self._agency = agency
        self._clock = clock
        self._log = log
        self._told = told
        self._departing = departing
        self._fence: int | None = None

    async def settle(self, up_to: int | None, size: int) -> SettleCount:
        """Settle each file waiting, up to number ``up_to``, ``size`` records to a commit.

        Waits for another gateway that is at it only if it was told up to where: the caller then wants that
        file settled, by whomever.
        """
        total = SettleCount()
        async with self._store.glance() as conn:
            if up_to is not None and not await journal.knows_file(conn, up_to):
                raise NotFound("no such file")
        while waiting := await self._waiting(up_to):
            if waiting[0].small:
                settled = await self._settle_small([each.id for each in waiting if each.small], size, total)
            else:
                settled = await self._settle_file(waiting[0].id, size, total)
            if settled:
                # The courier and the API get their turn between two commits.
                await asyncio.sleep(0)
            elif up_to is None:
                break
            else:
                await self._clock.sleep(_LOOK_AGAIN)
        return total

    async def settle_at_once(
        self, conn: AsyncConnection, file: Row, size: int
    ) -> Callable[[], Awaitable[SettleCount]] | None:
        """Settle a small file inside the commit that keeps it, if nothing waits before it.

        None, and nothing done, if it has to wait like any other.  What is returned lets the answers set out
        and tells of it, and is to be called once the commit is on disk.  Raises `NotAtOnce` where something
        is wrong: the commit must not happen then.
        """
        if not journal.is_small(file["kind"], file["size"]):
            return None
        records = list(anyform.read_all(file["raw"]))
        if len(records) > size or await journal.others_wait(conn, file["id"]):
            return None
        try:
            fence = await self._lease(conn)
            workset, launch = await self._settle_in(conn, [(file, records)])
            await self._let_go(conn, fence)
        except (leases.Fenced, OSError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            self._log.warning("file.not_settled_at_once", error_type=type(error).__name__)
            raise NotAtOnce from error
        finally:
            self._fence = None
        return lambda: self._after(workset, launch, [(file, records)])

    async def _waiting(self, up_to: int | None) -> list[journal.Waiting]:
        async with self._store.glance() as conn:
            return await journal.waiting_files(conn, up_to)

    async def _settle_small(self, ids: Sequence[int], size: int, total: SettleCount) -> bool:
        """Settle several small files in one commit; False if another gateway is at it."""
        try:
            async with self._store.begin() as conn:
                fence = await self._lease(conn)
                taken = await _whole_files(conn, ids, size)
                workset, launch = await self._settle_in(conn, taken)
                await self._let_go(conn, fence)
        except leases.Fenced:
            self._fence = None
            return False
        self._fence = None
        if not taken:
            # Few bytes, but more records than one commit takes, or settled in part already.
            return await self._settle_file(ids[0], size, total)
        total.add(await self._after(workset, launch, taken))
        total.files += len(taken)
        return True

    async def _settle_in(
        self, conn: AsyncConnection, files: Sequence[tuple[Row, list[Record]]]
    ) -> tuple[WorkingSet, Callable[[], bool]]:
        """Settle whole files inside a transaction."""
        agency = self._agency()
        workset = WorkingSet(agency, self._clock.now(), self._clock.today())
        settler = Settler(agency, workset)
        fresh = [(file, record) for file, records in files for record in records]
        await _load(conn, settler, [record for _, record in fresh])
        for file, record in fresh:
            settler.take(file, record)
            await give_way(conn)
        await workset.flush(conn)
        for file, records in files:
            await _close(conn, file, workset, records, last=True)
        return workset, await self._embark(conn, workset)

    async def _embark(self, conn: AsyncConnection, workset: WorkingSet) -> Callable[[], bool]:
        return await self._departing(conn) if workset.queued else _nothing

    async def _after(
        self,
        workset: WorkingSet,
        launch: Callable[[], bool],
        files: Sequence[tuple[Row, list[Record]]] = (),
    ) -> SettleCount:
        left = launch()
        try:
            # What sets out is on its way before anything is written about it.
            await asyncio.sleep(0)
        finally:
            count = self._told(workset, left=left)
            for file, records in files:
                self._log.info("file.settled", file_id=file["id"], transactions=len(records))
        return count

    async def _settle_file(self, file_id: int, size: int, total: SettleCount) -> bool:
        """Settle what is left of a file and add it to ``total``; False if another gateway is at it."""
        async with self._store.read() as conn:
            file = await journal.file_by_id(conn, file_id)
            done = await journal.last_position(conn, file_id)
        if file is None or file["state"] == "settled":
            return True
        errors = file["kind"] == "errors"
        records: Iterator[Any] = error_lines(file["raw"]) if errors else anyform.read_all(file["raw"])
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
        total.files += 1
        self._log.info("file.settled", file_id=file_id, transactions=count)
        return True

    async def _settle_chunk(self, file: Row, records: Sequence[Record], last: bool) -> SettleCount:
        async with self._working(last) as (conn, workset):
            settler = Settler(workset.agency, workset)
            fresh = await _not_settled(conn, file, records)
            await _load(conn, settler, fresh)
            for record in fresh:
                settler.take(file, record)
                await give_way(conn)
            await workset.flush(conn)
            await _close(conn, file, workset, records, last)
            launch = await self._embark(conn, workset)
        return await self._after(workset, launch)

    async def _settle_errors(self, file: Row, records: Sequence[ErrorLine], last: bool) -> SettleCount:
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
            yield conn, WorkingSet(self._agency(), self._clock.now(), self._clock.today())
            if last:
                await self._let_go(conn, fence)
        # Only now: a token of a transaction that was undone may be given to somebody else.
        self._fence = None if last else fence

    async def _let_go(self, conn: AsyncConnection, fence: int | None) -> None:
        if fence is not None:
            await leases.release(conn, leases.SETTLE, 0, self._store.holder, fence)

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


async def _load(conn: AsyncConnection, settler: Settler, records: Sequence[Record]) -> None:
    transactions = [each.transaction for each in records if each.transaction is not None]
    damaged = [each.header for each in records if each.transaction is None and each.header is not None]
    await settler.load(conn, transactions, {each.case_id for each in damaged if each.case_id})


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


def _nothing() -> bool:
    """Let nothing leave."""
    return False


async def _whole_files(
    conn: AsyncConnection, ids: Sequence[int], size: int
) -> list[tuple[Row, list[Record]]]:
    """Return files from the first on, with their records, as long as one commit takes them whole."""
    taken: list[tuple[Row, list[Record]]] = []
    room = size
    for file in await journal.files_by_id(conn, ids):
        records = list(anyform.read_all(file["raw"]))
        room -= len(records)
        if room < 0 or await journal.last_position(conn, file["id"]) > 0:
            break
        taken.append((file, records))
        await give_way(conn)
    return taken


async def _not_settled(conn: AsyncConnection, file: Row, records: Sequence[T]) -> list[T]:
    """Leave out what another process settled in the meantime."""
    done = await journal.last_position(conn, file["id"])
    return [record for record in records if getattr(record, "position", 0) > done]


async def _close(
    conn: AsyncConnection, file: Row, workset: WorkingSet, records: Sequence[Any], last: bool
) -> None:
    if last:
        count = records[-1].position if records else await journal.last_position(conn, file["id"])
        await journal.close_file(conn, file["id"], count, workset.now)
