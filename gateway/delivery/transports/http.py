"""Post each batch to a destination and believe only a receipt that proves it has the same bytes."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import msgspec

from csenet.codecs.envelope import EnvelopeError
from csenet.gateway.delivery.probing import ProbeStep, Question
from csenet.gateway.delivery.retry import (
    DELIVERED,
    NO_RECEIPT,
    Outcome,
    classify_status,
    mistaken,
    permanent,
    transient,
)
from csenet.gateway.delivery.told import plain
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.delivery.transports.http_writing import PIECE, Upload
from csenet.gateway.delivery.wrapping import PLAIN, NotWrapped, Wrapper, refused, told_of
from csenet.gateway.tls import refusal

# A receipt is a few hundred bytes; a longer answer is not one and is not read.
_LONGEST_RECEIPT: Final = 65_536


class HttpTransport:
    """Deliver with POST to ``url``; the batch's key makes a repetition harmless at the other end."""

    way = "http"

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
        write_seconds: float | None = None,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wrapper: Wrapper | None = None,
    ) -> None:
        """Remember the destination.

        ``timeout_seconds`` bounds a whole try; connecting, each wait for a part of the batch to be taken and
        each for a part of the answer may be bounded more closely.  ``tls`` says whom to trust and what to
        show, instead of the defaults.  ``now`` serves to read a ``Retry-After`` given as a date, and
        for the times in envelopes, which ``wrapper`` makes where the partner demands them.
        """
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=connect_seconds, sock_read=read_seconds
        )
        self._write_seconds = write_seconds
        self._tls = tls
        self._now = now
        self._wrapper = wrapper
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the client, which keeps its connections from one batch to the next."""
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True)
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        """Post once; raises what aiohttp raises when no whole answer comes back.

        A certificate refused, theirs or ours, is told as such and tried again: it can be mended at either end
        without touching the batch.
        """
        try:
            return await self._post(parcel)
        except (aiohttp.ClientError, OSError) as error:
            why = refusal(error)
            if why is None:
                raise
            return mistaken(why)

    async def _post(self, parcel: Parcel) -> Outcome:
        await self.open()
        try:
            data, kind = await self._wrapped(parcel)
        except NotWrapped as error:
            return mistaken(str(error))
        headers = {**self._headers, "Content-Type": kind, "Idempotency-Key": parcel.key}
        if self._write_seconds is None or len(data) <= PIECE:
            # One piece is in the machine's hands at once.
            return await self._exchange(parcel, data, headers)
        upload = Upload(data, self._write_seconds)
        headers["Content-Length"] = str(len(data))
        async with upload.watched():
            return await self._exchange(parcel, upload.pieces(), headers, upload.answered)

    async def _exchange(
        self, parcel: Parcel, data: Any, headers: dict[str, str], answered: Callable[[], None] = lambda: None
    ) -> Outcome:
        assert self._session is not None  # noqa: S101 - made by open()
        # A redirect would take content to a host that nobody configured.
        async with self._session.post(self._url, data=data, headers=headers, allow_redirects=False) as answer:
            answered()
            judged = classify_status(answer.status, self._retry_after(answer))
            if judged is not None:
                return judged
            body = await _read_limited(answer)
            return self._believed(
                with_receipt(judge_receipt(body, parcel.sha256, parcel.count), body), body, parcel
            )

    async def _wrapped(self, parcel: Parcel) -> tuple[bytes, str]:
        """Make the envelope beside the event loop; without one nothing is done."""
        if self._wrapper is None:
            return parcel.payload, PLAIN
        return await asyncio.to_thread(self._wrapper.wrap, parcel.payload, self._now())

    def _believed(self, outcome: Outcome, body: bytes, parcel: Parcel) -> Outcome:
        """Ask for the signature where the partner's receipts have to bear one."""
        wrapper = self._wrapper
        if wrapper is None or not wrapper.demand.signed_receipts or outcome.receipt is None:
            return outcome
        try:
            signed = wrapper.receipt(msgspec.json.decode(body), parcel.key, parcel.sha256, self._now())
        except LookupError:
            return transient("receipt_unsigned")
        except EnvelopeError:
            return transient("receipt_signature")
        told = told_of(outcome.receipt, signed)
        if refused(signed):
            outcome = permanent("receipt_refused")
        return msgspec.structs.replace(outcome, receipt=told)

    async def probe(self, question: Question) -> list[ProbeStep]:
        """Ask with a GET, which changes nothing wherever it ends up."""
        from csenet.gateway.delivery.transports.http_probe import ask

        await self.open()
        assert self._session is not None  # noqa: S101 - made by open()
        return await ask(self._session, self._url, self._headers, question, question.at)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _retry_after(self, answer: aiohttp.ClientResponse) -> float | None:
        return parse_retry_after(answer.headers.get("Retry-After"), self._now())


def judge_receipt(body: bytes, sha256: str, count: int | None = None) -> Outcome:
    """Accept a receipt only if it is a JSON object that names the digest of the bytes sent.

    One that names another number of transactions than the ``count`` we sent is for a person: the same bytes
    would be counted in the same way again.
    """
    try:
        receipt: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return transient("receipt_unreadable")
    if not isinstance(receipt, dict) or not isinstance(receipt.get("sha256"), str):
        return transient("receipt_incomplete")
    if receipt["sha256"].lower() != sha256:
        return transient("receipt_digest")
    if count is not None and receipt.get("count", count) != count:
        return permanent("receipt_count")
    if receipt.get("outcome") == "refused":
        return permanent("receipt_refused")
    return DELIVERED


def with_receipt(outcome: Outcome, body: bytes) -> Outcome:
    """Lay what a receipt says beside what it comes to, for whoever keeps receipts."""
    if outcome.error in NO_RECEIPT:
        return outcome
    return msgspec.structs.replace(outcome, receipt=plain(msgspec.json.decode(body), "answer"))


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Read seconds or an HTTP date (RFC 9110); nonsense and the past give None."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, now)
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _seconds_until(text: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()


async def _read_limited(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(_LONGEST_RECEIPT):
        body += chunk
        if len(body) > _LONGEST_RECEIPT:
            answer.close()
            return b""
    return bytes(body)
