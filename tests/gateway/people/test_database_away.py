"""Every route has whoever asks while the database is away come again, as a page where one was asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from csenet.gateway.casework import build_app
from csenet.gateway.clock import ManualClock
from csenet.gateway.console.part import add_pages
from csenet.gateway.console.sources import Sources
from csenet.gateway.desk import Desk
from csenet.gateway.participant.listening import add_participants
from csenet.gateway.participant.site import Site
from csenet.gateway.people.accounts import Accounts
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.signing import token_of
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.settings.people import PeopleSection
from csenet.gateway.store.engine import Store, store_at, store_url
from csenet.gateway.store.errors import is_away

from .conftest import Client, enter


class Away:
    """Take the database away and give it back."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = False
        for name in ("begin", "read", "glance", "together"):
            monkeypatch.setattr(store, name, self._asked(getattr(store, name)))

    def _asked(self, real: Any) -> Any:
        def ask(*args: Any, **more: Any) -> Any:
            if self.now:
                raise ConnectionRefusedError("private text")
            return real(*args, **more)

        return ask


@pytest.fixture
def away(store: Store, monkeypatch: pytest.MonkeyPatch) -> Away:
    return Away(store, monkeypatch)


@pytest.fixture
async def browser(
    aiohttp_client: Any, desk: Desk, store: Store, clock: ManualClock, settings: PeopleSection, away: Away
) -> Client:
    app = build_app(desk, store, clock=clock, jurisdiction_name="Minnesota", people=settings)
    add_pages(app, Sources(desk=desk, store=store, clock=clock, reader=Reader(desk, store, clock)))
    add_participants(app, Site(desk, store, clock, ParticipantSection(enabled=True), "Minnesota"))

    @web.middleware
    async def lose(request: web.Request, handler: Any) -> web.StreamResponse:
        """Lose it after it was found out who asks, as far as that was found out."""
        away.now = away.now or "X-Lose" in request.headers
        return await handler(request)

    app.middlewares.append(lose)
    client: Client = await aiohttp_client(app)
    return client


OPEN = {
    "/v1/openapi.json",
    "/healthz",
    "/sign-in",
    "/console/assets/{digest}/{file}",
    "/about/{notice}",
    "/participant/about/{notice}",
    "/participant/assets/{digest}/{file}",
    "/participant/api/notices/{notice}",
    "/participant/api/openapi.json",
}
"""What can be shown without asking the database anything."""

AFTER = (
    "/",
    "/v1/transactions",
    "/console/transactions",
    "/console/transactions/in-7",
    "/console/cases/7",
    "/participant/cases",
)
"""Where it may be lost when it was found out who asks."""


def headers_of(path: str, secret: str) -> dict[str, str]:
    """Ask as a browser with that cookie does from a page of ours, or as a participant's program."""
    if path.startswith("/participant/api"):
        return {"Accept": "application/json", "Authorization": "Bearer x"}
    shown = token_of("x" if path.startswith("/participant") else secret)
    return {"Accept": "text/html", "X-CSRF-Token": shown}


async def ask(client: Client, method: str, path: str, headers: dict[str, str]) -> int:
    """Give the status of an answer; one that says to come again says it as it was asked for."""
    sent = {"number": "7", "pin": "7", "name": "pat", "password": "x"}
    json = {} if path.startswith("/participant/api") else None
    form = sent if json is None else None
    async with client.request(
        method, path, data=form, json=json, headers=headers, allow_redirects=False
    ) as answer:
        text = await answer.text()
        if answer.status == 503:
            html = headers["Accept"] == "text/html" and not path.startswith("/v1")
            assert answer.content_type == ("text/html" if html else "application/problem+json"), path
            assert answer.headers["Retry-After"] == "5", path
            assert "private text" not in text
        return answer.status


async def test_every_route(browser: Client, accounts: Accounts, away: Away) -> None:
    await enter(browser, accounts, "pat", "viewer", "caseworker", "operator", "auditor", "administrator")
    jar, root = browser.session.cookie_jar, browser.make_url("/")
    secret = jar.filter_cookies(root)["csenet"].value
    jar.update_cookies({"csenet-participant": "x"}, root)
    for path in AFTER:
        away.now = False
        headers = {**headers_of(path, secret), "X-Lose": "yes"}
        assert await ask(browser, "GET", path, headers) == 503, path
    away.now = True
    for route in browser.server.app.router.routes():  # type: ignore[union-attr]
        if route.resource is None or route.method == "HEAD":
            continue
        path = re.sub("{[^}]+}", "7", route.resource.canonical)
        status = await ask(browser, route.method, path, headers_of(path, secret))
        expected = {503}
        if route.method == "GET" and route.resource.canonical in OPEN:
            expected = {200, 404}
        elif path == "/participant/api/sessions":
            expected = {422}
        assert status in expected, (route.method, route.resource.canonical, status)


async def test_a_socket_that_is_gone_is_a_database_away_and_a_file_is_not(tmp_path: Path) -> None:
    store = store_at(store_url(f"postgresql:///csenet?host={tmp_path}"))
    with pytest.raises(FileNotFoundError) as connecting:
        async with store.read():
            pass
    with pytest.raises(FileNotFoundError) as reading:
        (tmp_path / "banner.txt").read_text("utf-8")
    assert (is_away(connecting.value), is_away(reading.value)) == (True, False)
