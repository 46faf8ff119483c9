"""Let all that wait at one moment share one commit, because waiting for the disk is what a commit costs.

Nothing is delayed to gather more: whatever is asked for while a commit runs goes into the next one, so a
single caller is served at once and a crowd in few commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit
from csenet.gateway.store.embedded import InPlaceConnection
from csenet.gateway.store.turns import give_way

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
Begin = Callable[[], AbstractAsyncContextManager[AsyncConnection]]

# Bounds how long the first of them waits for the last.
_MOST: Final = 100


class _Order:
    """Hold a piece of work, the one who waits for it, and what came of it."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.result: Any = None
        self.error: Exception | None = None

    def answer(self) -> None:
        """Tell the one who waits; only called when the commit is on disk."""
        if self.done.cancelled():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)

    def fail(self, error: BaseException) -> None:
        """Tell the one who waits that nothing of it happened, as far as we know."""
        if not self.done.done():
            self.done.set_exception(error)


class Committer:
    """Run pieces of work one after the other, as many as wait in one transaction."""

    def __init__(self, begin: Begin) -> None:
        """Take what opens a transaction."""
        self._begin = begin
        self._waiting: deque[_Order] = deque()
        self._running: asyncio.Task[None] | None = None

    async def run(self, work: Work[T]) -> T:
        """Do ``work`` in a transaction and return what it returns, once it is on disk.

        What it raises undoes its own changes only and is raised here.  When the commit itself fails, all who
        shared it get that error.  A caller that is cancelled does not take its work back once it has begun.
        """
        order = _Order(work)
        self._waiting.append(order)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="committer")
        result: T = await order.done
        return result

    @property
    def busy(self) -> bool:
        """Say whether a commit is under way or asked for."""
        return self._running is not None or bool(self._waiting)

    async def close(self) -> None:
        """Wait until nothing is under way."""
        while self._running is not None:
            await asyncio.wait({self._running})

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._commit()
        finally:
            self._running = None
            # Only after a cancellation: nobody else would ever answer them.
            while self._waiting:
                self._waiting.popleft().fail(ConnectionAbortedError("the store is closing"))

    async def _commit(self) -> None:
        taken: list[_Order] = []
        try:
            async with self._begin() as connection:
                # Only now, so that those come along who asked while we waited for our turn.
                self._take(taken)
                if len(taken) == 1:
                    taken[0].result = await taken[0].work(connection)
                else:
                    for order in taken:
                        await _attempt(connection, order)
                        await give_way(connection)
        except BaseException as error:
            if not taken and self._waiting:
                self._take(taken)
            cut = isinstance(error, Exception)
            for order in taken:
                order.fail(error if cut else ConnectionAbortedError("the store is closing"))
            if not cut:
                raise
        else:
            for order in taken:
                order.answer()

    def _take(self, taken: list[_Order]) -> None:
        while self._waiting and len(taken) < _MOST:
            order = self._waiting.popleft()
            if not order.done.cancelled():
                taken.append(order)


async def _attempt(connection: AsyncConnection, order: _Order) -> None:
    """Do one of several pieces of work, so that its failure leaves the others' changes alone."""
    try:
        async with savepoint(connection):
            order.result = await order.work(connection)
    except Exception as error:
        if connection.invalidated or _spoils_all(error):
            raise
        order.error = error


@asynccontextmanager
async def savepoint(connection: AsyncConnection) -> AsyncIterator[None]:
    """Undo what the block did if it raises; what it had to note in the audit is forgotten as well."""
    noted = audit.mark(connection)
    try:
        async with _savepoint(connection):
            yield
    except BaseException:
        # What was noted on a connection that is lost is lost with it; to ask would hide why.
        if not connection.invalidated:
            audit.rewind(connection, noted)
        raise


@asynccontextmanager
async def _savepoint(connection: AsyncConnection) -> AsyncIterator[None]:
    if not isinstance(connection, InPlaceConnection):
        async with connection.begin_nested():
            yield
        return
    connection.run("SAVEPOINT one_of_several", ())
    try:
        yield
    except BaseException:
        connection.run("ROLLBACK TO one_of_several", ())
        connection.run("RELEASE one_of_several", ())
        raise
    connection.run("RELEASE one_of_several", ())


def _spoils_all(error: Exception) -> bool:
    """Tell whether the transaction may be gone: the disk is full, the connection is lost, and the like."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
