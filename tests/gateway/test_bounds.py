"""Who sends slowly, without end, too often, or no HTTP, is told or cut off, and holds no place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from csenet.gateway.app import GatewayApp
from csenet.gateway.bounded import caller_of
from csenet.gateway.headers import HEADERS
from csenet.gateway.people import tokens
from csenet.gateway.settings.model import Settings

from .patience import BOUND

MARK = b"ZZMARKEDVALUE"


@asynccontextmanager
async def running(folder: Path, **limits: Any) -> AsyncIterator[tuple[GatewayApp, bytes]]:
    app = GatewayApp(
        Settings(
            gateway={"jurisdiction": "27", "data_dir": folder / "data"},
            delivery={"folder": {"path": folder / "out"}},
            http={"port": 0},
            participant={"enabled": True, "port": 0},
            limits=limits,
        )
    )
    await app.start()
    try:
        assert app.store is not None
        assert app.clock is not None
        async with app.store.begin() as conn:
            secret = await tokens.create(conn, "exchange", "exchange", app.clock.now())
        yield app, f"Authorization: Bearer {secret}\r\n".encode()
    finally:
        await app.stop()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def sent(port: int | None, data: bytes, source: tuple[str, int] | None = None) -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
    writer.write(data)
    return reader, writer


async def rest(connection: Connection) -> bytes:
    """Read what comes until the other side closes, which must not take for ever."""
    reader, writer = connection
    found = b""
    async with asyncio.timeout(BOUND):
        try:
            while piece := await reader.read(4096):
                found += piece
        except ConnectionError:
            pass
    writer.close()
    return found


async def test_a_head_that_does_not_come_ends_the_connection(tmp_path: Path) -> None:
    async with running(tmp_path, head_seconds=0.1) as (app, _):
        for port in (app.port, app.participant_port):
            for head in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "):
                with capture_logs() as lines:
                    assert await rest(await sent(port, head)) == b""
                assert [line["reason"] for line in lines if line["event"] == "http.connection_closed"] == [
                    "slow_head"
                ]
        # A second request is waited for no longer than the first.
        line = b""
        while not line:  # a machine that stands still for a moment ends the first one as well
            reader, writer = await sent(app.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                line = await reader.readline()
        assert line.startswith(b"HTTP/1.1 200")
        writer.write(b"GET /hea")
        await rest((reader, writer))


async def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    async with running(tmp_path, body_seconds=0.1) as (app, bearer):
        head = b"POST /v1/exchange/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n" + bearer + b"\r\n"
        answer = await rest(await sent(app.port, head + b"half"))
        assert answer.startswith(b"HTTP/1.1 408"), answer
        assert b"Content-Security-Policy" in answer
        form = b"POST /participant/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        form += b"Content-Type: application/x-www-form-urlencoded\r\n\r\nnumber="
        answer = await rest(await sent(app.participant_port, form))
        assert answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 403")), answer


async def test_a_body_without_end_is_cut_at_its_limit(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, bearer):
        head = b"POST /v1/exchange/receipts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        reader, writer = await sent(app.port, head + bearer + b"\r\n")
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        first = asyncio.ensure_future(reader.readline())
        pieces = 0
        while not first.done() and pieces < 1000:
            writer.write(chunk)
            pieces += 1
            await asyncio.wait({asyncio.ensure_future(writer.drain()), first}, timeout=1)
            await asyncio.sleep(0)
        assert (await first).startswith(b"HTTP/1.1 413")
        assert pieces < 1000
        writer.close()


async def test_a_form_that_anybody_may_send_is_cut_before_it_fills_the_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, _):
        kind = b"Content-Type: application/x-www-form-urlencoded\r\nCookie: csenet=made-up\r\n"
        head = b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000000\r\n" + kind
        reader, writer = await sent(app.port, head + b"\r\n" + b"a" * 300_000)
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


async def test_there_are_only_so_many_connections(tmp_path: Path) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with running(tmp_path, connections=2) as (app, _):
        held = []
        for _ in range(2):
            reader, writer = await sent(app.port, ask)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            held.append((reader, writer))
        assert await rest(await sent(app.port, ask)) == b""
        held[0][1].close()
        await held[0][1].wait_closed()
        again = b""
        for _ in range(1000):
            again = again or await first_line(app.port, ask)
        assert again.startswith(b"HTTP/1.1 200")
        held[1][1].close()


async def test_one_address_has_only_so_many_of_them_and_others_are_served(tmp_path: Path) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    one, other = ("127.0.0.2", 0), ("127.0.0.3", 0)
    async with running(tmp_path, connections_per_address=2) as (app, _):
        for port in (app.port, app.participant_port):
            held = [await sent(port, ask, one) for _ in range(2)]
            for reader, _ in held:
                assert await reader.readline()
            assert await first_line(port, ask, one) == b""
            assert await first_line(port, ask, other)
            # This machine itself, where a proxy may come for many.
            own = [await sent(port, ask) for _ in range(4)]
            for reader, _ in own:
                assert await reader.readline()
            for _, writer in (*held, *own):
                writer.close()
                await writer.wait_closed()
            again = b""
            for _ in range(1000):
                again = again or await first_line(port, ask, one)
            assert again, "who closes one may have another"


@pytest.mark.parametrize(
    ("peer", "caller"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
        (("::1", 1, 0, 0), "::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_caller_is_an_address_or_a_network(peer: Any, caller: str) -> None:
    transport = asyncio.BaseTransport({"peername": peer})
    assert caller_of(transport) == caller


async def first_line(port: int | None, ask: bytes, source: tuple[str, int] | None = None) -> bytes:
    reader, writer = await sent(port, ask, source)
    try:
        return await reader.readline()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        MARK + b"\r\n\r\n",
        b"GET /" + MARK + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + MARK + b": " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, MARK) for n in range(300)) + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + MARK + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + MARK,
    ],
)
async def test_what_is_no_request_is_refused_and_not_repeated(
    tmp_path: Path, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as (app, _):
        with capture_logs() as lines:
            answer = await rest(await sent(app.port, request_))
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400")), answer
    for name in HEADERS:
        assert name.encode() in answer
    assert b"aiohttp" not in answer
    for told in (answer, str(lines).encode(), caplog.text.encode()):
        assert MARK not in told


async def answer(connection: Connection) -> tuple[bytes, bytes]:
    """Read one answer, head and body."""
    async with asyncio.timeout(BOUND):
        head = await connection[0].readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head, await connection[0].readexactly(size)


async def test_a_refusal_waits_for_nothing_and_leaves_the_connection_of_use(tmp_path: Path) -> None:
    post = b"POST /v1/exchange/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n"
    async with running(tmp_path, requests_at_once=1, retry_after_seconds=7) as (app, bearer):
        first = await sent(app.port, post + bearer + b"\r\nhalf a")
        second = await sent(app.port, b"")
        for body in (b"", b"no transacti", b"no transa"):
            # Without a token and with nothing or half of its body there: nobody looks at either.
            second[1].write(post + b"\r\n" + body)
            head, told = await answer(second)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 7\r\n" in head
            for name in (*HEADERS, "Date", "Server"):
                assert f"\r\n{name}: ".encode() in head
            assert b"as many requests in hand" in told
            second[1].write(b"no transacti"[len(body) :])
        first[1].write(b" batch")
        assert (await answer(first))[0].startswith(b"HTTP/1.1 202")
        second[1].write(post + bearer + b"\r\nanother file")
        assert (await answer(second))[0].startswith(b"HTTP/1.1 202")
        # Who goes away in the middle of a body gives the place back.
        first[1].write(post + bearer + b"\r\nhalf")
        await first[1].drain()
        first[1].close()
        taken = b""
        for _ in range(1000):
            if taken.startswith(b"HTTP/1.1 20"):
                break
            second[1].write(post + bearer + b"\r\nanother file")
            taken, _ = await answer(second)
        assert taken.startswith(b"HTTP/1.1 200")
        second[1].close()


async def test_from_the_moment_of_a_stop_on_nothing_is_taken(tmp_path: Path) -> None:
    post = b"POST /v1/exchange/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    async with running(tmp_path) as (app, bearer):
        before = await sent(app.port, post + bearer + b"\r\nfirst")
        assert (await answer(before))[0].startswith(b"HTTP/1.1 202")
        app.take_no_more()
        for connection in (before, await sent(app.port, b"")):
            connection[1].write(post + bearer + b"\r\nlater")
            last = await rest(connection)
            assert last.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nConnection: close\r\n" in last
            assert b"is stopping" in last
        # Half of a body is there: it is refused as well, on the longer way.
        half = await sent(app.port, post + bearer + b"\r\nla")
        assert (await answer(half))[0].startswith(b"HTTP/1.1 503 ")
        half[1].close()
