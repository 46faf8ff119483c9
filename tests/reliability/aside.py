"""Serve from a thread of one's own, while the proof goes on in its own way."""

import asyncio
import threading
from typing import Any


class Aside:
    """Run a server of asyncio as long as the block lasts; who serves says how it begins and ends."""

    def __init__(self) -> None:
        """Begin nothing yet."""
        self.port = 0
        """The port on the loopback address, known as soon as the block begins."""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def begin(self) -> int:
        """Listen, and return the port."""
        raise NotImplementedError

    async def end(self) -> None:
        """Listen no more."""

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self.port = self._loop.run_until_complete(self.begin())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self.end())
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()
