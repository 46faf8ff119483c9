"""Delivery over HTTP against real servers on loopback that misbehave in every way we could think of."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from sqlalchemy import insert, select

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.courier import Courier, CourierSettings
from csenet.gateway.delivery.transports import HttpTransport
from csenet.gateway.ports import free_port
from csenet.gateway.store import claims, outbox, outcomes
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.sealing import sealed
from csenet.gateway.store.tables import attempt, outbound

from .patience import BOUND

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Misbehaviour = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


def receipt(body: bytes, **more: object) -> web.Response:
    told = {"receipt_id": "1", "sha256": hashlib.sha256(body).hexdigest(), "count": 1, **more}
    return web.json_response(told, status=202)


class Destination:
    """A server that keeps what it takes by key, after going through a list of misbehaviours."""

    def __init__(self) -> None:
        self.taken: dict[str, bytes] = {}
        self.requests = 0
        self.misbehave: list[Misbehaviour] = []
        self.headers: dict[str, str] = {}
        self.runner: web.AppRunner | None = None
        self.port = free_port()  # nobody takes it while this one is away

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/batches", self.receive)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/batches"

    async def receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests += 1
        self.headers = dict(request.headers)
        if self.misbehave:
            return await self.misbehave.pop(0)(request, body)
        return self.take(request, body)

    def take(self, request: web.Request, body: bytes) -> web.Response:
        key = request.headers["Idempotency-Key"]
        assert self.taken.setdefault(key, body) == body
        return receipt(body)


@pytest.fixture
async def destination() -> AsyncIterator[Destination]:
    made = Destination()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "gateway.db")
    row = {
        "serial": 1,
        "partner": "20",
        "case_id": "A",
        "far": "MSC P GSTAI",
        "status": "queued",
        "raw": b"transaction 1",
        "correlation": "c1",
        "intake_at": NOW,
        "created_at": NOW,
    }
    async with store.begin() as conn:
        await conn.execute(insert(outbound), sealed(conn, outbound, [row]))
    yield store
    await store.close()


def courier(store: Store, url: str, **more: object) -> Courier:
    settings = CourierSettings(jurisdiction="27", first_delay_seconds=0.0, **more)  # type: ignore[arg-type]
    transport = HttpTransport(url, "secret", timeout_seconds=BOUND)
    return Courier(store, transport, ManualClock(NOW), settings, structlog.get_logger())


async def carry(carrier: Courier) -> None:
    """Let a courier deliver what waits, then close it down as its loop would."""
    try:
        await carrier.deliver_waiting()
    finally:
        await carrier.close()


async def ends(store: Store) -> list[tuple[str, str | None]]:
    async with store.read() as conn:
        found = await conn.execute(select(attempt.c.outcome, attempt.c.detail).order_by(attempt.c.id))
        return [(str(outcome), detail) for outcome, detail in found]


async def status(store: Store) -> str:
    async with store.read() as conn:
        return str((await conn.execute(select(outbound.c.status))).scalar_one())


async def test_a_batch_is_posted_with_key_and_token(store: Store, destination: Destination) -> None:
    await carry(courier(store, destination.url))
    assert destination.taken == {"CSENET-27-000000000001": b"transaction 1\n"}
    assert destination.headers["Authorization"] == "Bearer secret"
    assert await status(store) == "delivered"


async def fails(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(status=500)


async def redirects(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "/elsewhere"})


async def cuts(request: web.Request, body: bytes) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cuts_in_the_receipt(request: web.Request, body: bytes) -> web.StreamResponse:
    told = receipt(body).body
    assert isinstance(told, bytes)
    answer = web.StreamResponse(status=202, headers={"Content-Length": str(len(told))})
    await answer.prepare(request)
    await answer.write(told[:20])
    assert request.transport is not None
    request.transport.close()
    return answer


async def says_garbage(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(status=200, text="<html>welcome to the captive portal</html>")


async def says_nothing(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(status=204)


async def got_something_else(request: web.Request, body: bytes) -> web.StreamResponse:
    return receipt(body[:-1])


async def babbles(request: web.Request, body: bytes) -> web.StreamResponse:
    told = json.dumps({"sha256": hashlib.sha256(body).hexdigest(), "pad": "x" * 100_000})
    return web.Response(status=202, text=told)


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        (fails, "http_500"),
        (redirects, "http_307"),
        (cuts, "ServerDisconnectedError"),
        (cuts_in_the_receipt, "ClientPayloadError"),
        (says_garbage, "receipt_unreadable"),
        (says_nothing, "receipt_unreadable"),
        (got_something_else, "receipt_digest"),
        (babbles, "receipt_unreadable"),
    ],
)
async def test_nothing_counts_as_delivered_without_proof(
    store: Store, destination: Destination, misbehaviour: Misbehaviour, error: str
) -> None:
    destination.misbehave = [misbehaviour] * 2
    await carry(courier(store, destination.url, attempt_limit=2))
    found = await ends(store)
    assert [outcome for outcome, _ in found] == ["transient", "transient"]
    assert found[0][1] in {error, "ClientOSError"}
    assert await status(store) == "dead"


@pytest.mark.parametrize("misbehaviour", [fails, cuts, says_garbage, got_something_else])
async def test_a_batch_arrives_once_after_the_destination_recovers(
    store: Store, destination: Destination, misbehaviour: Misbehaviour
) -> None:
    destination.misbehave = [misbehaviour] * 3
    await carry(courier(store, destination.url))
    assert destination.requests == 4
    assert list(destination.taken.values()) == [b"transaction 1\n"]
    assert await status(store) == "delivered"


async def test_a_receipt_lost_on_the_way_is_asked_for_again_under_the_same_key(
    store: Store, destination: Destination
) -> None:
    async def takes_and_cuts(request: web.Request, body: bytes) -> web.StreamResponse:
        destination.take(request, body)
        return await cuts(request, body)

    destination.misbehave = [takes_and_cuts]
    await carry(courier(store, destination.url))
    assert destination.requests == 2
    assert len(destination.taken) == 1
    assert await status(store) == "delivered"


@pytest.mark.parametrize("taken_before_the_kill", [False, True])
async def test_a_kill_during_the_post_ends_in_one_delivery(
    store: Store, destination: Destination, taken_before_the_kill: bool
) -> None:
    async with store.begin() as conn:
        rows = await claims.claimable(conn, 100)
        batch = await outbox.add_batch(
            conn, jurisdiction="27", framing="lines", payload=b"transaction 1\n", rows=rows, at=NOW
        )
        await outcomes.begin_attempt(conn, batch.id, NOW)
    if taken_before_the_kill:
        destination.taken["CSENET-27-000000000001"] = b"transaction 1\n"
    await carry(courier(store, destination.url))
    assert destination.taken == {"CSENET-27-000000000001": b"transaction 1\n"}
    assert await ends(store) == [("started", None), ("delivered", None)]


async def test_a_refused_batch_is_dead_at_once(store: Store, destination: Destination) -> None:
    async def refuses(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=422)

    destination.misbehave = [refuses]
    await carry(courier(store, destination.url))
    assert await ends(store) == [("permanent", "http_422")]
    assert await status(store) == "dead"


async def test_a_destination_that_is_down_is_tried_until_it_is_back(
    store: Store, destination: Destination
) -> None:
    await destination.stop()
    carrier = courier(store, destination.url, breaker_after=1_000_000)
    task = asyncio.create_task(carry(carrier))
    async with asyncio.timeout(BOUND):
        while len(await ends(store)) < 3:  # noqa: ASYNC110 - nothing tells of a failed try
            await asyncio.sleep(0)
    await destination.start()
    await task
    found = await ends(store)
    assert found[0] == ("transient", "ClientConnectorError")
    assert found[-1] == ("delivered", None)
    assert len(destination.taken) == 1
