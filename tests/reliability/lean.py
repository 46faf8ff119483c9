"""Call over plain sockets from a process of its own: callers that take little of the machine they share.

With an ordinary client the callers would measure themselves: hundreds of tasks of one Python program wait for
one another longer than for the server.
"""

import asyncio
import multiprocessing
import time
from collections import deque
from collections.abc import Sequence

import msgspec


class Call(msgspec.Struct, array_like=True):
    """Hold one answer about a file: its status, and the seconds from when the call was due.

    ``told`` says whether it says when to come again, ``answered`` the moment in which it came.
    """

    number: int
    status: int
    seconds: float
    told: bool
    answered: float


class Plan(msgspec.Struct):
    """Say where to call, by how many connections, for how many seconds.

    ``rate`` is how often in a second; 0 is without a pause.
    """

    port: int
    path: str
    token: str
    connections: int
    seconds: float
    rate: float = 0.0


class Called(msgspec.Struct):
    """Hold all answers, the calls for which no connection was free, and how late the caller itself was."""

    calls: list[Call]
    left_out: int
    late: list[float]


def call(plan: Plan, files: Sequence[bytes], first: int = 0) -> Called:
    """Post files, numbered from ``first`` on, as planned.

    Without a pause each connection posts the next file as soon as the last one was taken, and the same again
    as soon as it was refused.  At a rate files go out when they are due, whatever became of the others, those
    that were refused once more when it is their turn again: the time counts from when one was due.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def run() -> None:
        there.send_bytes(msgspec.msgpack.encode(asyncio.run(_Load(plan, files, first).run())))

    process = context.Process(target=run)
    process.start()
    there.close()
    try:
        return msgspec.msgpack.decode(here.recv_bytes(), type=Called)
    finally:
        process.join()


class _Connection(asyncio.Protocol):
    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._came = b""
        self.number, self._due = -1, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        self._load.lost(self)

    def post(self, number: int, request: bytes, due: float) -> None:
        self.number, self._due = number, due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, found, body = self._came.partition(b"\r\n\r\n")
        if not found:
            return
        words = head.lower()
        if len(body) < int(words.partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        status, now = int(head[9:12]), time.perf_counter()
        self._came = b""
        told = b"\r\nretry-after: " in words
        self._load.answered(self, Call(self.number, status, now - self._due, told, now))


class _Load:
    def __init__(self, plan: Plan, files: Sequence[bytes], first: int) -> None:
        self._plan, self._files, self._first = plan, files, first
        self._head = f"POST {plan.path} HTTP/1.1\r\nHost: proof\r\nAuthorization: Bearer {plan.token}\r\n"
        self._fresh = iter(range(len(files)))
        self._refused: deque[int] = deque()
        self._idle: list[_Connection] = []
        self._waiting = 0
        self._all_here = asyncio.Event()
        self._found = Called([], 0, [])
        self._until = 0.0

    async def run(self) -> Called:
        loop = asyncio.get_running_loop()
        for _ in range(self._plan.connections):
            _, made = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._plan.port)
            self._idle.append(made)
        begin = time.perf_counter()
        self._until = begin + self._plan.seconds
        if self._plan.rate:
            await self._by_the_clock(begin)
        else:
            callers, self._idle = self._idle, []
            for each in callers:
                self._go_on(each, next(self._fresh, None))
            await asyncio.sleep(self._plan.seconds)
        if self._waiting:
            await self._all_here.wait()
        return self._found

    async def _by_the_clock(self, begin: float) -> None:
        posts = 0
        while (now := time.perf_counter()) < self._until:
            while (due := begin + posts / self._plan.rate) <= now:
                posts += 1
                self._found.late.append(now - due)
                self._post_one(due)
            await asyncio.sleep(0.001)

    def _post_one(self, due: float) -> None:
        if not self._idle:
            self._found.left_out += 1
            return
        number = self._refused.popleft() if self._refused else next(self._fresh, None)
        if number is not None:
            self._post(self._idle.pop(), number, due)

    def _post(self, connection: _Connection, number: int, due: float) -> None:
        raw = self._files[number]
        head = f"{self._head}Content-Type: text/plain\r\nContent-Length: {len(raw)}\r\n\r\n"
        self._waiting += 1
        self._all_here.clear()
        connection.post(self._first + number, head.encode() + raw, due)

    def answered(self, connection: _Connection, told: Call) -> None:
        self._found.calls.append(told)
        self._waiting -= 1
        number = told.number - self._first if told.status == 503 else None
        if self._plan.rate:
            self._idle.append(connection)
            if number is not None:
                self._refused.append(number)
        elif time.perf_counter() < self._until:
            self._go_on(connection, next(self._fresh, None) if number is None else number)
        if not self._waiting:
            self._all_here.set()

    def lost(self, connection: _Connection) -> None:
        """Post again, by another one, what went out while the server gave up a connection unused for long."""
        if connection in self._idle:
            self._idle.remove(connection)
            return
        self._refused.append(connection.number - self._first)
        self._waiting -= 1
        if not self._waiting:
            self._all_here.set()

    def _go_on(self, connection: _Connection, number: int | None) -> None:
        if number is not None:
            self._post(connection, number, time.perf_counter())
