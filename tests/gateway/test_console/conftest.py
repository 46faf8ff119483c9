"""Open Minnesota's pages on a desk that works on a store in a folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from csenet.gateway.casework import build_app
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.people import tokens
from csenet.gateway.store.engine import Store

VOID = {"meta", "link", "br", "input", "hr", "img", "col"}


class Reader(HTMLParser):
    """Check that tags close in order, and collect texts and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


Look = Callable[[str], Awaitable[Reader]]


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """Pages are tried on the embedded store; their read models are tried on both."""
    return tmp_path / "gateway.db"


@pytest.fixture
async def browser(aiohttp_client: Any, desk: Desk, store: Store, clock: ManualClock) -> TestClient[Any, Any]:
    async with store.begin() as conn:
        shown = await tokens.create(conn, "looker", "operator", clock.now())
    client: TestClient[Any, Any] = await aiohttp_client(
        build_app(desk, store, clock=clock, jurisdiction_name="Minnesota"),
        headers={"Authorization": f"Bearer {shown}"},
    )
    return client


@pytest.fixture
def look(browser: TestClient[Any, Any]) -> Look:
    """Open a page and read it."""

    async def read(path: str) -> Reader:
        answer = await browser.get(path)
        assert answer.status == 200, await answer.text()
        return Reader(await answer.text())

    return read
