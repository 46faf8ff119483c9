"""One gateway with a story played through it, and one Chromium, for all tests of this folder.

Skipped, with the reason, where there is no Chromium: `make browser-test` installs one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from csenet.gateway.demo.report import play
from csenet.gateway.demo.world import World, opened
from csenet.gateway.people import tokens
from csenet.gateway.people.rights import table
from csenet.gateway.store.tables_people import api_token

from ..gateway.patience import BOUND

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = os.environ.get("CSENET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@dataclass
class Running:
    """Hold a gateway that runs in a thread of its own, and ways in by role."""

    url: str
    world: World
    loop: asyncio.AbstractEventLoop
    keys: dict[str, str]

    def do(self, work: Any) -> Any:
        """Run a coroutine where the gateway runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(BOUND)


async def _keys(world: World) -> dict[str, str]:
    """Make a way in for each role of people, and for somebody who has them all."""
    people = [str(role) for role in table().of_kind("person")]
    app, found = world.minnesota.app, {}
    assert app.store is not None
    assert app.clock is not None
    async with app.store.begin() as conn:
        for number, roles in enumerate([*people, " ".join(people)]):
            secret = f"csn_browser{number}{'x' * 40}"
            row = {"name": f"browser-{number}", "role": roles, "sha256": tokens._digest(secret)}
            await conn.execute(insert(api_token).values(**row, created_at=app.clock.now()))
            found["all" if " " in roles else roles] = secret
    return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Play the demo's story and keep the gateway up until the last test."""
    ready, done, held = threading.Event(), threading.Event(), []

    async def live() -> None:
        async with opened(tmp_path_factory.mktemp("world"), usual_ports=False) as world:
            await play(world.stage(), lambda part, word: None)
            held.append(
                Running(world.minnesota.office.url, world, asyncio.get_running_loop(), await _keys(world))
            )
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    # Each step of the story has a limit of its own.
    while not ready.wait(1.0):
        assert thread.is_alive(), "the demo's story did not come to its end"
    yield held[0]
    done.set()
    thread.join(BOUND)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start the browser once."""
    if CHROMIUM is None:
        assert "CSENET_REQUIRE_BROWSER" not in os.environ, "no chromium, and these tests may not be skipped"
        pytest.skip("no chromium on this machine: make browser-test installs one")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=BOUND * 1000)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Give what makes visitors, each with a memory of its own and as patient as every test."""
    come: list[Any] = []

    def made(**options: Any) -> Any:
        come.append(chromium.new_context(**options))
        come[-1].set_default_timeout(BOUND * 1000)
        return come[-1]

    yield made
    for each in come:
        each.close()


@pytest.fixture(scope="module")
def pictures() -> Path:
    """Say where pictures of the pages are kept, to be looked at."""
    folder = Path(os.environ.get("CSENET_PICTURES", "build/pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Tab:
    """Hold one page of the browser and what went wrong on it."""

    def __init__(self, context: Any, url: str) -> None:
        self.url = url
        self.page = context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", self._console)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._response)

    def _console(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.wrong.append(message.text)

    def _failed(self, request: Any) -> None:
        # Whoever leaves a page breaks off what it was asking for at that moment.
        if request.failure != "net::ERR_ABORTED":
            self.wrong.append(f"failed: {request.url}: {request.failure}")

    def _response(self, response: Any) -> None:
        if response.status >= 400 and "/console/assets/" in response.url:
            self.wrong.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> Any:
        self.page.goto(self.url + path)
        return self.page


@pytest.fixture
def tab(visitor: Callable[..., Any], running: Running) -> Iterator[Tab]:
    """Give a tab of somebody who has every role."""
    context = visitor(
        viewport={"width": 1360, "height": 900},
        extra_http_headers={"Authorization": f"Bearer {running.keys['all']}"},
    )
    opened_tab = Tab(context, running.url)
    yield opened_tab
    context.close()
    assert opened_tab.wrong == []
