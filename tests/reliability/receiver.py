"""The other end of the way out: takes batches over HTTP, remembers them, and answers with a receipt."""

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web
from aside import Aside

from csenet.codecs.flatfile import read_all
from csenet.codecs.transaction import Direction

Before = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


async def _nothing(_request: web.Request) -> None:
    return None


class Receiver(Aside):
    """Take batches; the first time that a key comes counts, as at the exchange."""

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__()
        self.batches: dict[str, tuple[int, bytes]] = {}
        """By key: the place in the order of arrival, and the bytes."""
        self.moments: dict[str, float] = {}
        self.posts = 0
        self.records: Counter[str] = Counter()
        """By path: how many transactions came for the first time."""
        self.direction = Direction.TO_SERVER
        self.conflicts: list[str] = []
        self.before: Before = _nothing
        """Asked before a batch counts; what it answers is the answer, and the batch does not count."""
        self.after: Before = _nothing
        """Asked before the receipt of a batch that counts is sent."""
        self._order = itertools.count()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Give the address to deliver to."""
        return f"http://127.0.0.1:{self.port}/"

    def arrived(self) -> list[tuple[int, bytes]]:
        """Give what came, each behind its place in the order of arrival."""
        return sorted(self.batches.values())

    async def begin(self) -> int:
        """Listen."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def end(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.posts += 1
        instead = await self.before(request)
        if instead is not None:
            return instead
        try:
            raw = await request.read()
        except ConnectionError:
            return web.Response(status=400)  # nobody is left to read it
        key = request.headers["Idempotency-Key"]
        count = len(list(read_all(raw, direction=self.direction)))
        if key not in self.batches:
            self.batches[key] = next(self._order), raw
            self.moments[key] = time.monotonic()
            self.records[request.path[1:]] += count
        elif self.batches[key][1] != raw:
            self.conflicts.append(f"{key}: other bytes under the same key")
        digest = hashlib.sha256(raw).hexdigest()
        instead = await self.after(request)
        return instead or web.json_response({"sha256": digest, "count": count})
