"""The other end of the way out: takes batches over HTTP, remembers them, and answers with a receipt."""

import asyncio
import hashlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from csenet.codecs.flatfile import read_all
from csenet.codecs.transaction import Direction

Before = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


async def _nothing(_request: web.Request) -> None:
    return None


class Receiver:
    """Serve from a thread of its own; the first time that a key comes counts, as at the exchange."""

    def __init__(self) -> None:
        """Know nothing yet."""
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
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def port(self) -> int:
        """Give the port on the loopback address."""
        return self._port

    @property
    def url(self) -> str:
        """Give the address to deliver to."""
        return f"http://127.0.0.1:{self._port}/"

    def arrived(self) -> list[tuple[int, bytes]]:
        """Give what came, each behind its place in the order of arrival."""
        return sorted(self.batches.values())

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self._port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

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
