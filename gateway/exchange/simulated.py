"""Run a small federal exchange on loopback: take batches, judge them, pass them on, lose nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from structlog.typing import FilteringBoundLogger

from csenet.codecs.envelope import MEDIA_TYPE, EnvelopeError, ReceiptOutcome
from csenet.gateway.clock import Clock
from csenet.gateway.delivery.retry import Outcome, Schedule, Verdict, transient
from csenet.gateway.delivery.transports.http import HttpTransport
from csenet.gateway.delivery.waiting import Stopped, first_of, sleep_unless, until_stopped
from csenet.gateway.exchange import book
from csenet.gateway.exchange.book import Batch, ExchangeCounts, Push
from csenet.gateway.exchange.hall import judge_batch, records_of
from csenet.gateway.exchange.judging import Refused
from csenet.gateway.exchange.opening import Opener
from csenet.gateway.exchange.routes import Route
from csenet.gateway.exchange.tables import open_exchange_store
from csenet.gateway.intake import probe
from csenet.gateway.intake.http import LARGEST_BATCH, PATH, read_limited
from csenet.gateway.ports import free_port
from csenet.gateway.store.engine import Store

_PUSH_SIZE: Final = 100
_PUSH_WAITS: Final = Schedule(first_delay=0.1, max_delay=5.0, attempt_limit=None)
_CLOSING: Final = 1.0
_LONGEST_KEY: Final = 128


class SimulatedExchange:
    """Stand in for the federal exchange between the states of ``routes`` (two digits each).

    It can be stopped and started again on the same port and store, as often as an outage is to be shown.
    """

    def __init__(
        self,
        path: Path,
        host: str,
        port: int,
        clock: Clock,
        routes: Mapping[str, Route],
        log: FilteringBoundLogger,
        *,
        opener: Opener | None = None,
    ) -> None:
        """Remember the settings; port 0 takes a free port at the first start and keeps it.

        ``opener`` opens envelopes and signs receipts; without it only flat batches are taken.
        """
        self._opener = opener
        self._path = path
        self._host = host
        self._port = port
        self._clock = clock
        self._routes = dict(routes)
        self._log = log
        self._store: Store | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._arrived = asyncio.Event()
        self._wake: dict[str, asyncio.Event] = {}
        self._transports: dict[Route, HttpTransport] = {}

    @property
    def port(self) -> int:
        """Give the port; 0 before the first start if none was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """Give the address that states post to."""
        return f"http://{self._host}:{self._port}{PATH}"

    @property
    def running(self) -> bool:
        """Say whether it listens."""
        return self._runner is not None

    def connect(self, fips: str, route: Route) -> None:
        """Add or replace a state's route; what waited for it is pushed."""
        self._routes[fips] = route
        if self._store is not None and fips not in self._wake:
            self._spawn(f"push {fips}", self._push_to(fips, self._store))
        self._wake.setdefault(fips, asyncio.Event()).set()

    async def start(self) -> None:
        """Open the store and the port, and go on with what was left; OSError if the port is taken."""
        if self._store is not None:
            return
        self._stop.clear()
        self._store = store = await open_exchange_store(self._path)
        try:
            await self._listen()
        except BaseException:
            await self.stop()
            raise
        self._arrived.set()
        self._spawn("judge", self._judge_arrivals(store))
        for fips in self._routes:
            self._wake[fips] = asyncio.Event()
            self._spawn(f"push {fips}", self._push_to(fips, store))
        self._log.info("exchange.started", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Close the port, so that clients are refused, then end all work and close the store."""
        self._stop.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._wake.clear()
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()
        if self._store is not None:
            await self._store.close()
            self._store = None
            self._log.info("exchange.stopped", port=self._port)

    async def counts(self) -> ExchangeCounts:
        """Count what went through, also while the exchange is down."""
        async with self._opened() as store, store.read() as conn:
            return await book.counts(conn)

    async def ledger(self) -> dict[str, int | bool]:
        """Add up: accepted = delivered + waiting + refused, what is not judged yet counted as waiting."""
        found = await self.counts()
        return {
            "accepted": found.accepted,
            "delivered": found.delivered,
            "waiting": found.waiting + found.unprocessed,
            "refused": found.refused,
            "balanced": found.balanced,
        }

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[Store]:
        if self._store is not None:
            yield self._store
            return
        store = await open_exchange_store(self._path)
        try:
            yield store
        finally:
            await store.close()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(self._guard(name, work), name=f"exchange {name}"))

    async def _guard(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a part of the exchange; one that breaks must not break in silence."""
        try:
            await work
        except Stopped:
            return
        except Exception as error:
            self._log.error("exchange.task_failed", task=name, error_type=type(error).__name__)
            raise

    # -- taking in ----------------------------------------------------------------------------

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_post(PATH, self._receive)
        app.router.add_get(PATH, self._answer_probe)
        app.router.add_get("/", self._status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSING)
        await self._runner.setup()
        # Not one that the system chooses: while we are away, it would give that to the next who asks.
        self._port = self._port or free_port(self._host)
        await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()

    async def _status(self, request: web.Request) -> web.Response:
        return _json(200, msgspec.to_builtins(await self.counts()))

    def _sender(self, request: web.Request) -> str:
        """Tell the state by the secret it shows."""
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and shown:
            for fips, route in self._routes.items():
                if hmac.compare_digest(route.client_token.encode(), shown.encode()):
                    return fips
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})

    async def _answer_probe(self, request: web.Request) -> web.Response:
        """Answer a test message: whom we take the caller for, and whether a partner can be reached."""
        sender = self._sender(request)
        word, partner = probe.asked(request)
        known = None if partner is None else partner in self._routes
        return probe.answer(word, self._clock.now(), caller=sender, partner=partner, known=known)

    async def _receive(self, request: web.Request) -> web.Response:
        """Keep a batch durably, then acknowledge; the same batch again gets its first receipt."""
        sender = self._sender(request)
        raw = await read_limited(request, LARGEST_BATCH)
        enveloped = request.content_type == MEDIA_TYPE
        if enveloped:
            raw = self._unwrapped(sender, raw)
        digest = hashlib.sha256(raw).hexdigest()
        key = request.headers.get("Idempotency-Key", digest)
        if not raw.strip() or len(key) > _LONGEST_KEY:
            raise web.HTTPBadRequest(text="An empty batch, or a key of more than 128 characters.")
        count = sum(1 for _ in records_of(raw))
        assert self._store is not None  # noqa: S101 - the port is open only while the store is
        async with self._store.begin() as conn:
            earlier = await book.find_batch(conn, sender, key)
            if earlier is None:
                receipt = await book.add_batch(
                    conn, sender=sender, key=key, raw=raw, count=count, at=self._clock.now()
                )
        if earlier is not None:
            if earlier.sha256 != digest:
                return _json(422, {"title": "This key was used for another batch", "status": 422})
            told = {**earlier.receipt, "duplicate": True}
            return _json(200, self._signed(told, key) if enveloped else told)
        self._arrived.set()
        self._log.info("exchange.received", from_fips=sender, count=count)
        return _json(202, self._signed(receipt, key) if enveloped else receipt)

    def _unwrapped(self, sender: str, raw: bytes) -> bytes:
        if self._opener is None:
            raise web.HTTPUnsupportedMediaType(text="This exchange opens no envelopes.")
        try:
            return self._opener.opened(sender, raw, self._clock.now())
        except EnvelopeError:
            raise web.HTTPUnprocessableEntity(text="The envelope does not open.") from None

    def _signed(self, stated: dict[str, Any], key: str) -> dict[str, Any]:
        """Lay a signed receipt beside the plain one, as for every batch that came in an envelope."""
        if self._opener is None:
            return stated
        outcome = ReceiptOutcome.DUPLICATE if stated.get("duplicate") else ReceiptOutcome.ACCEPTED
        signed = self._opener.receipt(key, stated["sha256"], outcome, self._clock.now())
        return {**stated, "signed_receipt": base64.b64encode(signed).decode()}

    # -- judging ------------------------------------------------------------------------------

    async def _judge_arrivals(self, store: Store) -> None:
        while not self._stop.is_set():
            self._arrived.clear()
            async with store.read() as conn:
                source = await book.next_received(conn)
            if source is None:
                await first_of(self._arrived.wait(), self._stop.wait())
                continue
            await self._judge_batch(store, source)
            for wake in self._wake.values():
                wake.set()

    async def _judge_batch(self, store: Store, source: Batch) -> None:
        """Judge each transaction of a batch and tell how many were refused."""
        judged = await judge_batch(store, source, self._routes)
        refused = sum(isinstance(each, Refused) for each in judged)
        self._log.info("exchange.judged", from_fips=source.sender, count=len(judged), refused=refused)

    # -- passing on ---------------------------------------------------------------------------

    async def _push_to(self, fips: str, store: Store) -> None:
        """Push to one state, in order, as long as the exchange runs."""
        wake = self._wake[fips]
        while not self._stop.is_set():
            wake.clear()
            async with store.begin() as conn:
                due = await book.next_push(conn, fips, _PUSH_SIZE, self._clock.now())
            if due is None:
                await first_of(wake.wait(), self._stop.wait())
            else:
                await self._push(fips, store, due)

    async def _push(self, fips: str, store: Store, due: Push) -> None:
        """Try until the state acknowledges; a refusal is tried again too, for nothing may be thrown away."""
        log = self._log.bind(to_fips=fips, batch=due.parcel.name, count=due.parcel.count)

        async def attempt() -> Outcome:
            async with store.begin() as conn:
                await book.count_attempt(conn, due.id)
            outcome = await self._post(self._routes[fips], due)
            return outcome if outcome.verdict is Verdict.DELIVERED else transient(outcome.error)

        async def report(number: int, outcome: Outcome, wait: float) -> None:
            log.warning("exchange.push_failed", attempt=number, error_type=outcome.error, delay_seconds=wait)

        async def sleep(seconds: float) -> None:
            await sleep_unless(self._stop, self._clock, seconds)

        await _PUSH_WAITS.retrying(done=due.attempts, sleep=sleep, before_sleep=report)(attempt)
        async with store.begin() as conn:
            await book.settle_push(conn, due.id, self._clock.now())
        log.info("exchange.pushed")

    async def _post(self, route: Route, due: Push) -> Outcome:
        if route not in self._transports:
            self._transports[route] = HttpTransport(route.url, route.token, timeout_seconds=10.0)
        posting = asyncio.ensure_future(self._transports[route].deliver(due.parcel, _nothing_to_note))
        await until_stopped(posting, self._stop, _CLOSING)
        try:
            return await posting
        except Exception as error:
            return transient(type(error).__name__)


async def _nothing_to_note() -> None:
    """Take the place of a commit that a post over HTTP does not need."""


def _json(status: int, body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
