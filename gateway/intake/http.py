"""Take batches from the exchange over HTTP, acknowledged only when they are on disk."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from csenet.gateway.intake.desk import IntakeDesk

PATH: Final = "/v1/exchange/batches"
# A hundred thousand transactions of two kilobytes would be split by any exchange; this is far above a batch.
LARGEST_BATCH: Final = 32 * 1024 * 1024
_CHUNK: Final = 65_536
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

Authorise = Callable[[web.Request], Awaitable[object]]


def add_exchange_routes(
    app: web.Application,
    desk: IntakeDesk,
    authorise: Authorise | None = None,
    *,
    largest: int = LARGEST_BATCH,
) -> None:
    """Add ``POST /v1/exchange/batches``.

    ``authorise`` raises to refuse the caller; leave it out where a middleware does that.  The answer is 202
    with the receipt once the bytes are committed, 200 with the first receipt when they had come before, 400
    for an empty body and 413 for one of more than ``largest`` bytes.
    """

    async def receive(request: web.Request) -> web.Response:
        if authorise is not None:
            await authorise(request)
        raw = await read_limited(request, largest)
        if not raw.strip():
            raise web.HTTPBadRequest(text="The batch is empty.")
        receipt = await desk.accept(raw, source="http", name=_name(request))
        desk.arrived.set()
        status = 200 if receipt.duplicate else 202
        return web.Response(body=msgspec.json.encode(receipt), status=status, content_type="application/json")

    app.router.add_post(PATH, receive)


async def read_limited(request: web.Request, largest: int) -> bytes:
    """Read the body; raises 413 as soon as it is known to be longer than ``largest`` bytes."""
    announced = request.content_length or 0
    if announced > largest:
        raise web.HTTPRequestEntityTooLarge(max_size=largest, actual_size=announced)
    body = bytearray()
    async for chunk in request.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > largest:
            raise web.HTTPRequestEntityTooLarge(max_size=largest, actual_size=len(body))
    # A sender that breaks off must not have the part that came taken for the whole.
    if request.content_length is not None and len(body) != request.content_length:
        raise web.HTTPBadRequest(text="The batch is shorter than announced.")
    return bytes(body)


def _name(request: web.Request) -> str:
    """Name the batch by its sender's key, if that is a plain word."""
    key = request.headers.get("Idempotency-Key", "")
    return key if _SAFE_NAME.fullmatch(key) else "batch"
