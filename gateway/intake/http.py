"""Take batches from the exchange over HTTP, acknowledged only when they are on disk."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from csenet.codecs import anyform
from csenet.codecs.envelope import MEDIA_TYPE
from csenet.gateway.intake import probe
from csenet.gateway.intake.desk import IntakeDesk, TakeReceipt
from csenet.gateway.intake.pressure import LONGEST
from csenet.gateway.intake.trust import Opened, Refusal, Trust
from csenet.gateway.tls import peer_fingerprint

PATH: Final = "/v1/exchange/batches"
RECEIPTS: Final = "/v1/exchange/receipts"
LONGEST_RECEIPT: Final = 65_536
# A hundred thousand transactions of two kilobytes would be split by any exchange; this is far above a batch.
LARGEST_BATCH: Final = LONGEST
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
XML_TYPES: Final = ("application/xml", "text/xml")
_UNREAD: Final = ("application/json", "multipart/form-data")

Authorise = Callable[[web.Request], Awaitable[object]]


class KeyBook(Protocol):
    """Remember durably which bytes came under which key."""

    async def claim(self, key: str, sha256: str) -> bool:
        """Bind a key to a digest; False if it is bound to another."""
        ...


def add_exchange_routes(
    app: web.Application,
    desk: IntakeDesk,
    authorise: Authorise | None = None,
    *,
    largest: int = LARGEST_BATCH,
    trust: Trust | None = None,
    keys: KeyBook | None = None,
    take_receipt: TakeReceipt | None = None,
    own: str = "",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Add ``POST /v1/exchange/batches``, ``GET`` there for test messages, and ``POST /v1/exchange/receipts``.

    ``authorise`` raises to refuse the caller; leave it out where a middleware does that.  ``trust`` knows the
    partners' certificates: it says whose the caller's is, and opens CMS bodies (``application/pkcs7-mime``);
    without it only flat and XML bodies are taken.  ``keys`` makes an ``Idempotency-Key`` stand for one batch.

    The answer is 202 with the receipt once the bytes are committed, 200 with the first receipt when they had
    come before, 400 for an empty body or one that is called XML and is none, 403 for a caller without a
    partner's certificate or with somebody else's transactions, 413 for one of more than ``largest`` bytes,
    415 for a form that is not taken, 422 for an envelope that does not open or a key that stood for others.
    To an envelope the receipt carries a signed one as well, in base64 under ``signed_receipt``.  A test
    message is answered for the state ``own`` (two digits), with the time of ``now``.
    """

    ways = _WaysIn(desk, authorise, largest, trust, keys, take_receipt, own, now)
    app.router.add_post(PATH, ways.receive)
    if take_receipt is not None:
        app.router.add_post(RECEIPTS, ways.receive_receipt)
    app.router.add_get(PATH, ways.answer_probe)


@dataclass(frozen=True)
class _WaysIn:
    """Answer what the exchange sends; what each part is for stands at ``add_exchange_routes``."""

    desk: IntakeDesk
    authorise: Authorise | None
    largest: int
    trust: Trust | None
    keys: KeyBook | None
    take_receipt: TakeReceipt | None
    own: str
    now: Callable[[], datetime]

    async def receive(self, request: web.Request) -> web.Response:
        """Keep a batch and give its receipt."""
        caller = await self._caller(request)
        raw = await read_limited(request, self.largest)
        opened = await _open(request, raw, self.trust, caller)
        if not opened.content.strip():
            raise web.HTTPBadRequest(text="The batch is empty.")
        key = _key(request)
        if self.keys is not None and key and not await self.keys.claim(key, opened.sha256):
            raise web.HTTPUnprocessableEntity(text="This Idempotency-Key came with another batch before.")
        # The journal keeps who proved to have sent it.
        source = "http" if opened.sender is None else f"http:{opened.sender}"
        receipt = await self.desk.accept(opened.content, source=source, name=key or "batch")
        self.desk.arrived.set()
        status = 200 if receipt.duplicate else 202
        body = msgspec.json.encode(_told(key, receipt, opened, self.trust))
        return web.Response(body=body, status=status, content_type="application/json")

    async def answer_probe(self, request: web.Request) -> web.Response:
        """Give the word of a test message back."""
        caller = await self._caller(request)
        word, partner = probe.asked(request)
        # Behind us there is nobody but ourselves.
        known = None if partner is None or not self.own else partner == self.own
        return probe.answer(word, self.now(), caller=caller, partner=partner, known=known)

    async def receive_receipt(self, request: web.Request) -> web.Response:
        """Keep a receipt for a batch of ours and say what it means."""
        await self._caller(request)
        raw = await read_limited(request, LONGEST_RECEIPT)
        assert self.take_receipt is not None  # noqa: S101 - the route is there only then
        came = await self.take_receipt(raw, way="message")
        return web.Response(body=msgspec.json.encode(came), status=202, content_type="application/json")

    async def _caller(self, request: web.Request) -> str | None:
        """Say whose certificate the caller showed; refuses before the body is read."""
        if self.authorise is not None:
            await self.authorise(request)
        if self.trust is None:
            return None
        try:
            return self.trust.caller(peer_fingerprint(request.transport))
        except Refusal as refusal:
            raise web.HTTPForbidden(text=str(refusal)) from None


async def _open(request: web.Request, raw: bytes, trust: Trust | None, caller: str | None) -> Opened:
    """Take the envelope off, if there is one; large ones are opened beside the event loop."""
    kind = request.content_type
    if kind in _UNREAD or (kind == MEDIA_TYPE and trust is None):
        raise web.HTTPUnsupportedMediaType(
            text="Send a batch in the flat form or as XML, or in CMS where that is agreed."
        )
    if kind in XML_TYPES and raw.strip() and not anyform.is_xml(raw):
        raise web.HTTPBadRequest(text="The batch is called XML and does not begin like XML.")
    enveloped = kind == MEDIA_TYPE
    if trust is None:
        return Opened(content=raw)
    try:
        return await asyncio.to_thread(trust.opened, raw, caller, enveloped=enveloped)
    except Refusal as refusal:
        if refusal.forbidden:
            raise web.HTTPForbidden(text=str(refusal)) from None
        raise web.HTTPUnprocessableEntity(text=str(refusal)) from None


def _told(key: str, receipt: Any, opened: Opened, trust: Trust | None) -> Any:
    """Give the receipt, with a signed one beside it where an envelope came under a key."""
    if trust is None or not opened.enveloped or not key:
        return receipt
    signed = trust.receipt(key, opened.sha256, duplicate=bool(receipt.duplicate))
    told: dict[str, Any] = msgspec.to_builtins(receipt)
    return told if signed is None else {**told, "signed_receipt": base64.b64encode(signed).decode()}


async def read_limited(request: web.Request, largest: int) -> bytes:
    """Read the body; raises 413 as soon as it is known to be longer than ``largest`` bytes."""
    announced = request.content_length or 0
    if announced > largest:
        raise web.HTTPRequestEntityTooLarge(max_size=largest, actual_size=announced)
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > largest:
            raise web.HTTPRequestEntityTooLarge(max_size=largest, actual_size=len(body))
    # A sender that breaks off must not have the part that came taken for the whole.
    if request.content_length is not None and len(body) != request.content_length:
        raise web.HTTPBadRequest(text="The batch is shorter than announced.")
    return bytes(body)


def _key(request: web.Request) -> str:
    """Give the sender's key for the batch, if it is a plain word."""
    key = request.headers.get("Idempotency-Key", "")
    return key if _SAFE_NAME.fullmatch(key) else ""
