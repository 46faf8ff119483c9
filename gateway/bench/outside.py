"""Be the machines around the gateway, in a process of their own: the destination, and those who send to us.

They are other people's machines, so what they do must not be counted as the gateway's work, nor wait for it.
Only the standard library, so that the process is there at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Final, TypeVar, cast

HOST: Final = "127.0.0.1"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = 4

T = TypeVar("T")


class Outside:
    """Speak with that process: it says the ``port`` of the destination and takes orders to send."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        """Take the process, which serves already."""
        self._process = process
        self.port = port

    async def post(self, port: int, requests: Sequence[bytes], connections: int, folder: Path) -> float:
        """Have requests sent to a port over several connections, each to be answered 202; seconds."""
        file = folder / "to-be-sent"
        file.write_bytes(b"".join(len(each).to_bytes(_LENGTH) + each for each in requests))
        _given(self._process.stdin).write(f"{port} {connections} {file}\n".encode())
        answer = (await _given(self._process.stdout).readline()).decode().strip()
        try:
            return float(answer)
        except ValueError:
            raise ConnectionError(answer or "the process around the gateway has ended") from None


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    """Start the process, and end it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Outside(process, int(await _given(process.stdout).readline()))
    finally:
        _given(process.stdin).close()
        await process.wait()


def _given(stream: T | None) -> T:
    """Return a stream of the process that was asked for."""
    assert stream is not None  # noqa: S101 - asked for when it was started
    return stream


class _Destination(asyncio.Protocol):
    """Answer each POST with the receipt that proves that the bytes came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._came = bytearray()
        self._whole = 0

    def data_received(self, data: bytes) -> None:
        self._came += data
        if not self._whole and (end := self._came.find(_END)) >= 0:
            self._body = end + len(_END)
            self._whole = self._body + _length(bytes(self._came[:end]))
        if self._whole and len(self._came) >= self._whole:
            receipt = {"sha256": hashlib.sha256(self._came[self._body : self._whole]).hexdigest()}
            answer = json.dumps(receipt).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}"
            self._transport.write(head.encode() + _END + answer)
            del self._came[: self._whole]
            self._whole = 0


def _length(head: bytes) -> int:
    """Read how long the body is."""
    return int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])


async def _obey() -> None:
    """Say where the destination is, then do what each line asks for and say how long it took."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Destination, HOST, 0)
    _say(server.sockets[0].getsockname()[1])
    while order := await loop.run_in_executor(None, sys.stdin.readline):
        port, connections, file = order.rstrip("\n").split(" ", 2)
        waiting = iter(_requests(Path(file)))
        start = perf_counter()
        try:
            await asyncio.gather(*(_post(int(port), waiting) for _ in range(int(connections))))
        except (OSError, EOFError) as error:
            _say(f"{type(error).__name__}: {error}".replace("\n", " "))
        else:
            _say(perf_counter() - start)
    server.close()


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _requests(file: Path) -> list[bytes]:
    written = file.read_bytes()
    found, start = list[bytes](), 0
    while start < len(written):
        begin = start + _LENGTH
        start = begin + int.from_bytes(written[start:begin])
        found.append(written[begin:start])
    return found


async def _post(port: int, waiting: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        for request in waiting:
            writer.write(request)
            head = await reader.readuntil(_END)
            if not head.startswith(b"HTTP/1.1 202"):
                raise ConnectionError(head.split(b"\r\n", 1)[0].decode("latin-1"))
            await reader.readexactly(_length(head))
    finally:
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(_obey())
