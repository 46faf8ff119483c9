"""Put a line that cannot be trusted between the gateway and where it delivers, and believe nothing of it.

A proxy delays, cuts either direction after so many bytes, refuses, or answers by itself with garbage, with a
receipt for something else, or with an empty success.  First nothing at all gets through, and nothing may
count as delivered; then one connection in a few is let through.  At every moment what the gateway holds for
delivered must lie at the receiver with the same bytes; in the end everything is there, once, in order.
"""

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import messages
from aside import Aside
from harness import DRAIN_SECONDS, Gateway, Outcome, prove, wait_until
from receiver import Receiver

DELIVERED = "SELECT name FROM delivery_batch WHERE state = 'delivered'"
_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
LIES = (
    b"\x00\xff\x17garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/9.9 777 Yes\r\nContent-Length: zero\r\n\r\n",
    *(
        _HEAD % (status, len(body), body)
        for status, body in (
            (b"200 OK", b'{"sha256": "%s"}' % (b"0" * 64)),
            (b"202 Accepted", b"{}"),
            (b"202 Accepted", b'{"sha256": null, "count": 10}'),
            (b"200 OK", b"<html>It works!</html>"),
            (b"201 Created", b'["sha256"]'),
            (b"204 No Content", b""),
            (b"302 Found", b""),
            (b"500 Internal Server Error", b"trouble"),
            (b"503 Service Unavailable", b""),
        )
    ),
)

Way = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy(Aside):
    """Stand on a port of its own in front of another; each connection meets one kind of trouble."""

    def __init__(self, behind: int, chance: random.Random) -> None:
        """Listen in front of the port ``behind``; lets nothing through before `passing` is set above 0."""
        super().__init__()
        self._behind = behind
        self._chance = chance
        self.passing = 0.0
        """The share of connections that are let through unharmed."""
        self.met: Counter[str] = Counter()

    async def begin(self) -> int:
        """Listen."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chance = self._chance
        ways: dict[str, Way] = {
            "refused": self._refuse,
            "lied to": self._lie,
            "cut on the way there": self._cut_there,
        }
        if self.passing:
            ways |= {
                "delayed": lambda r, w: self._forward(r, w, delay=chance.uniform(0.05, 0.5)),
                "cut on the way back": lambda r, w: self._forward(r, w, back=chance.randrange(300)),
            }
        name = "let through" if chance.random() < self.passing else chance.choice(list(ways))
        self.met[name] += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            # Let through for some answers: a connection that held for good would hide all else.
            through: Way = lambda r, w: self._forward(r, w, back=chance.randrange(300, 3000))  # noqa: E731
            await ways.get(name, through)(reader, writer)
        writer.close()

    async def _refuse(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Without lingering, closing resets the connection.
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )

    async def _lie(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(self._chance.choice(LIES))
        await writer.drain()

    async def _cut_there(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        # Of a request however short, the last byte does not arrive.
        whole = await _request(reader)
        _, theirs = await asyncio.open_connection("127.0.0.1", self._behind)
        theirs.write(whole[: self._chance.randrange(min(len(whole), 2000))])
        await theirs.drain()
        theirs.close()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        back: int | None = None,
        delay: float = 0.0,
    ) -> None:
        """Pass bytes on, back only so many if that is given, each piece after a delay in seconds."""
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        pumps = {
            asyncio.create_task(_pump(reader, their_writer, None, delay)),
            asyncio.create_task(_pump(their_reader, writer, back, delay)),
        }
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        their_writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Read one whole request."""
    head = await reader.readuntil(b"\r\n\r\n")
    told = (line[15:] for line in head.splitlines() if line.lower().startswith(b"content-length:"))
    return head + await reader.readexactly(int(next(told, b"0")))


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None, delay: float
) -> None:
    left = most
    while piece := await reader.read(65_536):
        if delay:
            await asyncio.sleep(delay)
        writer.write(piece if left is None else piece[:left])
        await writer.drain()
        if left is not None and (left := left - len(piece)) <= 0:
            return


def unproved(gateway: Gateway, receiver: Receiver) -> list[str]:
    """Name the batches that the gateway holds for delivered and that did not arrive."""
    # In this order: what it calls delivered now must have arrived before.
    delivered = {str(row[0]).removesuffix(".txt") for row in gateway.ask(DELIVERED)}
    return [
        f"{name}: counted as delivered, never arrived" for name in sorted(delivered - set(receiver.batches))
    ]


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Deliver through the proxy until everything is there."""
    cases, requests = messages.requests(asked.transactions)
    wrong: list[str] = []
    looks = 0
    with Receiver() as receiver, Proxy(receiver.port, random.Random(asked.seed)) as proxy:
        gateway = Gateway(
            folder,
            out=f"http://127.0.0.1:{proxy.port}/",
            delivery={
                "batch_size": 10,
                "first_delay_seconds": 0.02,
                "max_delay_seconds": 0.1,
                "breaker_after": 3,
                "probe_seconds": 0.05,
            },
            delivery__http={"url": f"http://127.0.0.1:{proxy.port}/", "timeout_seconds": 2.0},
        )
        gateway.prepare(messages.cases(cases))
        gateway.up()
        try:
            for raw in messages.packed(requests, 20):
                gateway.post(raw)
            wait_until(lambda: sum(proxy.met.values()) >= asked.lies, DRAIN_SECONDS, "tries in vain")
            early = receiver.batches or gateway.ask(DELIVERED)
            wrong += ["something arrived while nothing was let through"] if early else []
            proxy.passing = asked.passing

            def through() -> bool:
                nonlocal looks
                looks += 1
                wrong.extend(unproved(gateway, receiver))
                return gateway.on_the_way() == 0

            wait_until(through, DRAIN_SECONDS, "everything to arrive", 0.1)
            gateway.stop()
        finally:
            gateway.make_sure_it_is_gone()
        tries = gateway.ask("SELECT sum(attempts) FROM delivery_batch")[0][0]
    wrong += unproved(gateway, receiver) + receiver.conflicts
    wrong += messages.Answers(receiver.arrived()).differences(cases) + gateway.unsound()
    met = ", ".join(f"{count} {name}" for name, count in sorted(proxy.met.items()))
    figures = (
        f"{len(requests)} transactions in {len(receiver.batches)} batches after {tries} tries "
        f"(connections: {met}), looked at {looks} times: none delivered without proof"
    )
    return Outcome(figures, wrong)


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, transactions=4000, lies=200, passing=0.2))
