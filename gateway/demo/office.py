"""A state's case system, as far as the demo needs one: it talks to its gateway over the casework API only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp

Answer = TypeVar("Answer")
Body = dict[str, Any]

PATIENCE_SECONDS = 90.0
"""How long a step of the story may take before it counts as not held."""
_LOOK_AGAIN_SECONDS = 0.02


class StoryError(AssertionError):
    """Say which part of the story did not hold."""


class Office:
    """The people and programs of one state's agency behind its gateway's API."""

    def __init__(self, name: str, fips: str, url: str, token: str, session: aiohttp.ClientSession) -> None:
        self.name = name
        self.fips = fips
        self.url = url
        self._token = token
        self._session = session

    async def call(self, method: str, path: str, body: Body | None = None) -> Any:
        """Ask the gateway; raise StoryError with its problem document when it refuses."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._session.request(method, self.url + path, json=body, headers=headers) as answer:
            document = await answer.json(content_type=None)
            if answer.status >= 400:
                raise StoryError(f"{self.name}: {method} {path} answered {answer.status}: {document}")
            return document

    async def put_case(self, case_id: str, facts: Body) -> None:
        """Push the facts of a case."""
        await self.call("PUT", f"/v1/cases/{case_id}", facts)

    async def case(self, case_id: str) -> Body:
        """Read a case with its state and timeline."""
        view: Body = await self.call("GET", f"/v1/cases/{case_id}")
        return view

    async def send(self, case_id: str, far: str) -> Body:
        """Have the gateway build and send a transaction on a case; return its outbox row."""
        answer = await self.call("POST", "/v1/transactions", {"case_id": case_id, "far": far})
        row: Body = answer["transactions"][0]
        return row

    async def transactions(self, **filters: str) -> list[Body]:
        """List transactions, oldest first."""
        return await self._list("transactions", filters)

    async def work(self, **filters: str) -> list[Body]:
        """List work items, oldest first."""
        return await self._list("work-items", filters)

    async def _list(self, what: str, filters: dict[str, str]) -> list[Body]:
        rows: list[Body] = []
        query = dict(filters)
        while True:
            page = await self.call("GET", f"/v1/{what}?{urlencode(query)}")
            rows += page[what.replace("-", "_")]
            if page["next"] is None:
                return rows
            query["after"] = page["next"]

    async def complete(self, item: Body, on: str) -> None:
        """Say that a piece of work was done on a day (CCYY-MM-DD)."""
        await self.call("POST", f"/v1/work-items/{item['id']}/complete", {"on": on})


async def until(what: str, look: Callable[[], Awaitable[Answer | None]]) -> Answer:
    """Look again and again until there is something to see; raise StoryError naming what never came."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        if seen := await look():
            return seen
        if asyncio.get_running_loop().time() > deadline:
            raise StoryError(f"did not happen in {PATIENCE_SECONDS:.0f} s: {what}")
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
