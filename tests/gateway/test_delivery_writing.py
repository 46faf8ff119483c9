"""A batch that the other end does not take is given up; one that it takes arrives whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from csenet.gateway.delivery.patience import class_of
from csenet.gateway.delivery.retry import Verdict, permanent
from csenet.gateway.delivery.transports import http
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.delivery.transports.http import HttpTransport
from csenet.gateway.delivery.transports.http_writing import Upload, WriteTimeoutError

from .couriers import until
from .patience import BOUND

# More than the buffers of both ends hold.
LARGE = b"a" * (32 << 20)


def parcel(data: bytes) -> Parcel:
    digest = hashlib.sha256(data).hexdigest()
    return Parcel(key="k", name="k.txt", payload=data, sha256=digest, count=1, spooled=False)


async def spooled() -> None:
    return None


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_a_peer_that_stops_reading_is_given_up_long_before_the_whole_try() -> None:
    done = asyncio.Event()

    async def hold(request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    async with serving(hold) as url:
        transport = HttpTransport(url, timeout_seconds=BOUND, write_seconds=0.05)
        with pytest.raises(WriteTimeoutError):
            await transport.deliver(parcel(LARGE), spooled)
        await transport.close()
        done.set()
    assert class_of("WriteTimeoutError") == "timeout"


@pytest.mark.parametrize("data", [b"small", LARGE[: 65_536 * 3 + 1]])
async def test_what_is_taken_arrives_whole_and_with_its_length(data: bytes) -> None:
    seen: list[tuple[int | None, bool]] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        seen.append((request.content_length, body == data))
        return web.json_response({"sha256": hashlib.sha256(body).hexdigest()})

    async with serving(take) as url:
        transport = HttpTransport(url, write_seconds=BOUND)
        outcome = await transport.deliver(parcel(data), spooled)
        await transport.close()
    assert outcome.verdict is Verdict.DELIVERED
    assert seen == [(len(data), True)]


async def test_the_wait_for_the_answer_is_not_the_writings(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads: list[Upload] = []

    class Seen(Upload):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            uploads.append(self)

    async def late(request: web.Request) -> web.Response:
        await request.read()
        await until(lambda: uploads[0]._limit is None)
        return web.Response(status=422)

    monkeypatch.setattr(http, "Upload", Seen)
    async with serving(late) as url:
        transport = HttpTransport(url, write_seconds=BOUND)
        outcome = await transport.deliver(parcel(LARGE[: 65_536 * 4]), spooled)
        await transport.close()
    assert (outcome, len(uploads)) == (permanent("http_422"), 1)
