"""Taking batches over HTTP: a receipt only for what is kept, and limits."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from csenet.gateway.intake.http import PATH, add_exchange_routes


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    file_id: int
    sha256: str
    name: str
    source: str
    duplicate: bool = False


class Desk:
    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.kept: dict[str, Receipt] = {}
        self.failure: Exception | None = None

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        if self.failure is not None:
            raise self.failure
        digest = hashlib.sha256(raw).hexdigest()
        if digest in self.kept:
            return msgspec.structs.replace(self.kept[digest], duplicate=True)
        self.kept[digest] = Receipt(file_id=len(self.kept) + 1, sha256=digest, name=name, source=source)
        return self.kept[digest]

    async def settle(self, file_id: int) -> None:
        raise AssertionError("settling is not the caller's business")


async def only_friends(request: web.Request) -> None:
    if request.headers.get("Authorization") != "Bearer friend":
        raise web.HTTPUnauthorized


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def client(desk: Desk, aiohttp_client: Any) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    add_exchange_routes(app, desk, only_friends, largest=1000)
    client: TestClient[web.Request, web.Application] = await aiohttp_client(TestServer(app))
    return client


FRIEND = {"Authorization": "Bearer friend", "Idempotency-Key": "EXCHANGE-27-T00000000001"}


async def test_a_batch_is_acknowledged_with_its_receipt_and_wakes_the_settling(
    desk: Desk, client: Any
) -> None:
    answer = await client.post(PATH, data=b"one\n", headers=FRIEND)
    assert answer.status == 202
    told = await answer.json()
    assert told["sha256"] == hashlib.sha256(b"one\n").hexdigest()
    assert told["name"] == "EXCHANGE-27-T00000000001"
    assert desk.arrived.is_set()


async def test_the_same_bytes_again_get_the_first_receipt(desk: Desk, client: Any) -> None:
    first = await (await client.post(PATH, data=b"one\n", headers=FRIEND)).json()
    again = await client.post(PATH, data=b"one\n", headers=FRIEND)
    assert again.status == 200
    assert await again.json() == {**first, "duplicate": True}


async def test_nothing_is_acknowledged_that_could_not_be_kept(desk: Desk, client: Any) -> None:
    desk.failure = OSError("disk full")
    answer = await client.post(PATH, data=b"one\n", headers=FRIEND)
    assert answer.status == 500
    assert not desk.arrived.is_set()


async def test_a_stranger_is_refused_before_anything_is_read(desk: Desk, client: Any) -> None:
    answer = await client.post(PATH, data=b"one\n")
    assert answer.status == 401
    assert desk.kept == {}


@pytest.mark.parametrize(("size", "status"), [(0, 400), (1000, 202), (1001, 413)])
async def test_a_body_must_have_content_and_keep_the_limit(
    desk: Desk, client: Any, size: int, status: int
) -> None:
    answer = await client.post(PATH, data=b"x" * size, headers=FRIEND)
    assert answer.status == status
    assert len(desk.kept) == (status == 202)


async def test_a_body_of_unannounced_length_keeps_the_limit_too(desk: Desk, client: Any) -> None:
    async def parts() -> Any:
        for _ in range(20):
            yield b"x" * 100

    answer = await client.post(PATH, data=parts(), headers=FRIEND)
    assert answer.status == 413
    assert desk.kept == {}


async def test_a_body_that_breaks_off_is_not_taken_for_the_whole(desk: Desk, client: Any) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        b"POST /v1/exchange/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer friend\r\n"
        b"Content-Length: 100\r\n\r\nhalf"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    # The server has dealt with the broken request once it answers a later one.
    await client.post(PATH, data=b"whole", headers=FRIEND)
    assert list(desk.kept) == [hashlib.sha256(b"whole").hexdigest()]


async def test_a_key_that_is_no_plain_word_names_nothing(desk: Desk, client: Any) -> None:
    strange = {**FRIEND, "Idempotency-Key": "../../etc/passwd"}
    told = await (await client.post(PATH, data=b"one\n", headers=strange)).json()
    assert told["name"] == "batch"
