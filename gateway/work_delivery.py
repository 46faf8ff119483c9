"""Deliver changed work items to the case system: by a signed call, or as lines of a file.

How far each receiver is, and when it is tried again, stands in the store: a restart goes on where it was.  A
call is repeated until it is answered with 2xx, so a receiver may get the same changes twice and knows them by
their numbers; a line of the file is never written twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
import msgspec

from csenet.gateway.errors import GatewayError
from csenet.gateway.store import receivers
from csenet.gateway.store.receivers import ReceiverState

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from csenet.gateway.clock import Clock
    from csenet.gateway.desk.results import Page
    from csenet.gateway.jobs import Turn
    from csenet.gateway.settings.work import WorkSection

AT_ONCE: Final = 100
"""How many items one call carries."""

_FIRST_DELAY: Final = 15
_LONGEST_DELAY: Final = 3600
_LONGEST_LINE: Final = 1 << 20


class NotTaken(GatewayError):  # noqa: N818 - names what happened
    """Report that a receiver did not take what was delivered, in words that hold no content."""


class Receiver(Protocol):
    """Take changed work items; raises ``NotTaken``."""

    name: str

    async def take(self, page: Page) -> None:
        """Take a page, whole or not at all."""
        ...


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Sign a call: ``v1=`` and the HMAC-SHA256, in hex, of the moment, a full stop and the body."""
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook:
    """Call an address of the case system."""

    name = "webhook"

    def __init__(
        self, url: str, secret: bytes, clock: Clock, *, timeout: float, tls: ssl.SSLContext | None
    ) -> None:
        """Take where to call and how to sign; ``timeout`` is in seconds."""
        self._url, self._secret, self._clock = url, secret, clock
        self._timeout, self._tls = timeout, tls

    async def take(self, page: Page) -> None:
        """Post a page; only an answer of 2xx counts as taken."""
        body = msgspec.json.encode({"work_items": page.items, "next": page.next})
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-CSENet-Timestamp": timestamp,
            "X-CSENet-Delivery": str(page.next),
            "X-CSENet-Signature": signature(self._secret, timestamp, body),
        }
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                tls: Any = True if self._tls is None else self._tls
                # A redirect would carry the items to an address that nobody set.
                async with session.post(
                    self._url, data=body, headers=headers, ssl=tls, allow_redirects=False
                ) as answer:
                    status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotTaken(f"the call failed: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise NotTaken(f"the answer was {status}")


class JsonLines:
    """Append changed items to a file, a line each."""

    name = "file"

    def __init__(self, path: Path) -> None:
        """Take the file; it is made when first written to."""
        self._path = path

    async def take(self, page: Page) -> None:
        """Append what is not there yet."""
        try:
            await asyncio.to_thread(self._append, page.items)
        except OSError as error:
            raise NotTaken(f"the file cannot be written: {error.strerror}") from None

    def _append(self, items: Sequence[Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        with os.fdopen(number, "r+b") as file:
            last = _mended(file)
            lines = [msgspec.json.encode(each) + b"\n" for each in items if each.change > last]
            file.seek(0, os.SEEK_END)
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())


def _mended(file: Any) -> int:
    """Cut off a line that a crash left half written, and return the change of the last whole one."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _LONGEST_LINE)
    file.seek(start)
    tail: bytes = file.read()
    whole = tail[: tail.rfind(b"\n") + 1]
    if len(whole) < len(tail):
        file.truncate(start + len(whole))
    lines = whole.splitlines()
    return int(msgspec.json.decode(lines[-1])["change"]) if lines else 0


def receivers_of(settings: WorkSection, clock: Clock) -> tuple[Receiver, ...]:
    """Put together the receivers that are set."""
    found: list[Receiver] = []
    if settings.webhook is not None:
        from csenet.gateway.tls import client_context

        hook = settings.webhook
        tls = client_context(ca=hook.ca) if hook.ca is not None else None
        secret = hook.secret_file.read_bytes().strip()
        found.append(Webhook(hook.url, secret, clock, timeout=hook.timeout_seconds, tls=tls))
    if settings.file is not None:
        found.append(JsonLines(settings.file))
    return tuple(found)


async def deliver(turn: Turn, settings: WorkSection) -> dict[str, int]:
    """Deliver what changed to each receiver whose time has come, and count the items."""
    return await deliver_to(turn, receivers_of(settings, turn.desk.clock))


async def deliver_to(turn: Turn, chosen: Sequence[Receiver]) -> dict[str, int]:
    """Deliver to these receivers; one that does not take anything stops no other."""
    return {receiver.name: await _deliver(turn, receiver) for receiver in chosen}


async def _deliver(turn: Turn, receiver: Receiver) -> int:
    desk, count = turn.desk, 0
    async with desk.store.read() as conn:
        state = await receivers.of(conn, receiver.name)
    if state.next_attempt_at is not None and state.next_attempt_at > desk.clock.now():
        return 0
    while True:
        page = await desk.work_since(str(state.cursor), AT_ONCE)
        if not page.items:
            return count
        try:
            await receiver.take(page)
        except NotTaken as refused:
            await _save(turn, _later(state, turn, str(refused)))
            desk.log.warning(
                "work.not_delivered",
                transport=receiver.name,
                attempts=state.attempts + 1,
                reason=str(refused),
            )
            return count
        state = ReceiverState(name=receiver.name, cursor=int(page.next or 0), taken_at=desk.clock.now())
        await _save(turn, state)
        count += len(page.items)
        desk.log.info("work.delivered", transport=receiver.name, count=len(page.items))


def _later(state: ReceiverState, turn: Turn, error: str) -> ReceiverState:
    """Wait twice as long after each failure, up to an hour; never give up."""
    delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(state.attempts, 10))
    return msgspec.structs.replace(
        state,
        attempts=state.attempts + 1,
        next_attempt_at=turn.desk.clock.now() + timedelta(seconds=delay),
        last_error=error,
    )


async def _save(turn: Turn, state: ReceiverState) -> None:
    async with turn.desk.store.begin(alone=False) as conn:
        await turn.hold(conn)
        await receivers.save(conn, state)
